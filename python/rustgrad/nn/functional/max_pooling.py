"""Maxima over windows in one and three dims, by way of max_pool2d, and their partial inverses."""

import math
from typing import Any

from ..._rustgrad import channels_last, channels_last_3d, contiguous_format, int64
from ..._rustgrad.nn import max_pool2d
from ...overrides import overridable
from .._autocast import cast_to_float32
from .._compose import scalar_name, shown
from .pooling import out_size, sizes_of

__all__ = [
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]


@overridable
def max_pool1d(
    input,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode=False,
    return_indices=False,
):
    """The largest element of each window of (N, C, L) or (C, L); NaN wins. With return_indices also its place.

    `stride` is the window's size by default; `padding` adds elements that never win, at most half a window. Raises
    RuntimeError for sizes that do not fit.
    """
    if input.ndim not in (2, 3):
        raise RuntimeError(
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:"
            f"{list(input.shape)}"
        )
    (k,) = sizes_of("max_pool1d", "kernel_size", kernel_size, 1)
    s = k if stride is None or stride in ([], ()) else sizes_of("max_pool1d", "stride", stride, 1)[0]
    (p,), (d,) = sizes_of("max_pool1d", "padding", padding, 1), sizes_of("max_pool1d", "dilation", dilation, 1)
    for name, value in (("kernel_size", k), ("stride", s), ("dilation", d)):
        if value <= 0:
            raise RuntimeError(f"max_pool1d() {name} must be greater than zero, but got {value}")
    if p < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {p}")
    if p > k // 2:
        raise RuntimeError(
            f"max_pool1d() padding should be at most half of kernel size, but got padding={p} and kernel_size={k}"
        )
    count = out_size(input.shape[-1], k, s, p, d, ceil_mode)
    if count < 1:
        raise RuntimeError(f"max_pool1d() Invalid computed output size: {count}")
    if not input.is_floating_point():
        raise NotImplementedError(f"\"max_pool1d_impl\" not implemented for '{scalar_name(input.dtype)}'")
    rows = input.unsqueeze(-2)
    found: Any = max_pool2d(rows, (1, k), (1, s), (0, p), (1, d), ceil_mode, return_indices)
    if return_indices:
        return found[0].squeeze(-2), found[1].squeeze(-2)
    return found.squeeze(-2)


@overridable
def max_pool1d_with_indices(
    input,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode=False,
    return_indices=False,
):
    """`max_pool1d` and the place of each maximum."""
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


@overridable
@cast_to_float32
def max_pool3d(
    input,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode=False,
    return_indices=False,
):
    """The largest element of each window of (N, C, D, H, W) or (C, D, H, W); NaN wins. Options as of `max_pool1d`.

    With return_indices also its place among the D H W elements of its channel.
    """
    if input.ndim not in (4, 5):
        raise RuntimeError("non-empty 4D or 5D (batch mode) tensor expected for input")
    k = sizes_of("max_pool3d", "kernel_size", kernel_size, 3)
    s = k if stride is None or stride in ([], ()) else sizes_of("max_pool3d", "stride", stride, 3)
    p, d = sizes_of("max_pool3d", "padding", padding, 3), sizes_of("max_pool3d", "dilation", dilation, 3)
    _check_volume(input, k, s, d)
    *lead, depth, height, width = input.shape
    counts = [out_size(n, a, b, c, e, ceil_mode) for n, a, b, c, e in zip(input.shape[-3:], k, s, p, d)]
    if min(counts) < 1:
        before, after = "x".join(map(str, input.shape[-4:])), "x".join(map(str, [input.shape[-4], *counts]))
        raise RuntimeError(f"Given input size: ({before}). Calculated output size: ({after}). Output size is too small")
    shape = (*lead, *counts)
    if input.numel() == 0:
        empty = input.reshape(0).reshape(shape)
        return (empty, empty.to(int64)) if return_indices else empty
    # First the windows of each plane, then those of each column of their maxima.
    planes = input.reshape(-1, depth, height, width)
    inner: Any = max_pool2d(planes, k[1:], s[1:], p[1:], d[1:], ceil_mode, return_indices)
    values = (inner[0] if return_indices else inner).flatten(2)
    outer: Any = max_pool2d(values, (k[0], 1), (s[0], 1), (p[0], 0), (d[0], 1), ceil_mode, return_indices)
    format = _format_of(input, channels_last_3d)
    if not return_indices:
        return shown("MaxPool3DWithIndicesBackward0", outer.reshape(shape).contiguous(memory_format=format), input)
    columns = values.shape[-1]
    chosen = outer[1].flatten(1)  # depth * columns + column
    within = inner[1].flatten(1).gather(1, chosen)
    places = chosen.floor_divide(columns) * (height * width) + within
    values, places = (found.reshape(shape).contiguous(memory_format=format) for found in (outer[0], places))
    return shown("MaxPool3DWithIndicesBackward0", values, input), places


def _check_volume(input, kernel, stride, dilation) -> None:
    if 0 in stride:
        raise RuntimeError("stride should not be zero")
    for what, word, sizes in (("kernel size", "k", kernel), ("dilation", "dilation", dilation)):
        if min(sizes) <= 0:
            given = " ".join(f"{word}{dim}: {n}" for dim, n in zip("THW", sizes))
            raise RuntimeError(f"{what} should be greater than zero, but got {given}")
    for dim, n in enumerate(input.shape[-4:]):
        if n == 0:
            raise RuntimeError(
                "max_pool3d_with_indices_out_cpu_template(): Expected input's non-batch dimensions to have positive "
                f"length, but input has a shape of {list(input.shape)} and non-batch dimension {dim} has length zero!"
            )


def _format_of(input, channels_last):
    """The memory format of a result: channels last where the input has them so."""
    dims = 5 if channels_last == channels_last_3d else 4
    if input.ndim != dims or input.is_contiguous() or not input.is_contiguous(memory_format=channels_last):
        return contiguous_format
    return channels_last


@overridable
def max_pool3d_with_indices(
    input,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode=False,
    return_indices=False,
):
    """`max_pool3d` and the place of each maximum."""
    return max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


# --- partial inverses


def _unpool_size(input, kernel, stride, padding, output_size, dims) -> list[int]:
    default = [(size - 1) * s + k - 2 * p for size, k, s, p in zip(input.shape[-dims:], kernel, stride, padding)]
    if output_size is None:
        return default
    wanted = list(output_size)
    if len(wanted) == dims + 2:
        wanted = wanted[2:]
    if len(wanted) != dims:
        raise ValueError(
            f"output_size should be a sequence containing {dims} or {dims + 2} elements, but it has a length of "
            f"'{len(wanted)}'"
        )
    for index, (size, least, s) in enumerate(zip(wanted, default, stride)):
        if not least - s < size < least + s:
            lows, highs = [n - t for n, t in zip(default, stride)], [n + t for n, t in zip(default, stride)]
            raise ValueError(
                f'invalid output_size "{wanted}" (dim {index} must be between {lows[index]} and {highs[index]})'
            )
    return wanted


def _unpool(function, input, indices, kernel_size, stride, padding, output_size, dims):
    k = sizes_of(function, "kernel_size", kernel_size, dims)
    s = k if stride is None else sizes_of(function, "stride", stride, dims)
    p = sizes_of(function, "padding", padding, dims)
    size = _unpool_size(input, k, s, p, output_size, dims)
    if indices.dtype != int64:
        raise RuntimeError(f"elements in indices should be type int64 but got: {scalar_name(indices.dtype)}")
    if indices.shape != input.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({list(input.shape)}) but got indices tensor with shape: {list(indices.shape)}"
        )
    if input.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Input to {function} should be a {dims + 1}d or {dims + 2}d Tensor, but got a tensor with {input.ndim} "
            "dimensions"
        )
    for dim, n in enumerate(input.shape):
        if n == 0 and dim >= input.ndim - dims - (input.ndim > dims + 1):
            shape = [*input.shape, 1] if dims == 1 else [*input.shape]
            raise RuntimeError(
                f"{function.replace('1d', '2d')}_forward_out_cpu(): Expected input to have non-zero size for non-batch "
                f"dimensions, but got {shape} with dimension {dim} being empty."
            )
    count = math.prod(size)
    places, values = indices.flatten(-dims), input.flatten(-dims)
    if places.numel():
        bad = (places < 0).logical_or(places >= count)
        if bad.any():
            first = int(places.flatten()[int(bad.flatten().to(int64).argmax())])
            raise RuntimeError(
                f"Found an invalid max index: {first} (output volumes are of size {'x'.join(map(str, size))})"
            )
    empty = values.new_zeros((*values.shape[:-1], count))
    total = empty.scatter_add(-1, places, values)
    # A place that overlapping windows share holds their common maximum once, and gives each the whole gradient.
    times = empty.scatter_add(-1, places, values.new_full(values.shape, 1.0)).clamp(min=1.0)
    if times.numel() and times.max() > 1:
        total = (total - total.detach()) + total.detach() / times
    total = total.reshape(*input.shape[:-dims], *size)
    if dims == 1:
        return shown("SqueezeBackward1", total, input)
    if dims == 2:
        total = total.contiguous(memory_format=_format_of(input, channels_last))
    return shown(f"MaxUnpool{dims}DBackward0", total, input)


@overridable
def max_unpool1d(input, indices, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None):
    """Put maxima back where `max_pool1d` found them, zeros elsewhere. output_size: the size before pooling."""
    return _unpool("max_unpooling1d", input, indices, kernel_size, stride, padding, output_size, 1)


@overridable
@cast_to_float32
def max_unpool2d(input, indices, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None):
    """Put maxima back where `max_pool2d` found them, zeros elsewhere. output_size: the size before pooling."""
    return _unpool("max_unpooling2d", input, indices, kernel_size, stride, padding, output_size, 2)


@overridable
@cast_to_float32
def max_unpool3d(input, indices, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None):
    """Put maxima back where `max_pool3d` found them, zeros elsewhere. output_size: the size before pooling."""
    return _unpool("max_unpooling3d", input, indices, kernel_size, stride, padding, output_size, 3)
