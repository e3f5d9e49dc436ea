"""Keeping gradients small: by their common norm, or each by its value."""

import types
import warnings

from ..._rustgrad import Tensor, _library, tensor
from ..._rustgrad.torch import clamp, stack
from ...grad_mode import no_grad
from .._compose import vector_norm

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _listed(tensors):
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


@no_grad()
def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None) -> Tensor:
    """The norm of all tensors together, as if they were one vector; 0 for none.

    norm_type: any order; 0 is the norm of order 0 of the tensors' norms, so the number of tensors that are not zero.
    Raises RuntimeError where the norm is not finite and `error_if_nonfinite`. foreach changes nothing.
    """
    tensors, p = _listed(tensors), float(norm_type)
    if not tensors:
        return tensor(0.0)
    norms = [vector_norm(x, p) for x in tensors]
    total = vector_norm(stack([norm.to(tensors[0].device) for norm in norms]), p)
    # What is not finite is the only number whose difference from itself is not 0.
    if error_if_nonfinite and (total - total).item() != 0:
        raise RuntimeError(
            f"The total norm of order {p} for gradients from `parameters` is non-finite, so it cannot be clipped. "
            "To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None) -> None:
    """Scale the gradients in place by max_norm / total_norm, where that is below 1. foreach changes nothing."""
    scale = clamp(float(max_norm) / (total_norm + 1e-6), max=1.0)
    for param in _listed(parameters):
        if param.grad is not None:
            param.grad.mul_(scale.to(param.grad.device))


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None) -> Tensor:
    """Scale all gradients in place so that their common norm is at most `max_norm`; return the norm before.

    Warns where `parameters` is a generator that has nothing left. The other arguments are those of `get_total_norm`.
    """
    exhausted = isinstance(parameters, types.GeneratorType)
    parameters = _listed(parameters)
    if exhausted and not parameters:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    grads = [param.grad for param in parameters if param.grad is not None]
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_norm(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None) -> Tensor:
    """The older name of `clip_grad_norm_`."""
    warnings.warn(
        f"`{_library()}.nn.utils.clip_grad_norm` is now deprecated in favor of "
        f"`{_library()}.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad()
def clip_grad_value_(parameters, clip_value, foreach=None) -> None:
    """Bring each element of the gradients, in place, between -clip_value and clip_value. foreach changes nothing."""
    bound = float(clip_value)
    for param in _listed(parameters):
        if param.grad is not None:
            param.grad.clamp_(min=-bound, max=bound)
