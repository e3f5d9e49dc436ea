"""Adamax."""

from .._rustgrad.torch import maximum, zeros_like
from .optimizer import as_step
from .stepwise import Stepwise, decayed

__all__ = ["Adamax"]


class Adamax(Stepwise):
    """Adam with the largest recent gradient in the place of the root mean square, after Kingma and Ba 2015."""

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )

    def _start(self, p, grad, state, group):
        state["step"] = as_step(0)
        state["exp_avg"] = zeros_like(p)
        state["exp_inf"] = zeros_like(p)

    def _change(self, p, grad, state, group):
        state["step"] += 1
        grad, (beta1, beta2) = decayed(p, grad, group), group["betas"]
        mean = state["exp_avg"].lerp_(grad, 1 - beta1)
        largest = state["exp_inf"]
        largest.copy_(maximum(largest.mul(beta2), grad.abs().add_(group["eps"])))
        p.addcdiv_(mean, largest, value=-float(group["lr"]) / (1 - beta1 ** state["step"].item()))
