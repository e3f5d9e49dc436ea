"""Normalisation over groups, instances and neighbouring channels, by the kernels of `layer_norm` and `batch_norm`."""

import math
import operator

from ..._rustgrad import bfloat16, float16, float32
from ..._rustgrad.nn import batch_norm, layer_norm
from ..._rustgrad.torch import _check_norm_parameters, cat
from ...grad_mode import no_grad
from ...overrides import overridable
from .._compose import laid_out_like, scalar_name, shown

__all__ = ["group_norm", "instance_norm", "local_response_norm", "rms_norm"]

_EPS = {
    "complex64": 2.0**-23,
    "complex128": 2.0**-52,
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
    "float32": 2.0**-23,
    "float64": 2.0**-52,
}


def _check_vectors(channels, **vectors):
    for name, vector in vectors.items():
        if vector is not None and vector.numel() != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {vector.numel()}")


def _per_channel(vector, x):
    """A vector of channels, shaped to multiply `x`, whose channels are dim 1."""
    return vector.to(x.dtype).view(-1, *[1] * (x.ndim - 2))


@overridable
def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    """`batch_norm` of each example by itself: input (N, C, ...). Running statistics are means over the batch.

    use_input_stats: take mean and variance of the input; else the running ones. Raises ValueError for a single spatial
    element, RuntimeError for sizes that do not fit. Ulyanov et al. 2016.
    """
    if use_input_stats and math.prod(input.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    examples, channels = input.shape[:2]
    # One batch norm over all pairs of example and channel, each a channel of its own.
    weights, biases = (None if v is None else v.expand(examples, *v.shape).reshape(-1) for v in (weight, bias))
    _check_vectors(examples * channels, weight=weights, bias=biases)
    rows = input.reshape(1, examples * channels, *input.shape[2:])
    if eps > 0:
        result = batch_norm(rows, None, None, weights, biases, True, momentum, eps)
    else:  # which only the public batch norm refuses
        dims = [0, *range(2, rows.ndim)]
        centred = rows - rows.mean(dims, keepdim=True)
        result = centred * (centred.square().mean(dims, keepdim=True) + eps).rsqrt()
        result = result if weights is None else result * _per_channel(weights, result)
        result = result if biases is None else result + _per_channel(biases, result)
    if input.numel():
        with no_grad():
            x = input.to(float32) if input.dtype in (float16, bfloat16) else input
            rows = x.reshape(examples, channels, -1)
            if running_mean is not None:
                mean = rows.mean(2).mean(0).to(running_mean.dtype)
                running_mean.mul_(1 - momentum).add_(mean, alpha=momentum)
            if running_var is not None:
                var = rows.var(2).mean(0).to(running_var.dtype)
                running_var.mul_(1 - momentum).add_(var, alpha=momentum)
    return result.view(input.shape)


@overridable
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """Each group of channels of each example less its mean and divided by sqrt(variance + eps); then weight and bias.

    input: (N, C, ...); weight and bias: (C,). Raises RuntimeError where num_groups does not divide the channels or
    sizes do not fit, ValueError for a single value per group. Wu and He 2018.
    """
    if input.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    shape = list(input.shape)
    examples, channels = shape[:2]
    if num_groups and examples * channels // num_groups * math.prod(shape[2:]) and _single(shape, num_groups):
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {shape}")
    if channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{shape} and num_groups={num_groups}"
        )
    for name, vector in (("weight", weight), ("bias", bias)):
        if vector is not None and (vector.ndim != 1 or vector.numel() != channels):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                f"shape {list(vector.shape)} and input of shape {shape}"
            )
    _check_norm_parameters(input, weight, bias)
    if not input.is_floating_point():
        raise NotImplementedError(f"\"GroupNormKernelImpl\" not implemented for '{scalar_name(input.dtype)}'")
    x = input.to(float32) if input.dtype in (float16, bfloat16) else input
    if x.numel():
        rows = x.reshape(examples * num_groups, -1)
        x = layer_norm(rows, (rows.shape[1],), None, None, eps).view(shape)
    if weight is not None:
        x = x * _per_channel(weight, x)
    if bias is not None:
        x = x + _per_channel(bias, x)
    return shown("NativeGroupNormBackward0", laid_out_like(x.to(input.dtype), input), input, weight, bias)


def _single(shape, num_groups) -> bool:
    """Whether each group of an example has one value, and there is one example."""
    return shape[0] * shape[1] // num_groups * math.prod(shape[2:]) == 1


@overridable
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """Each slice over the last dims, `normalized_shape`, divided by sqrt(mean of squares + eps), times `weight`.

    eps: by default the distance from 1 to the next number of the dtype. Raises RuntimeError for shapes that do not fit.
    Zhang and Sennrich 2019.
    """
    if not isinstance(normalized_shape, (tuple, list)):
        raise TypeError(
            "rms_norm(): argument 'normalized_shape' (position 2) must be tuple of ints, not "
            f"{type(normalized_shape).__name__}"
        )
    sizes = [operator.index(n) for n in normalized_shape]
    if not sizes:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    if weight is not None and list(weight.shape) != sizes:
        raise RuntimeError(
            "Expected weight to be of same shape as normalized_shape, but got weight of shape "
            f"{list(weight.shape)} and normalized_shape = {sizes}"
        )
    if list(input.shape[input.ndim - len(sizes) :]) != sizes or input.ndim < len(sizes):
        raise RuntimeError(
            f"Given normalized_shape={sizes}, expected input with shape [*{', '.join(map(str, sizes))}], but got input "
            f"of size{list(input.shape)}"
        )
    if not input.is_floating_point() and not input.is_complex():
        raise NotImplementedError(f"\"rms_norm\" not implemented for '{scalar_name(input.dtype)}'")
    x = input.to(float32) if input.dtype in (float16, bfloat16) else input
    if eps is None:
        eps = _EPS[str(x.dtype).rpartition(".")[2]]
    dims = tuple(range(-len(sizes), 0))
    result = x * (x.square().mean(dims, keepdim=True) + eps).rsqrt()
    if weight is not None:
        if weight.dtype == input.dtype:
            return (result * weight.to(x.dtype)).to(input.dtype)
        return (result.to(input.dtype) * weight).to(input.dtype)
    return result.to(input.dtype)


@overridable
def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """`input` divided by (k + alpha * mean of squares over `size` neighbouring channels) ^ beta.

    input: (N, C, ...) of at least 3 dims; channels beyond the ends count as 0. Krizhevsky et al. 2012.
    """
    if input.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)")
    if input.numel() == 0:
        return input
    squares, channels = input * input, input.shape[1]
    before, behind = size // 2, (size - 1) // 2
    edges = [squares.new_zeros((input.shape[0], n, *input.shape[2:])) for n in (before, behind)]
    padded = cat([edges[0], squares, edges[1]], 1)
    total = padded.narrow(1, 0, channels)
    for offset in range(1, size):
        total = total + padded.narrow(1, offset, channels)
    return input / (total / size).mul(alpha).add(k).pow(beta)
