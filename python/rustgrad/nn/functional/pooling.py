"""Means over windows, and norms over windows. Sums over windows are depthwise convolutions with ones."""

import math
from typing import Any

from ..._rustgrad import int64, tensor
from ..._rustgrad.nn import conv2d
from ..._rustgrad.torch import ones, where
from .._autocast import cast_to_float32, left_alone
from .._compose import in_float32
from .padding import pad as pad_input

__all__ = ["avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "lp_pool3d"]

_WORDS = {1: "one int", 2: "two ints", 3: "three ints"}


def sizes_of(function, name, value, dims) -> list[int]:
    """An option of a pool as one int for each dim. Raises RuntimeError for another number of them."""
    if isinstance(value, int):
        return [value] * dims
    values = [int(n) for n in value]
    if len(values) == 1:
        return values * dims
    if len(values) != dims:
        raise RuntimeError(f"{function}: {name} must either be a single int, or a tuple of {_WORDS[dims]}")
    return values


def out_size(size, kernel, stride, padding, dilation, ceil_mode) -> int:
    """How many windows fit; with `ceil_mode` a last one counts that begins inside the input or its left padding."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    count = -(-room // stride) + 1 if ceil_mode else room // stride + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    return count


def _windows(function, input, kernel, stride, padding, dilation, ceil_mode, dims):
    """The checked options of a pool, and the number of windows in each dim."""
    k = sizes_of(function, "kernel_size", kernel, dims)
    s = k if stride is None or stride == [] or stride == () else sizes_of(function, "stride", stride, dims)
    p, d = sizes_of(function, "padding", padding, dims), sizes_of(function, "dilation", dilation, dims)
    if 0 in s:
        raise RuntimeError("stride should not be zero")
    if min(k) <= 0:
        raise RuntimeError(f"{function}: kernel size should be greater than zero, but got {k}")
    for size, margin, gap in zip(k, p, d):
        if margin < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {margin}")
        if margin > (gap * (size - 1) + 1) // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={margin}, kernel_size={size} and "
                f"dilation={gap}"
            )
    shape = input.shape[input.ndim - dims :]
    counts = [out_size(n, a, b, c, e, ceil_mode) for n, a, b, c, e in zip(shape, k, s, p, d)]
    if min(counts) < 1:
        lead = [input.shape[-dims - 1]] if input.ndim > dims else []
        shown = [max(0, n) for n in counts]
        # PyTorch runs one dim as two.
        first = [*lead, *([1] if dims == 1 else []), *shape]
        second = [*lead, *([1] if dims == 1 else []), *shown]
        raise RuntimeError(
            f"Given input size: ({'x'.join(map(str, first))}). Calculated output size: "
            f"({'x'.join(map(str, second))}). Output size is too small"
        )
    return k, s, p, d, counts


# --- means


def _counts(size, kernel, stride, padding, windows, include_pad) -> list[int]:
    """How many elements each window of a dim counts, with or without the padding."""
    counts = []
    for start in range(-padding, -padding + windows * stride, stride):
        end = min(start + kernel, size + padding)
        counts.append(end - start if include_pad else min(end, size) - max(start, 0))
    return counts


def _sums(x, kernel, stride, padding, windows, dims):
    """Sums over the windows of the last dims, one or two dims at a time."""
    right = [(n - 1) * s + k - size - p for n, s, k, size, p in zip(windows, stride, kernel, x.shape[-dims:], padding)]
    if any(more > p for more, p in zip(right, padding)) or any(padding):
        margins = [m for p, more in zip(reversed(padding), reversed(right)) for m in (p, max(p, more))]
        x = pad_input(x, margins)
    lead, shape = x.shape[:-dims], list(x.shape[-dims:])
    if dims == 1:
        x = x.reshape(1, -1, 1, shape[0])
        return _ones_conv(x, (1, kernel[0]), (1, stride[0]))[..., : windows[0]].reshape(*lead, *windows)
    planes = _ones_conv(x.reshape(1, -1, *shape[-2:]), kernel[-2:], stride[-2:])[..., : windows[-2], : windows[-1]]
    if dims == 2:
        return planes.reshape(*lead, *windows)
    columns = planes.reshape(1, -1, shape[0], windows[1] * windows[2])
    return _ones_conv(columns, (kernel[0], 1), (stride[0], 1))[..., : windows[0], :].reshape(*lead, *windows)


def _ones_conv(x, kernel, stride):
    channels = x.shape[1]
    if channels == 0:
        return x.new_zeros((1, 0, *((n - k) // s + 1 for n, k, s in zip(x.shape[2:], kernel, stride))))
    weight = ones((channels, 1, *kernel), dtype=x.dtype, device=x.device)
    return conv2d(x, weight, None, stride, 0, 1, channels)


def _integer_sums(x, kernel, stride, padding, windows, dims):
    """Sums over windows of integers, which convolutions do not take: over a view of all windows."""
    margins = [
        m
        for k, s, p, n, size in zip(kernel, stride, padding, windows, x.shape[-dims:])
        for m in [(p, max(p, (n - 1) * s + k - size - p))]
    ]
    x = pad_input(x, [m for pair in reversed(margins) for m in pair]).contiguous()
    strides = list(x.stride())
    view = x.as_strided(
        (*x.shape[:-dims], *windows, *kernel),
        (*strides[:-dims], *(s * t for s, t in zip(stride, strides[-dims:])), *strides[-dims:]),
    )
    return view.sum(tuple(range(-dims, 0)))


def _avg_pool(function, input, kernel, stride, padding, ceil_mode, include_pad, divisor_override, dims):
    if input.ndim not in (dims + 1, dims + 2):
        raise _rank_error(function, input, dims)
    if divisor_override is not None and divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    k, s, p, _, windows = _windows(function, input, kernel, stride, padding, 1, ceil_mode, dims)
    if input.shape[-dims - 1] == 0 and input.ndim == dims + 2:
        raise RuntimeError(
            f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with optional 0 dim batch size for input, but "
            f"got:{list(input.shape)}"
        )
    shape = input.shape[-dims:]
    counts = [_counts(n, a, b, c, m, include_pad) for n, a, b, c, m in zip(shape, k, s, p, windows)]

    def mean(x):
        sums = _sums if x.is_floating_point() else _integer_sums
        total = sums(x, k, s, p, windows, dims)
        if divisor_override is not None:
            return total / divisor_override
        if all(len(set(per_dim)) == 1 for per_dim in counts):
            return total / math.prod(per_dim[0] for per_dim in counts)
        for index, per_dim in enumerate(counts):
            divisor = tensor(per_dim, dtype=total.dtype if total.is_floating_point() else int64, device=x.device)
            total = total / divisor.view(-1, *[1] * (dims - 1 - index))
        return total

    if input.is_floating_point():
        return in_float32(mean, input)
    return mean(input).to(input.dtype)


def _rank_error(function, input, dims):
    if dims == 1:
        return RuntimeError(
            f"Expected 2 to 3 dimensions, but got {input.ndim}-dimensional tensor for argument #1 'self' (while "
            f"checking arguments for {function})"
        )
    if dims == 2 and input.ndim < 3:
        return IndexError(
            f"Dimension out of range (expected to be in range of [{-input.ndim}, {input.ndim - 1}], but got -3)"
        )
    return RuntimeError(f"non-empty {dims + 1}D or {dims + 2}D (batch mode) tensor expected for input")


@left_alone
def avg_pool1d(input, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode=False, count_include_pad=True):
    """The mean of each window of (N, C, L) or (C, L); `stride` is the window's size by default.

    padding: zeros at both ends, which count unless count_include_pad is False. ceil_mode: keep a last window that
    begins inside the input but reaches beyond it. Raises RuntimeError for sizes that do not fit.
    """
    return _avg_pool("avg_pool1d", input, kernel_size, stride, padding, ceil_mode, count_include_pad, None, 1)


@left_alone
def avg_pool2d(
    input,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override: Any = None,
):
    """The mean of each window of (N, C, H, W) or (C, H, W); options as of `avg_pool1d`.

    divisor_override: what to divide the sums by in place of the window's size.
    """
    return _avg_pool(
        "avg_pool2d", input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, 2
    )


@cast_to_float32
def avg_pool3d(
    input,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override: Any = None,
):
    """The mean of each window of (N, C, D, H, W) or (C, D, H, W); options as of `avg_pool2d`."""
    return _avg_pool(
        "avg_pool3d", input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, 3
    )


def _lp_pool(input, norm_type, kernel, stride, ceil_mode, pool, dims):
    k = sizes_of("lp_pool", "kernel_size", kernel, dims)
    mean = pool(input.pow(norm_type), k, stride, 0, ceil_mode)
    total = where(mean == 0, 0.0, mean) * math.prod(k)  # no gradient passes through the root of 0
    zero = total == 0
    return where(zero, 0.0, where(zero, 1.0, total).pow(1.0 / norm_type))


def lp_pool1d(input, norm_type, kernel_size: Any, stride: Any = None, ceil_mode=False):
    """The root of order `norm_type` of the sum of powers over each window of (N, C, L) or (C, L)."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, avg_pool1d, 1)


def lp_pool2d(input, norm_type, kernel_size: Any, stride: Any = None, ceil_mode=False):
    """The root of order `norm_type` of the sum of powers over each window of (N, C, H, W) or (C, H, W)."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, avg_pool2d, 2)


def lp_pool3d(input, norm_type, kernel_size: Any, stride: Any = None, ceil_mode=False):
    """The root of order `norm_type` of the sum of powers over each window of (N, C, D, H, W) or (C, D, H, W)."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, avg_pool3d, 3)
