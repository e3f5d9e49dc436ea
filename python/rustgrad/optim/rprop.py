"""Rprop."""

from typing import Any

from .._rustgrad.torch import full_like, zeros_like
from .optimizer import as_step, check
from .stepwise import Stepwise

__all__ = ["Rprop"]


class Rprop(Stepwise):
    """Steps whose size each element learns from the signs of its gradients, after Riedmiller and Braun 1993.

    A step grows by etas[1] while the sign stays and shrinks by etas[0] where it turned, within step_sizes; where it
    turned, the gradient counts as zero once.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        etas=(0.5, 1.2),
        step_sizes=(1e-6, 50),
        *,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        check(0.0 < etas[0] < 1.0 < etas[1], "eta values", f"{etas[0]}, {etas[1]}")
        super().__init__(
            params,
            lr=lr,
            etas=etas,
            step_sizes=step_sizes,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )

    def _start(self, p, grad, state, group):
        lr = float(group["lr"])
        size: Any = complex(lr, lr) if p.is_complex() else lr
        state["step"] = as_step(0)
        state["prev"] = zeros_like(p)
        state["step_size"] = full_like(grad, size)

    def _change(self, p, grad, state, group):
        state["step"] += 1
        less, more = group["etas"]
        turn = grad.detach().mul(state["prev"].detach())
        factor = turn.sign()
        factor[turn.gt(0)] = more
        factor[turn.lt(0)] = less
        factor[factor.eq(0)] = 1
        size = state["step_size"].mul_(factor).clamp_(*group["step_sizes"])
        grad = grad.masked_fill(turn.lt(0), 0)
        p.addcmul_(grad.sign(), size, value=-1)
        state["prev"].copy_(grad)
