"""Convolutions of other ranks than the extension's, by way of conv2d."""

from typing import Any

from ..._rustgrad.nn import conv2d, pad
from ..._rustgrad.torch import stack
from ...overrides import overridable
from .._autocast import cast_lower
from .._compose import shown

__all__ = ["conv1d", "conv3d"]


def repeated(name, value, dims) -> tuple[int, ...]:
    """A number, or a sequence of one, as `dims` equal ones. RuntimeError for other lengths, TypeError for no ints."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    for one in values:
        if isinstance(one, (str, float)):
            raise TypeError(f"argument '{name}' must be tuple of ints, not {type(one).__name__}")
    if len(values) not in (1, dims):
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {dims} values to match the convolution "
            f"dimensions, but got {name}={list(values)}"
        )
    return values * dims if len(values) == 1 else values


def check_rank(name, input, dims) -> bool:
    """Whether the input has a batch dim. RuntimeError for ranks other than dims + 1 and dims + 2."""
    if input.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of size: "
            f"{list(input.shape)}"
        )
    return input.ndim == dims + 2


def check_steps(stride, dilation, groups, dims):
    """RuntimeError for steps, gaps or groups that are not positive."""
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if min(stride) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(dilation) <= 0:
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")


def check_bias(weight, bias, channels, transposed=False):
    """RuntimeError unless the bias is one number per channel of the output."""
    if bias is not None and tuple(bias.shape) != (channels,):
        first = "Given transposed=1, weight" if transposed else "Given weight"
        raise RuntimeError(
            f"{first} of size {list(weight.shape)}, expected bias to be 1-dimensional with {channels} elements, but "
            f"got bias of size {list(bias.shape)} instead"
        )


def _check(name, input, weight, bias, stride, dilation, groups, dims):
    check_steps(stride, dilation, groups, dims)
    if weight.ndim != dims + 2:
        raise RuntimeError(
            f"Expected a {dims + 2}-dimensional weight for {name}, (out, in / groups, *kernel), but got one of size "
            f"{list(weight.shape)}"
        )
    shape = list(input.shape) if input.ndim == dims + 2 else [1, *input.shape]
    if shape[1] != weight.shape[1] * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected input{shape} to have "
            f"{weight.shape[1] * groups} channels, but got {shape[1]} channels instead"
        )
    check_bias(weight, bias, weight.shape[0])


def _check_reach(input, weight, padding, dilation):
    dims = len(padding)
    rooms = [n + 2 * p for n, p in zip(input.shape[-dims:], padding)]
    reaches = [d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:])]
    if min(padding) < 0:
        raise RuntimeError("negative padding is not supported")
    if any(room < reach for room, reach in zip(rooms, reaches)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({' x '.join(map(str, rooms))}). Kernel size: "
            f"({' x '.join(map(str, reaches))}). Kernel size can't be greater than actual input size"
        )


@overridable
@cast_lower
def conv1d(input, weight, bias=None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1):
    """Cross-correlation of sequences with kernels.

    input: (N, C, L) or (C, L); weight: (O, C / groups, k); bias: (O,). Returns (N, O, L') with L' = (L + 2 padding -
    dilation (k - 1) - 1) / stride + 1, rounded down. `padding` may be "valid" (none) or "same" (the output has the size
    of the input; stride 1 only). Raises RuntimeError where sizes, groups or dtypes do not fit.
    """
    check_rank("conv1d", input, 1)
    groups = int(groups)
    stride, dilation = repeated("stride", stride, 1), repeated("dilation", dilation, 1)
    _check("conv1d", input, weight, bias, stride, dilation, groups, 1)
    margin = padding
    if not isinstance(padding, str):
        margin = (0, *repeated("padding", padding, 1))
        _check_reach(input, weight, margin[1:], dilation)
    # A sequence is an image of one row.
    # In order, as PyTorch's: what is drawn for the result, as dropout's mask, goes by its place in memory.
    out = conv2d(
        input.contiguous().unsqueeze(-2), weight.unsqueeze(-2), bias, (1, *stride), margin, (1, *dilation), groups
    )
    out = out.squeeze(-2)
    return shown("ConvolutionBackward0", out, input, weight, bias) if input.ndim == 3 else out


@overridable
@cast_lower
def conv3d(input, weight, bias=None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1):
    """Cross-correlation of volumes with kernels.

    input: (N, C, D, H, W) or (C, D, H, W); weight: (O, C / groups, kD, kH, kW); bias: (O,). Returns (N, O, D', H', W'),
    whose sizes, like `padding`, are those of conv1d. Raises RuntimeError where sizes, groups or dtypes do not fit.
    Holds kD copies of the input in memory.
    """
    batched = check_rank("conv3d", input, 3)
    groups = int(groups)
    stride, dilation = repeated("stride", stride, 3), repeated("dilation", dilation, 3)
    _check("conv3d", input, weight, bias, stride, dilation, groups, 3)
    kernel = tuple(weight.shape[2:])
    ends = (0, 0)
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        if padding == "same":
            if max(stride) > 1:
                raise RuntimeError("padding='same' is not supported for strided convolutions")
            total = dilation[0] * (kernel[0] - 1)
            ends = (total // 2, total - total // 2)
        margin = padding
    else:
        padding = repeated("padding", padding, 3)
        _check_reach(input, weight, padding, dilation)
        ends, margin = (padding[0], padding[0]), padding[1:]
    x = input if batched else input.unsqueeze(0)
    if ends != (0, 0):
        x = pad(x, (0, 0, 0, 0, *ends))
    # Volumes are batches of images, whose channels are the planes under the kernel.
    depth = (x.shape[2] - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1
    span = stride[0] * (depth - 1) + 1
    planes = [x[:, :, k * dilation[0] : k * dilation[0] + span : stride[0]] for k in range(kernel[0])]
    count, channels, height, width = x.shape[0], x.shape[1], x.shape[3], x.shape[4]
    images = stack(planes, 2).permute(0, 3, 1, 2, 4, 5).reshape(count * depth, channels * kernel[0], height, width)
    out = conv2d(images, weight.flatten(1, 2), bias, stride[1:], margin, dilation[1:], groups)
    out = out.unflatten(0, (count, depth)).transpose(1, 2).contiguous()
    out = shown("ConvolutionBackward0", out, input, weight, bias)
    return out if batched else out.squeeze(0)
