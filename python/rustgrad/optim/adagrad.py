"""Adagrad."""

from .._rustgrad import optim
from .._rustgrad.torch import full_like
from .by_row import ByRow
from .optimizer import as_step, check

__all__ = ["Adagrad"]


class Adagrad(ByRow):
    """Steps divided by the root of the sum of all squared gradients, after Duchi, Hazan and Singer 2011.

    lr_decay: the rate is lr / (1 + (step - 1) * lr_decay). The sum begins at initial_accumulator_value.
    """

    _row = optim.Step("adagrad")

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        fused=None,
    ):
        check(lr_decay >= 0.0, "lr_decay value", lr_decay)
        check(initial_accumulator_value >= 0.0, "initial_accumulator_value value", initial_accumulator_value)
        super().__init__(
            params,
            lr=lr,
            lr_decay=lr_decay,
            eps=eps,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            fused=fused,
        )

    def add_param_group(self, param_group):
        """Optimize further parameters; their sums of squares begin here."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for p in group["params"]:
            start = group["initial_accumulator_value"]
            both = complex(start, start) if p.is_complex() else start
            total = full_like(p, both).detach()  # pyright: ignore[reportArgumentType]
            self.state[p] = {"step": as_step(0), "sum": total}

    def _options(self, group):
        return group["lr"], group["lr_decay"], group["eps"], group["weight_decay"], group["maximize"]
