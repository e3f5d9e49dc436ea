"""Stochastic gradient descent, with momentum if asked for."""

from .._rustgrad import Tensor, optim
from ..grad_mode import enable_grad
from .optimizer import Optimizer, check

__all__ = ["SGD"]

_step = optim.Step("sgd")


class SGD(Optimizer):
    """p -= lr * g, or with momentum m and dampening d: b = m * b + (1 - d) * g; p -= lr * b.

    nesterov: g + m * b takes the place of b. weight_decay adds weight_decay * p to the gradient. maximize goes uphill.
    foreach and fused choose implementations in PyTorch; here there is one, and they change nothing.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
        foreach=None,
        differentiable=False,
        fused=None,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        check(lr >= 0.0, "learning rate", lr)
        check(momentum >= 0.0, "momentum value", momentum)
        check(weight_decay >= 0.0, "weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        refuse_modes(differentiable, foreach, fused)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def step(self, closure=None):
        """Change the parameters once. `closure` computes the loss and its gradients again; its value is returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if self.defaults["differentiable"]:
            with enable_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        if p.grad is not None:
                            self._recorded(p, -p.grad if group["maximize"] else p.grad, self.state[p], group)
            return loss
        state = self.state
        for group in self.param_groups:
            _step(
                group["params"],
                state,
                group["lr"],
                group["momentum"],
                group["dampening"],
                group["weight_decay"],
                group["nesterov"],
                group["maximize"],
            )
        return loss

    def _recorded(self, p, grad, state, group):
        """The step in operations that backward passes, also to hyperparameters that are tensors."""
        if isinstance(group["weight_decay"], Tensor) or group["weight_decay"] != 0:
            grad = grad + group["weight_decay"] * p
        if isinstance(group["momentum"], Tensor) or group["momentum"] != 0:
            buffer = state.get("momentum_buffer")
            grown = (1 - group["dampening"]) * grad
            buffer = grad.detach().clone() if buffer is None else group["momentum"] * buffer + grown
            state["momentum_buffer"] = buffer
            grad = grad + group["momentum"] * buffer if group["nesterov"] else buffer
        p.sub_(group["lr"] * grad)


def refuse_modes(differentiable, foreach, fused):
    """Combinations that PyTorch refuses."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
