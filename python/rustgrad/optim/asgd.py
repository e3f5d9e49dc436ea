"""Averaged stochastic gradient descent."""

from .._rustgrad import tensor
from .._rustgrad.torch import zeros_like
from .optimizer import as_step
from .stepwise import Stepwise, decayed

__all__ = ["ASGD"]


class ASGD(Stepwise):
    """Descent at the rate lr / (1 + lambd * lr * step)^alpha with the parameters' mean in `ax`, after Polyak and
    Juditsky 1992. The mean begins after `t0` steps.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        lambd=1e-4,
        alpha=0.75,
        t0=1e6,
        weight_decay=0,
        foreach=None,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        super().__init__(
            params,
            lr=lr,
            lambd=lambd,
            alpha=alpha,
            t0=t0,
            weight_decay=weight_decay,
            foreach=foreach,
            maximize=maximize,
            differentiable=differentiable,
            capturable=capturable,
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for values in self.state.values():
            if isinstance(values, dict):
                values.update({k: as_step(values[k]) for k in ("step", "eta", "mu") if k in values})

    def _start(self, p, grad, state, group):
        state["step"] = as_step(0)
        state["eta"] = as_step(group["lr"])
        state["mu"] = as_step(1)
        state["ax"] = zeros_like(p)

    def _change(self, p, grad, state, group):
        state["step"] += 1
        grad, mean, eta, mu = decayed(p, grad, group), state["ax"], state["eta"], state["mu"]
        rate, lr, lambd = eta.item(), float(group["lr"]), group["lambd"]
        p.mul_(1 - lambd * rate).add_(grad, alpha=-rate)
        if mu.item() == 1:
            mean.copy_(p)
        else:
            mean.add_(p.sub(mean).mul_(mu))
        step = state["step"].item()
        eta.copy_(tensor(lr / (1 + lambd * lr * step) ** group["alpha"]))
        mu.copy_(tensor(1 / max(1, step - group["t0"])))
