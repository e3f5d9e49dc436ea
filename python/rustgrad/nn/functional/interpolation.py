"""Signals, images and volumes of another size, one dim after the other: each entry of the result is a weighted sum of
a few entries of that dim.
"""

import math
import warnings
from typing import Any

from ..._rustgrad import Tensor, _library, channels_last, float32, float64, int64, tensor
from ..._rustgrad.torch import arange, where
from .adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

_AREAS = {3: adaptive_avg_pool1d, 4: adaptive_avg_pool2d, 5: adaptive_avg_pool3d}
_RANKS = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}
_ANY_RANK = ("nearest", "nearest-exact", "area")


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """`input` (N, C, W), (N, C, H, W) or (N, C, D, H, W) with its last dims resized to `size`, or by `scale_factor`.

    mode: "nearest" (with PyTorch's old rounding), "nearest-exact", "area", or by rank "linear",
    "bilinear" or "bicubic", "trilinear". align_corners: whether the centres of the corners stay,
    rather than their outer edges.
    recompute_scale_factor: positions follow from the sizes, not from `scale_factor`. antialias: where an image gets
    smaller, the weights span all pixels that fall together.

    Raises ValueError for options that do not go together, NotImplementedError for a mode of another rank and for
    integers in other modes than the nearest, RuntimeError for empty sizes. Same as torch.nn.functional.interpolate.
    """
    rank = input.ndim - 2
    if mode not in _ANY_RANK:
        align_corners = bool(align_corners)
    elif align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    sizes, scales = _wanted(input, rank, size, scale_factor)
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if scales and (recompute_scale_factor or mode == "area"):
        sizes, scales = [math.floor(n * s) for n, s in zip(input.shape[2:], scales)], None
    if antialias and (mode not in ("bilinear", "bicubic") or input.ndim != 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input"
        )
    if mode not in (*_ANY_RANK, *_RANKS) or rank not in (1, 2, 3) or (mode == "bicubic" and rank != 2):
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D) for the modes: nearest | "
            f"linear | bilinear | bicubic | trilinear | area | nearest-exact (got {mode})"
        )
    if _RANKS.get(mode, input.ndim) != input.ndim:
        raise NotImplementedError(f"Got {input.ndim}D input, but {mode} mode needs {_RANKS[mode]}D input")
    if mode == "area":
        return _AREAS[input.ndim](input, sizes)
    if sizes is None:
        sizes = [math.floor(n * s) for n, s in zip(input.shape[2:], scales or [])]
    _refuse_empty(input.shape[2:], sizes)
    if "nearest" not in mode and not input.is_floating_point():
        raise NotImplementedError(
            f"interpolate in mode {mode} is for floating-point tensors, not {input.dtype}\nhint: use x.float()"
        )
    result = input
    for dim in reversed(range(rank)):
        scale = None if scales is None else scales[dim]
        result = _resized(result, dim + 2, sizes[dim], scale, mode, align_corners, antialias)
    if input.ndim == 4 and input.is_contiguous(memory_format=channels_last) and not input.is_contiguous():
        return result.contiguous(memory_format=channels_last)
    return result.clone() if result is input else result


def _wanted(input, rank, size, scale_factor):
    """Sizes or scales, one for each dim; None for the others."""
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    value, what = (size, "output size") if size is not None else (scale_factor, "scale_factor")
    if isinstance(value, (list, tuple)):
        if len(value) != rank:
            last = "output size in (o1, o2, ...,oK)" if size is not None else "scale_factor in (s1, s2, ...,sK)"
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of {list(input.shape[2:])} and {what} of {value}. Please provide input tensor in "
                f"(N, C, d1, d2, ...,dK) format and {last} format."
            )
        values = list(value)
    else:
        values = [value] * rank
    if size is None:
        return None, [float(v) for v in values]
    if not all(isinstance(v, int) for v in values):
        raise TypeError(
            f"expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got "
            f"size with types {[type(v) for v in values]}"
        )
    return values, None


def _refuse_empty(old, new):
    if all(n > 0 for n in (*old, *new)):
        return
    names = ("D", "H", "W")[3 - len(new) :]
    old, new = (", ".join(f"{name}: {n}" for name, n in zip(names, sizes)) for sizes in (old, new))
    between = " and output" if len(names) == 1 else " output"
    raise RuntimeError(f"Input and output sizes should be greater than 0, but got input ({old}){between} ({new})")


def _resized(x, dim, n, scale, mode, align_corners, antialias):
    """`x` with `n` entries along `dim`."""
    old = x.shape[dim]
    # PyTorch computes positions in the dtype of the elements, of halves in float32.
    real = float64 if x.dtype is float64 else float32
    at = arange(n, dtype=real)
    ratio = tensor(1.0 / scale, dtype=real) if scale else tensor(float(old), dtype=real) / n
    if "nearest" in mode:
        places = ((at + 0.5) * ratio if mode == "nearest-exact" else at * ratio).floor()
        return x.index_select(dim, _indices(places, old, x))
    if align_corners:
        ratio = tensor(float(old - 1), dtype=real) / (n - 1) if n > 1 else tensor(0.0, dtype=real)
    if antialias:
        weights = _spanning(old, n, ratio, mode == "bicubic").to(x)
        return (x.movedim(dim, -1) @ weights.T).movedim(-1, dim).contiguous()
    centres = at * ratio if align_corners else (at + 0.5) * ratio - 0.5
    if mode == "bicubic":
        first = centres.floor()
        places, weights = [first + k for k in (-1, 0, 1, 2)], _cubic(centres - first, -0.75)
    else:
        centres = centres.clamp(min=0)
        first = centres.floor().clamp(max=old - 1)
        part = (centres - first).clamp(0, 1)
        places, weights = [first, first + 1], [1 - part, part]
    shape = [-1] + [1] * (x.ndim - dim - 1)
    total: Any = None
    for place, weight in zip(places, weights):
        term = x.index_select(dim, _indices(place, old, x)) * weight.to(x).reshape(shape)
        total = term if total is None else total + term
    return total


def _indices(places, n, x):
    """Entries of a dim of `n`, where `x` lives; what lies beyond an end is that end."""
    return places.clamp(0, n - 1).to(int64).to(x.device)


def _cubic(t, a):
    """The weights of four neighbours at distances 1 + t, t, 1 - t and 2 - t: cubic convolution (Keys, 1981)."""

    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _spanning(old, n, ratio, cubic):
    """Weights (n, old) of all entries that fall together where a dim gets smaller."""
    wide = ratio.clamp(min=1)
    width = (2.0 if cubic else 1.0) * wide
    centres = (arange(n, dtype=ratio.dtype) + 0.5) * ratio
    first = (centres - width + 0.5).trunc().clamp(min=0)[:, None]
    last = (centres + width + 0.5).trunc().clamp(max=old)[:, None]
    at = arange(old, dtype=ratio.dtype)
    x = ((at - centres[:, None] + 0.5) / wide).abs()
    if cubic:
        near, far = ((1.5 * x - 2.5) * x * x + 1), (((-0.5 * x + 2.5) * x - 4) * x + 2)
        weights = where(x < 1, near, where(x < 2, far, 0.0))
    else:
        weights = (1 - x).clamp(min=0)
    weights = where((at >= first) & (at < last), weights, 0.0)
    return weights / weights.sum(1, keepdim=True)


def _deprecated(name):
    message = (
        f"`{_library()}.nn.functional.{name}` is deprecated. Use `{_library()}.nn.functional.interpolate` instead."
    )
    warnings.warn(message, stacklevel=3)


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """The older name of `interpolate`; it warns."""
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size=None, scale_factor=None):
    """`interpolate` in mode "nearest"; it warns."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size=None, scale_factor=None):
    """`interpolate` in mode "bilinear" with aligned corners; it warns."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
