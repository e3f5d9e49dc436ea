"""Keeping gradients small: by their common norm, or each by its value."""

import math

from ..._rustgrad import Tensor, tensor
from ..._rustgrad.torch import stack
from ...grad_mode import no_grad

__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _listed(tensors):
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _norm(x, p):
    if p == 2:
        return x.square().sum().sqrt()
    if p == math.inf:
        return x.abs().amax()
    if p == 1:
        return x.abs().sum()
    return x.abs().pow(p).sum().pow(1.0 / p)


@no_grad()
def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The norm of all tensors together, as if they were one vector."""
    tensors, p = _listed(tensors), float(norm_type)
    if not tensors:
        return tensor(0.0)
    total = _norm(stack([_norm(x, p) for x in tensors]), p)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {p} for gradients from `parameters` is non-finite, so it cannot be clipped. "
            "To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Scale the gradients in place by max_norm / total_norm, where that is below 1."""
    scale = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for param in _listed(parameters):
        if param.grad is not None:
            param.grad.mul_(scale)


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scale all gradients in place so that their common norm is at most `max_norm`; return the norm before."""
    parameters = _listed(parameters)
    grads = [param.grad for param in parameters if param.grad is not None]
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


@no_grad()
def clip_grad_value_(parameters, clip_value, foreach=None):
    """Bring each element of the gradients, in place, between -clip_value and clip_value."""
    bound = float(clip_value)
    for param in _listed(parameters):
        if param.grad is not None:
            param.grad.clamp_(min=-bound, max=bound)
