"""RMSprop."""

from .._rustgrad import optim
from .by_row import ByRow
from .optimizer import check

__all__ = ["RMSprop"]


class RMSprop(ByRow):
    """Steps divided by the root of a running mean of the squared gradient, after Hinton's lecture of 2012.

    centered: the variance takes the place of the mean square (Graves 2013). momentum: steps add up in a buffer.
    """

    _row = optim.Step("rmsprop")

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

    def _options(self, group):
        return (
            group["lr"],
            group["alpha"],
            group["eps"],
            group["weight_decay"],
            group["momentum"],
            group["centered"],
            group["maximize"],
        )
