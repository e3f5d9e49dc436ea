"""What optimizers outside of PyTorch take from `torch.optim.optimizer`: packages derive theirs with these names."""

import math
from collections.abc import Iterable
from functools import wraps
from typing import Any, TypeAlias

from .._rustgrad import Tensor
from .._rustgrad.torch import is_complex, view_as_real
from ..grad_mode import set_grad_enabled

__all__ = ["ParamsT"]

ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]


def _use_grad_for_differentiable(func):
    """A step that records its ops where the optimizer is `differentiable`, and only there."""

    @wraps(func)
    def _use_grad(self, *args, **kwargs):
        with set_grad_enabled(self.defaults["differentiable"]):
            return func(self, *args, **kwargs)

    return _use_grad


def _get_value(x):
    """A number, or the only element of a tensor."""
    return x.item() if isinstance(x, Tensor) else x


def _stack_if_compiling(x):
    """`x`: nothing is compiled."""
    return x


def _dispatch_sqrt(x):
    """The square root of a number or a tensor."""
    return x.sqrt() if isinstance(x, Tensor) else math.sqrt(x)


def _view_as_real(params, *state_and_grads) -> None:
    """Put a view of real and imaginary parts in the place of each complex tensor of some lists."""
    for i, p in enumerate(params):
        if is_complex(p):
            params[i] = view_as_real(params[i])
            for held in state_and_grads:
                held[i] = view_as_real(held[i])


def _default_to_fused_or_foreach(params, differentiable: bool, use_fused: bool = False) -> tuple[bool, bool]:
    """Whether an optimizer should take its fused form, or that of whole lists, as on PyTorch's CPU."""
    if differentiable:
        return False, False
    return use_fused and all(p is None or p.is_floating_point() for p in params), False


def _get_capturable_supported_devices(supports_xla: bool = True) -> list[str]:
    """Devices whose steps could be recorded once and replayed."""
    return ["cuda", "xpu", "hpu", "xla"] if supports_xla else ["cuda", "xpu", "hpu"]


def _disable_dynamo_if_unsupported(single_tensor_fn=None):
    """A decorator that gives its function back: nothing is compiled."""
    return lambda func: func
