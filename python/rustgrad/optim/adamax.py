"""Adamax."""

from .._rustgrad import optim
from .by_row import ByRow

__all__ = ["Adamax"]


class Adamax(ByRow):
    """Adam with the largest recent gradient in the place of the root mean square, after Kingma and Ba 2015."""

    _row = optim.Step("adamax")

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

    def _options(self, group):
        return group["lr"], *group["betas"], group["eps"], group["weight_decay"], group["maximize"]
