"""Adam and AdamW."""

from .._rustgrad import Tensor, optim
from .._rustgrad.torch import maximum, zeros_like
from ..grad_mode import enable_grad
from .optimizer import Optimizer, as_step, check
from .sgd import refuse_modes

__all__ = ["Adam", "AdamW"]

_step = optim.Step("adam")


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square, after Kingma and Ba 2015.

    weight_decay adds weight_decay * p to the gradient; with decoupled_weight_decay it shrinks the parameter instead.
    amsgrad keeps the largest mean square seen. foreach, fused and capturable choose implementations in PyTorch; here
    there is one, and they change nothing.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay: float = 0,
        amsgrad=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
        fused=None,
        decoupled_weight_decay=False,
    ):
        if isinstance(lr, Tensor):
            if foreach and not capturable:
                raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
            if lr.numel() != 1:
                raise ValueError("Tensor lr must be 1-element")
        check(lr >= 0.0, "learning rate", lr)
        check(eps >= 0.0, "epsilon value", eps)
        check(0.0 <= betas[0] < 1.0, "beta parameter at index 0", betas[0])
        check(0.0 <= betas[1] < 1.0, "beta parameter at index 1", betas[1])
        check(weight_decay >= 0.0, "weight_decay value", weight_decay)
        if not any(all(isinstance(beta, kind) for beta in betas) for kind in (float, Tensor)):
            raise ValueError("betas must be either both floats or both Tensors")
        for i, beta in enumerate(betas):
            if not isinstance(beta, Tensor):
                continue
            if foreach and not capturable:
                raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
            if beta.numel() != 1:
                raise ValueError(f"Tensor betas[{i}] must be 1-element")
        refuse_modes(differentiable, foreach, fused)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas if differentiable else tuple(float(b) if isinstance(b, Tensor) else b for b in betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for values in self.state.values():
            if isinstance(values, dict) and "step" in values and not isinstance(values["step"], Tensor):
                values["step"] = as_step(values["step"])

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
            beta1, beta2 = group["betas"]
            _step(
                group["params"],
                state,
                group["lr"],
                beta1,
                beta2,
                group["eps"],
                group["weight_decay"],
                group["amsgrad"],
                group["maximize"],
                group["decoupled_weight_decay"],
            )
        return loss

    def _recorded(self, p, grad, state, group):
        """The step in operations that backward passes, also to hyperparameters that are tensors."""
        if not state:
            state["step"] = as_step(0)
            for name in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")[: 3 if group["amsgrad"] else 2]:
                state[name] = zeros_like(p)
        state["step"] += 1
        step, lr, decay, (beta1, beta2) = state["step"], group["lr"], group["weight_decay"], group["betas"]
        if isinstance(decay, Tensor) or decay != 0:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * decay)
            else:
                grad = grad + decay * p
        state["exp_avg"] = mean = beta1 * state["exp_avg"] + (1 - beta1) * grad
        state["exp_avg_sq"] = square = beta2 * state["exp_avg_sq"] + (1 - beta2) * grad * grad
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = square = maximum(state["max_exp_avg_sq"], square)
        size = (square / (1 - beta2**step)).sqrt() + group["eps"]
        p.sub_(lr / (1 - beta1**step) * mean / size)


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameters directly, after Loshchilov and Hutter 2019."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        *,
        maximize=False,
        foreach=None,
        capturable=False,
        differentiable=False,
        fused=None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
