"""Norms over windows, from means over windows."""

import math
from typing import Any

from ..._rustgrad.nn import avg_pool1d, avg_pool2d, avg_pool3d
from ..._rustgrad.torch import where
from ...overrides import overridable

__all__ = ["lp_pool1d", "lp_pool2d", "lp_pool3d"]

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


def _lp_pool(input, norm_type, kernel, stride, ceil_mode, pool, dims):
    k = sizes_of("lp_pool", "kernel_size", kernel, dims)
    mean = pool(input.pow(norm_type), k, stride, 0, ceil_mode)
    total = where(mean == 0, 0.0, mean) * math.prod(k)  # no gradient passes through the root of 0
    zero = total == 0
    return where(zero, 0.0, where(zero, 1.0, total).pow(1.0 / norm_type))


@overridable
def lp_pool1d(input, norm_type, kernel_size: Any, stride: Any = None, ceil_mode=False):
    """The root of order `norm_type` of the sum of powers over each window of (N, C, L) or (C, L)."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, avg_pool1d, 1)


@overridable
def lp_pool2d(input, norm_type, kernel_size: Any, stride: Any = None, ceil_mode=False):
    """The root of order `norm_type` of the sum of powers over each window of (N, C, H, W) or (C, H, W)."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, avg_pool2d, 2)


@overridable
def lp_pool3d(input, norm_type, kernel_size: Any, stride: Any = None, ceil_mode=False):
    """The root of order `norm_type` of the sum of powers over each window of (N, C, D, H, W) or (C, D, H, W)."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, avg_pool3d, 3)
