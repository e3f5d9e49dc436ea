"""What optimizers share that are written parameter by parameter, over tensor operations."""

from typing import Any

from .._rustgrad import Tensor
from ..grad_mode import enable_grad, no_grad
from .optimizer import Optimizer, check
from .sgd import refuse_modes


class Stepwise(Optimizer):
    """An optimizer that changes each parameter with `_change`."""

    def __init__(self, params, **options):
        lr = options["lr"]
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        check(bool(lr >= 0.0), "learning rate", lr)
        check(options["eps"] >= 0.0, "epsilon value", options["eps"])
        for i, beta in enumerate(options.get("betas", ())):
            check(0.0 <= beta < 1.0, f"beta parameter at index {i}", beta)
        check(options["weight_decay"] >= 0.0, "weight_decay value", options["weight_decay"])
        refuse_modes(options["differentiable"], options["foreach"], options.get("fused"))
        super().__init__(params, options)

    def step(self, closure=None):
        """Change the parameters once. `closure` computes the loss and its gradients again; its value is returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self._change(p, -p.grad if group["maximize"] else p.grad, self.state[p], group)
        return loss

    def _change(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        raise NotImplementedError


def decayed(p, grad, group):
    """The gradient with weight decay, which with decoupled_weight_decay shrinks the parameter instead."""
    decay = group["weight_decay"]
    if decay == 0:
        return grad
    if group.get("decoupled_weight_decay"):
        p.mul_(1 - float(group["lr"]) * decay)
        return grad
    return grad.add(p, alpha=decay)
