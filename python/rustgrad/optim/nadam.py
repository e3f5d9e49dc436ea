"""NAdam."""

from .._rustgrad import tensor
from .._rustgrad.torch import zeros_like
from .optimizer import as_step, check
from .stepwise import Stepwise, apart, decayed

__all__ = ["NAdam"]


class NAdam(Stepwise):
    """Adam with Nesterov momentum, whose weight grows with the steps by momentum_decay, after Dozat 2016."""

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
    ):
        check(momentum_decay >= 0.0, "momentum_decay value", momentum_decay)
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            differentiable=differentiable,
        )

    def _start(self, p, grad, state, group):
        state["step"] = as_step(0)
        state["mu_product"] = tensor(1.0, dtype=state["step"].dtype)
        state["exp_avg"] = zeros_like(p)
        state["exp_avg_sq"] = zeros_like(p)

    def _change(self, p, grad, state, group):
        state["step"] += 1
        step, lr, (beta1, beta2) = state["step"].item(), float(group["lr"]), group["betas"]
        grad = decayed(p, grad, group)
        now, then = (beta1 * (1 - 0.5 * 0.96 ** (k * group["momentum_decay"])) for k in (step, step + 1))
        state["mu_product"] *= now
        product = state["mu_product"].item()
        mean = state["exp_avg"].lerp_(grad, 1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        size = apart(square.div(1 - beta2**step).sqrt(), group).add_(group["eps"])
        p.addcdiv_(grad, size, value=-lr * (1 - now) / (1 - product))
        p.addcdiv_(mean, size, value=-lr * then / (1 - product * then))
