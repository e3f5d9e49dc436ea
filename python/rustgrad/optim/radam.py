"""RAdam."""

from .._rustgrad.torch import zeros_like
from .optimizer import as_step
from .stepwise import Stepwise, apart, decayed

__all__ = ["RAdam"]


class RAdam(Stepwise):
    """Adam whose first steps are not scaled, while the mean square is too uncertain, after Liu and others 2019."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
    ):
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            decoupled_weight_decay=decoupled_weight_decay,
            differentiable=differentiable,
        )

    def _start(self, p, grad, state, group):
        state["step"] = as_step(0)
        state["exp_avg"] = zeros_like(p)
        state["exp_avg_sq"] = zeros_like(p)

    def _change(self, p, grad, state, group):
        state["step"] += 1
        step, lr, (beta1, beta2) = state["step"].item(), float(group["lr"]), group["betas"]
        grad = decayed(p, grad, group)
        mean = state["exp_avg"].lerp_(grad, 1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        change = mean / (1 - beta1**step) * lr
        # The length of the simple moving average that the mean square stands for, at most and now.
        longest, correction = 2 / (1 - beta2) - 1, 1 - beta2**step
        length = longest - 2 * step * beta2**step / correction
        if length > 5:
            scale = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            change = change * (correction**0.5 / apart(square.sqrt(), group).add_(group["eps"])) * scale**0.5
        p.add_(change, alpha=-1.0)
