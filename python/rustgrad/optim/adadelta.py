"""Adadelta."""

from .._rustgrad import optim
from .by_row import ByRow
from .optimizer import check

__all__ = ["Adadelta"]


class Adadelta(ByRow):
    """Steps in the ratio of running root mean squares of steps and gradients, after Zeiler 2012."""

    _row = optim.Step("adadelta")

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

    def _options(self, group):
        return group["lr"], group["rho"], group["eps"], group["weight_decay"], group["maximize"]
