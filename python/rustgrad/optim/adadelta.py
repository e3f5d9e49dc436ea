"""Adadelta."""

from .._rustgrad.torch import zeros_like
from .optimizer import as_step, check
from .stepwise import Stepwise, apart, decayed

__all__ = ["Adadelta"]


class Adadelta(Stepwise):
    """Steps in the ratio of running root mean squares of steps and gradients, after Zeiler 2012."""

    def __init__(
        self,
        params,
        lr=1.0,
        rho=0.9,
        eps=1e-6,
        weight_decay=0,
        foreach=None,
        *,
        capturable=False,
        maximize=False,
        differentiable=False,
    ):
        check(0.0 <= rho <= 1.0, "rho value", rho)
        super().__init__(
            params,
            lr=lr,
            rho=rho,
            eps=eps,
            weight_decay=weight_decay,
            maximize=maximize,
            capturable=capturable,
            foreach=foreach,
            differentiable=differentiable,
        )

    def _start(self, p, grad, state, group):
        state["step"] = as_step(0)
        state["square_avg"] = zeros_like(p)
        state["acc_delta"] = zeros_like(p)

    def _change(self, p, grad, state, group):
        state["step"] += 1
        grad, rho, eps = decayed(p, grad, group), group["rho"], group["eps"]
        size = state["square_avg"].mul_(rho).addcmul_(grad, grad, value=1 - rho).add(eps).sqrt_()
        change = apart(state["acc_delta"].add(eps).sqrt_(), group).div_(size).mul_(grad)
        state["acc_delta"].mul_(rho).addcmul_(change, change, value=1 - rho)
        p.add_(change, alpha=-float(group["lr"]))
