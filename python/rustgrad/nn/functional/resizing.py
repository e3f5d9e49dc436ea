"""Sequences, images and volumes of other sizes: each new element is a weighted sum of old ones, dim by dim."""

import math
import warnings
from itertools import pairwise
from typing import Any

from ..._rustgrad import (
    Tensor,
    bfloat16,
    channels_last,
    channels_last_3d,
    float16,
    float32,
    float64,
    int32,
    int64,
    uint8,
)
from ..._rustgrad.torch import arange, stack, where
from ...overrides import overridable
from .._compose import scalar_name, shown
from .adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, channels_come_last

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

_MODES = "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact"
_LINEAR = {"linear": 3, "bilinear": 4, "trilinear": 5}
_SMOOTH = ("linear", "bilinear", "bicubic", "trilinear", "lanczos")
_ANTIALIASED = ("bilinear", "bicubic", "lanczos")
_AXES = {1: "L", 2: "HW", 3: "DHW"}
_POOLS: dict[int, Any] = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}


# --- which old elements each new one is made of, and with which weights


def _floor(x):
    return x // 1


def _scale(size, new_size, factor, align_corners):
    """How many old elements there are to a new one."""
    if align_corners:
        return (size - 1) / (new_size - 1) if new_size > 1 else 0.0
    return 1.0 / factor if factor is not None and factor > 0 else size / new_size


def _centres(size, new_size, factor, align_corners, dtype, device):
    """Where the new elements lie among the old ones."""
    scale, places = _scale(size, new_size, factor, align_corners), arange(new_size, device=device).to(dtype)
    return places * scale if align_corners else (places + 0.5) * scale - 0.5


def _nearest(size, new_size, factor, exact, device):
    places = arange(new_size, device=device).to(float32) + (0.5 if exact else 0.0)
    return (places * _scale(size, new_size, factor, False)).to(int64).clamp(max=size - 1)


def _linear_taps(size, new_size, factor, align_corners, dtype, device):
    """For each of two taps the old elements (new_size,) and their weights."""
    centres = _centres(size, new_size, factor, align_corners, dtype, device).clamp(min=0)
    before = _floor(centres).clamp(max=size - 1)
    share = (centres - before).clamp(0, 1)
    before = before.to(int64)
    return [(before, 1 - share), ((before + 1).clamp(max=size - 1), share)]


def _cubic_taps(size, new_size, factor, align_corners, dtype, device):
    """Four taps of cubic convolution with a = -0.75. Keys 1981."""
    a = -0.75

    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    centres = _centres(size, new_size, factor, align_corners, dtype, device)
    before = _floor(centres).clamp(max=size - 1)
    share = (centres - before).clamp(0, 1)
    rest = 1 - share
    weights = (far(share + 1), near(share), near(rest), far(rest + 1))
    before = before.to(int64)
    return [((before + k - 1).clamp(0, size - 1), weight) for k, weight in enumerate(weights)]


def _triangle(x):
    return (1 - x.abs()).clamp(min=0)


def _cubic(x):
    """Cubic convolution with a = -0.5, as image libraries have it."""
    a, x = -0.5, x.abs()
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, (((x - 5) * x + 8) * x - 4) * a
    return where(x < 1, near, where(x < 2, far, 0.0))


def _lanczos(x):
    def sinc(x):
        zero = x == 0
        angle = where(zero, 1.0, x * math.pi)
        return where(zero, 1.0, angle.sin() / angle)

    return where(x.abs() < 3, sinc(x) * sinc(x / 3), 0.0)


_FILTERS = {"bilinear": (1, _triangle), "bicubic": (2, _cubic), "lanczos": (3, _lanczos)}


def _filter_taps(mode, size, new_size, factor, align_corners, dtype, device):
    """As many taps as the filter covers when it is stretched over the old elements of a new one."""
    reach, function = _FILTERS[mode]
    scale = _scale(size, new_size, factor, align_corners)
    stretch = max(scale, 1.0)
    support = reach * stretch
    centres = (arange(new_size, device=device).to(dtype) + 0.5) * scale
    first = _floor((centres - support + 0.5).clamp(min=0))
    last = _floor(centres + support + 0.5).clamp(max=size)
    weights = []
    for k in range(math.ceil(support) * 2 + 1):
        weight = function((first + k - centres + 0.5) * (1.0 / stretch))
        weights.append(where(first + k < last, weight, 0.0))
    total = stack(weights).sum(0)
    total = where(total == 0, 1.0, total)
    first = first.to(int64)
    return [((first + k).clamp(max=size - 1), weight / total) for k, weight in enumerate(weights)]


def _weighted(x, dim, taps):
    """The sum over taps of the old elements along `dim`, times their weights."""
    shape = (-1, *[1] * (x.ndim - 1 - dim))
    total: Any = None
    for places, weight in taps:
        part = x.index_select(dim, places) * weight.view(shape)
        total = part if total is None else total + part
    return total


def _weighted_bytes(x, dim, taps):
    """`_weighted` of int32 numbers from 0 to 255: whole weights over a power of two, as fine as int16 holds, and sums
    that are rounded to bytes after each dim, as PyTorch has it for images."""
    taps = [[places, weight] for places, weight in taps]
    for tap, following in pairwise(taps):
        same = tap[0] == following[0]  # beyond the edge, one old element has the weights of several taps
        following[1] = where(same, tap[1] + following[1], following[1])
        tap[1] = where(same, 0.0, tap[1])
    weights = stack([weight for _, weight in taps])
    largest, bits = weights.max().item(), 0
    while bits < 22 and int(0.5 + largest * (2 << bits)) < 1 << 15:
        bits += 1
    half = where(weights < 0, -0.5, 0.5)
    whole = (weights * (1 << bits) + half).to(int32)
    total = _weighted(x, dim, [(places, weight) for (places, _), weight in zip(taps, whole.unbind())])
    return ((total + (1 << (bits - 1))) >> bits).clamp(0, 255)


# --- the function


def _check(input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias):
    """What PyTorch refuses before it looks at the mode; the sizes as a list, or the factors, one per dim."""
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | "
                "trilinear"
            )
    dims = input.ndim - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if isinstance(size, (list, tuple)):
            if len(size) != dims:
                raise ValueError(
                    "Input and output must have the same number of spatial dimensions, but got input with spatial "
                    f"dimensions of {list(input.shape[2:])} and output size of {size}. Please provide input tensor in "
                    "(N, C, d1, d2, ...,dK) format and output size in (o1, o2, ...,oK) format."
                )
            if not all(isinstance(n, int) for n in size):
                raise TypeError(
                    "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got "
                    f"size with types {[type(n) for n in size]}"
                )
            sizes = [*size]
        else:
            if isinstance(size, float):
                raise TypeError(f"interpolate(): argument 'size' must be int or tuple of ints, not {size!r}")
            sizes = [int(size)] * dims
        if recompute_scale_factor:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        factors = [None] * dims
    elif scale_factor is not None:
        if isinstance(scale_factor, (list, tuple)):
            if len(scale_factor) != dims:
                raise ValueError(
                    "Input and scale_factor must have the same number of spatial dimensions, but got input with "
                    f"spatial dimensions of {list(input.shape[2:])} and scale_factor of shape {scale_factor}. Please "
                    "provide input tensor in (N, C, d1, d2, ...,dK) format and scale_factor in (s1, s2, ...,sK) format."
                )
            factors = [*scale_factor]
        else:
            factors = [scale_factor] * dims
        for factor in factors:
            if not isinstance(factor, (int, float, Tensor)):
                raise TypeError(f"interpolate(): argument 'scale_factor' must be numbers, not {type(factor).__name__}")
        factors = [float(f) for f in factors]
        sizes = [math.floor(n * factor) for n, factor in zip(input.shape[2:], factors)]
        if recompute_scale_factor:
            factors = [None] * dims
    else:
        raise ValueError("either size or scale_factor should be defined")
    if antialias and not (mode in _ANTIALIASED and input.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    return sizes, factors


def _check_mode(input, mode):
    if mode in _LINEAR and 3 <= input.ndim <= 5 and _LINEAR[mode] != input.ndim:
        raise NotImplementedError(f"Got {input.ndim}D input, but {mode} mode needs {_LINEAR[mode]}D input")
    known = mode in ("nearest", "nearest-exact", "area") and 3 <= input.ndim <= 5
    known = (
        known
        or (mode in _LINEAR and _LINEAR[mode] == input.ndim)
        or (mode in ("bicubic", "lanczos") and input.ndim == 4)
    )
    if not known:
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D) for the modes: {_MODES} "
            f"(got {mode})"
        )


def _check_sizes(input, sizes):
    dims, old = len(sizes), input.shape[2:]
    if min(*old, *sizes) <= 0:
        before, after = (", ".join(f"{a}: {n}" for a, n in zip(_AXES[dims], ns)) for ns in (old, sizes))
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({before}) output ({after})"
        )
    if input.shape[1] == 0:
        raise RuntimeError(
            f"Non-empty {input.ndim}D data tensor expected but got a tensor with sizes {list(input.shape)}"
        )


def _resized(x, sizes, factors, mode, align_corners, antialias):
    """The last dims of `x`, which is float32, float64 or, for bytes, int32, one after the other from the last on."""
    dtype, weighted = (float64, _weighted_bytes) if x.dtype == int32 else (x.dtype, _weighted)
    for dim in reversed(range(2, x.ndim)):
        old, new, factor = x.shape[dim], sizes[dim - 2], factors[dim - 2]
        if old == new and weighted is _weighted_bytes:
            continue  # also where scale_factor says otherwise
        if antialias:
            taps = _filter_taps(mode, old, new, factor, align_corners, dtype, x.device)
        elif mode == "bicubic":
            taps = _cubic_taps(old, new, factor, align_corners, dtype, x.device)
        elif old == new:
            continue
        else:
            taps = _linear_taps(old, new, factor, align_corners, dtype, x.device)
        x = weighted(x, dim, taps)
    return x


@overridable
def interpolate(
    input,
    size: Any = None,
    scale_factor: Any = None,
    mode="nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias=False,
):
    """`input` (N, C, L), (N, C, H, W) or (N, C, D, H, W) resampled to `size`, or to its own size times scale_factor.

    mode: "nearest" (rounded down) and "nearest-exact" (centres) copy elements; "linear", "bilinear" and "trilinear" (by
    rank) and "bicubic" (images) weigh neighbours; "area" takes means. align_corners: the outer elements stay where they
    are. recompute_scale_factor: use the ratio of the whole sizes, not scale_factor itself. antialias: for images and
    "bilinear", "bicubic" or "lanczos", weigh all elements that a new one covers.

    Raises ValueError for arguments that contradict each other, NotImplementedError for a mode of another rank and for
    integers other than uint8, RuntimeError for sizes of 0.
    """
    sizes, factors = _check(input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)
    _check_mode(input, mode)
    dims = input.ndim - 2
    if mode == "lanczos" and not antialias:
        raise ValueError("lanczos mode requires antialias=True")
    if mode == "area":
        return _POOLS[dims](input, sizes)
    _check_sizes(input, sizes)
    if not input.is_floating_point() and input.dtype != uint8:
        name = mode.replace("-", "_") + f"{dims}d"
        raise NotImplementedError(f"\"upsample_{name}\" not implemented for '{scalar_name(input.dtype)}'")
    unchanged = dims == 2 and [*input.shape[2:]] == sizes
    if unchanged and (antialias or mode in ("nearest", "nearest-exact")):
        out = input  # also where scale_factor says otherwise
    elif mode in ("nearest", "nearest-exact"):
        out = input
        for dim in range(2, input.ndim):
            old, new = out.shape[dim], sizes[dim - 2]
            places = _nearest(old, new, factors[dim - 2], mode == "nearest-exact", out.device)
            out = out.index_select(dim, places)
    elif input.dtype == float64 or input.dtype == float32:
        out = _resized(input, sizes, factors, mode, align_corners, antialias)
    elif input.dtype in (float16, bfloat16):
        out = _resized(input.to(float32), sizes, factors, mode, align_corners, antialias).to(input.dtype)
    elif dims == 2:
        out = _resized(input.to(int32), sizes, factors, mode, align_corners, antialias).to(input.dtype)
    else:
        out = _resized(input.to(float32), sizes, factors, mode, align_corners, antialias)
        out = (out + 0.5).clamp(0, 255).to(input.dtype)
    if dims > 1 and channels_come_last(input):
        out = out.contiguous(memory_format=channels_last if dims == 2 else channels_last_3d)
    elif out is input:
        out = out.clone()
    kind = "".join(word.capitalize() for word in mode.split("-"))
    return shown(f"Upsample{kind}{dims}D{'Aa' if antialias else ''}Backward0", out, input)


def _deprecated(name):
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=3,
    )


@overridable
def upsample(input, size: Any = None, scale_factor: Any = None, mode="nearest", align_corners=None):
    """`interpolate` under its old name, which warns."""
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


@overridable
def upsample_nearest(input, size: Any = None, scale_factor: Any = None):
    """`interpolate` with mode="nearest" under its old name, which warns."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


@overridable
def upsample_bilinear(input, size: Any = None, scale_factor: Any = None):
    """`interpolate` with mode="bilinear" and align_corners under its old name, which warns."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
