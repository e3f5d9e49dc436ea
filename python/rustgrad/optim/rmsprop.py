"""RMSprop."""

from .._rustgrad.torch import zeros_like
from .optimizer import as_step, check
from .stepwise import Stepwise, apart, decayed

__all__ = ["RMSprop"]


class RMSprop(Stepwise):
    """Steps divided by the root of a running mean of the squared gradient, after Hinton's lecture of 2012.

    centered: the variance takes the place of the mean square (Graves 2013). momentum: steps add up in a buffer.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        check(momentum >= 0.0, "momentum value", momentum)
        check(alpha >= 0.0, "alpha value", alpha)
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            alpha=alpha,
            eps=eps,
            centered=centered,
            weight_decay=weight_decay,
            capturable=capturable,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
        )

    def _start(self, p, grad, state, group):
        state["step"] = as_step(0)
        state["square_avg"] = zeros_like(p)
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(p)
        if group["centered"]:
            state["grad_avg"] = zeros_like(p)

    def _change(self, p, grad, state, group):
        state["step"] += 1
        grad, lr, alpha = decayed(p, grad, group), float(group["lr"]), group["alpha"]
        square = state["square_avg"].mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            mean = state["grad_avg"].lerp_(grad, 1 - alpha)
            size = square.addcmul(mean, mean, value=-1).sqrt_()
        else:
            size = square.sqrt()
        size = apart(size, group).add_(group["eps"])
        if group["momentum"] > 0:
            p.add_(state["momentum_buffer"].mul_(group["momentum"]).addcdiv_(grad, size), alpha=-lr)
        else:
            p.addcdiv_(grad, size, value=-lr)
