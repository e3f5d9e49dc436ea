"""What optimizers share that are written parameter by parameter, over tensor operations."""

from typing import Any

from .._rustgrad import Tensor
from .._rustgrad import torch as _ops
from ..grad_mode import enable_grad, set_grad_enabled
from .optimizer import Optimizer, check
from .sgd import refuse_modes


class Stepwise(Optimizer):
    """An optimizer that changes each parameter with `_change`, from a state that `_start` makes.

    With differentiable, steps are recorded for backward; parameters need not be leaves then. A complex parameter is
    changed as its real view: both parts are numbers of their own.
    """

    def __init__(self, params, **options):
        one_rate(options["lr"])
        check(bool(options["lr"] >= 0.0), "learning rate", options["lr"])
        check(options.get("eps", 0.0) >= 0.0, "epsilon value", options.get("eps"))
        for i, beta in enumerate(options.get("betas", ())):
            check(0.0 <= beta < 1.0, f"beta parameter at index {i}", beta)
        check(options.get("weight_decay", 0.0) >= 0.0, "weight_decay value", options.get("weight_decay"))
        refuse_modes(options["differentiable"], options["foreach"], options.get("fused"))
        super().__init__(params, options)

    def step(self, closure=None):
        """Change the parameters once. `closure` computes the loss and its gradients again; its value is returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with set_grad_enabled(bool(self.defaults.get("differentiable"))):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self._step_one(p, -p.grad if group.get("maximize") else p.grad, group)
        return loss

    def _step_one(self, p: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state = self.state[p]
        if not state:
            self._start(p, grad, state, group)
        if p.is_complex():
            state = {k: real(v) if v.is_complex() else v for k, v in state.items()}
            p, grad = real(p), real(grad)
        self._change(p, grad, state, group)

    def _start(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        raise NotImplementedError

    def _change(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        raise NotImplementedError


def real(x):
    """The real and imaginary parts of `x` as a real tensor over the same memory."""
    return getattr(_ops, "view_as_real")(x)  # noqa: B009


def one_rate(lr):
    """Refuses a learning rate that is a tensor of several."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")


def decayed(p, grad, group):
    """The gradient with weight decay, which with decoupled_weight_decay shrinks the parameter instead."""
    decay = group["weight_decay"]
    if decay == 0:
        return grad
    if group.get("decoupled_weight_decay"):
        p.mul_(1 - float(group["lr"]) * decay)
        return grad
    return grad.add(p, alpha=decay)


def apart(x, group):
    """A copy of `x` to write to where its value is kept for backward, else `x` itself."""
    return x.clone() if group["differentiable"] else x
