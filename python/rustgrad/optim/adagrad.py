"""Adagrad."""

from .._rustgrad.torch import full_like
from .optimizer import as_step, check
from .stepwise import Stepwise, apart, decayed

__all__ = ["Adagrad"]


class Adagrad(Stepwise):
    """Steps divided by the root of the sum of all squared gradients, after Duchi, Hazan and Singer 2011.

    lr_decay: the rate is lr / (1 + (step - 1) * lr_decay). The sum begins at initial_accumulator_value.
    """

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
        for group in self.param_groups:
            for p in group["params"]:
                self._start(p, p, self.state[p], group)

    def _start(self, p, grad, state, group):
        state["step"] = as_step(0)
        state["sum"] = full_like(p, group["initial_accumulator_value"]).detach()

    def _change(self, p, grad, state, group):
        state["step"] += 1
        grad = decayed(p, grad, group)
        rate = float(group["lr"]) / (1 + (state["step"].item() - 1) * group["lr_decay"])
        size = apart(state["sum"].addcmul_(grad, grad, value=1).sqrt(), group).add_(group["eps"])
        p.addcdiv_(grad, size, value=-rate)
