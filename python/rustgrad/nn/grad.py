"""The gradients of convolutions, as functions."""

from typing import Any

from .._names import lookup as _lookup
from .._rustgrad.torch import empty
from ..autograd import grad as _grad
from ..grad_mode import enable_grad
from . import functional as F

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def _gradient(dims, input, weight, grad_output, options, of):
    # A convolution is linear in each: its gradient is the same wherever it is taken.
    place = empty(of[1], dtype=grad_output.dtype, device=grad_output.device).zero_()
    recorded = grad_output.requires_grad or (input if weight is None else weight).requires_grad
    with enable_grad():
        place.requires_grad_()
        operands = (place, weight) if of[0] == "input" else (input, place)
        value = getattr(F, f"conv{dims}d")(*operands, None, *options)
        return _grad(value, [place], grad_output, create_graph=recorded)[0]


def _of_input(dims, input_size, weight, grad_output, options):
    return _gradient(dims, None, weight, grad_output, options, ("input", tuple(input_size)))


def _of_weight(dims, input, weight_size, grad_output, options):
    return _gradient(dims, input, None, grad_output, options, ("weight", tuple(weight_size)))


def conv1d_input(
    input_size, weight, grad_output, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1
):
    """The gradient of conv1d with respect to its input, of this size, from that of its output."""
    return _of_input(1, input_size, weight, grad_output, (stride, padding, dilation, groups))


def conv1d_weight(
    input, weight_size, grad_output, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1
):
    """The gradient of conv1d with respect to its weight, of this size, from that of its output."""
    return _of_weight(1, input, weight_size, grad_output, (stride, padding, dilation, groups))


def conv2d_input(
    input_size, weight, grad_output, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1
):
    """The gradient of conv2d with respect to its input, of this size, from that of its output."""
    return _of_input(2, input_size, weight, grad_output, (stride, padding, dilation, groups))


def conv2d_weight(
    input, weight_size, grad_output, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1
):
    """The gradient of conv2d with respect to its weight, of this size, from that of its output."""
    return _of_weight(2, input, weight_size, grad_output, (stride, padding, dilation, groups))


def conv3d_input(
    input_size, weight, grad_output, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1
):
    """The gradient of conv3d with respect to its input, of this size, from that of its output."""
    return _of_input(3, input_size, weight, grad_output, (stride, padding, dilation, groups))


def conv3d_weight(
    input, weight_size, grad_output, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1
):
    """The gradient of conv3d with respect to its weight, of this size, from that of its output."""
    return _of_weight(3, input, weight_size, grad_output, (stride, padding, dilation, groups))


__getattr__ = _lookup("torch.nn.grad")
