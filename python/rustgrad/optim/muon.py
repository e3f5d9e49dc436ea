"""Muon."""

import math

from .._rustgrad.torch import addmm, zeros_like
from .adafactor import _refuse
from .stepwise import Stepwise, one_rate

__all__ = ["Muon"]


class Muon(Stepwise):
    """Momentum whose matrix is made nearly orthogonal before each step, after Jordan 2024; for 2-d parameters.

    ns_coefficients, ns_steps: the quintic Newton-Schulz iteration, which runs in bfloat16. adjust_lr_fn: "original"
    (also None) scales a tall matrix's step by the root of rows / columns; "match_rms_adamw" by 0.2 times the root of
    the longer side, after Liu et al. 2025.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        weight_decay=0.1,
        momentum=0.95,
        nesterov=True,
        ns_coefficients=(3.4445, -4.7750, 2.0315),
        eps=1e-7,
        ns_steps=5,
        adjust_lr_fn=None,
    ):
        one_rate(lr)
        _refuse(bool(lr >= 0.0), "Learning rate should be >= 0", lr)
        _refuse(momentum >= 0.0, "momentum should be >= 0", momentum)
        _refuse(weight_decay >= 0.0, "weight decay should be >= 0", weight_decay)
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super(Stepwise, self).__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}"
                    )

    def _start(self, p, grad, state, group):
        state["momentum_buffer"] = zeros_like(grad)

    def _step_one(self, p, grad, group):
        if p.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        super()._step_one(p, grad, group)

    def _change(self, p, grad, state, group):
        lr, momentum = float(group["lr"]), group["momentum"]
        buffer = state["momentum_buffer"].lerp_(grad, 1 - momentum)
        change = grad.lerp(buffer, momentum) if group["nesterov"] else buffer
        change = _orthogonal(change, group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = p.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            scale = 0.2 * math.sqrt(max(rows, columns))
        else:
            scale = math.sqrt(max(1, rows / columns))
        p.mul_(1 - lr * group["weight_decay"])
        p.add_(change, alpha=-lr * scale)


def _orthogonal(matrix, coefficients, steps, eps):
    """`matrix` with singular values near one, in bfloat16."""
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    tall = matrix.size(0) > matrix.size(1)
    x = matrix.bfloat16()
    x = x.T if tall else x
    x = x.div(x.norm().clamp(min=eps))
    for _ in range(steps):
        gram = x @ x.T
        x = addmm(x, addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x
