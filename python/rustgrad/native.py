"""PyTorch's native names of what stands elsewhere under a public name, and a few ops that have no other.

Their signatures are those of `torch.ops.aten`: no defaults where those have none, modes as numbers.
"""

import math
import warnings
from typing import Any

from . import _rustgrad
from ._rustgrad import Tensor, float16, float64, int8, int32, int64, uint8
from ._rustgrad import bool as _bool
from ._rustgrad.linalg import matrix_norm, vector_norm
from ._rustgrad.torch import arange, cat, empty, exp, isneginf, ones_like, where, zeros

__all__ = [
    "_aminmax",
    "_batch_norm_with_update",
    "_chunk_cat",
    "_int_mm",
    "_log_softmax_backward_data",
    "_native_batch_norm_legit",
    "_safe_softmax",
    "_segment_reduce",
    "_softmax_backward_data",
    "_unsafe_masked_index",
    "_unsafe_masked_index_put_accumulate",
    "_upsample_bicubic2d_aa",
    "_upsample_bilinear2d_aa",
    "_weight_norm",
    "affine_grid_generator",
    "frobenius_norm",
    "grid_sampler",
    "grid_sampler_2d",
    "grid_sampler_3d",
    "native_batch_norm",
    "native_dropout",
    "native_dropout_backward",
    "native_group_norm",
    "native_layer_norm",
    "nuclear_norm",
    "segment_reduce",
]


# ---- softmax


def _input_dtype(grad_output, output, input_dtype):
    """The dtype of a softmax's input, which may be half of one computed in float32."""
    from .nn._compose import scalar_name

    if grad_output.dtype != input_dtype and input_dtype != float16:
        raise RuntimeError("expected input and grad types to match, or input to be at::Half and grad to be at::Float")
    if grad_output.dtype != input_dtype:
        raise RuntimeError(f"expected scalar type {scalar_name(output.dtype)} but found {scalar_name(input_dtype)}")


def _softmax_backward_data(grad_output, output, dim: int, input_dtype):
    """The gradient of softmax's input, from that of its `output`."""
    _input_dtype(grad_output, output, input_dtype)
    weighted = grad_output * output
    return weighted - output * weighted.sum(dim, keepdim=True)


def _log_softmax_backward_data(grad_output, output, dim: int, input_dtype):
    """The gradient of log_softmax's input, from that of its `output`."""
    _input_dtype(grad_output, output, input_dtype)
    return grad_output - exp(output) * grad_output.sum(dim, keepdim=True)


def _safe_softmax(self, dim: int, dtype=None):
    """softmax whose lines of only minus infinity become zeros."""
    masked = isneginf(self).all(dim, keepdim=True)
    # Filled before, so that no NaN reaches a gradient.
    return self.masked_fill(masked, 0).softmax(dim, dtype=dtype).masked_fill(masked, 0)


# ---- products and norms


def _int_mm(self, mat2):
    """The product of two int8 matrices, int32. RuntimeError for other dtypes and sizes that do not fit."""
    for name, x in (("self", self), ("mat2", mat2)):
        if x.ndim != 2:
            raise RuntimeError(f"Expected {name} to be of dimension 2 but got {x.ndim}")
    if self.shape[1] != mat2.shape[0]:
        raise RuntimeError(
            f"int_mm_out_cpu: self.size(1) needs to match mat2.size(0) but got {self.shape[1]} and {mat2.shape[0]}"
        )
    for name, x in (("self", self), ("mat2", mat2)):
        if x.dtype not in (int8, uint8):
            raise RuntimeError(f"Expected {name} dtype to be of type int8 but got {x.dtype}")
    # Sums of products of bytes stay below 2**53 for any length that memory holds.
    return (self.to(float64) @ mat2.to(float64)).to(int64).to(int32)


def _deprecated(name: str, instead: str) -> None:
    warnings.warn(
        f"at::{name} is deprecated and it is just left for JIT compatibility. It will be removed in a future PyTorch "
        f"release. Please use `{instead}` instead",
        stacklevel=3,
    )


def frobenius_norm(self, dim: Any, keepdim: bool = False):
    """The root of the sum of squares over `dim`; linalg.vector_norm is its newer name."""
    _deprecated("frobenius_norm", "linalg.vector_norm(A, 2., dim, keepdim)")
    return vector_norm(self, 2, dim, keepdim)


def nuclear_norm(self, *dim_keepdim, dim: Any = (-2, -1), keepdim: bool = False):
    """The sum of singular values of matrices, in two dims; linalg.matrix_norm is its newer name."""
    _deprecated("nuclear_norm", "linalg.matrix_norm(A, 'nuc', dim, keepdim)")
    for value in dim_keepdim:
        if isinstance(value, bool):
            keepdim = value
        else:
            dim = value
    return matrix_norm(self, "nuc", dim, keepdim)


def _weight_norm(v, g, dim: int = 0):
    """`v g / |v|`, the norm over all dims but `dim`."""
    from .nn._compose import norm_except_dim

    return v * (g / norm_except_dim(v, 2, dim))


# ---- normalisation


def _vector(x):
    return x.new_empty((0,))


def native_batch_norm(input, weight, bias, running_mean, running_var, training: bool, momentum: float, eps: float):
    """batch_norm, with the batch's mean and 1 / sqrt(variance + eps), which are empty where it is not trained."""
    from .nn.functional import batch_norm

    result = batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        return result, _vector(input), _vector(input)
    dims = (0, *range(2, input.ndim))
    kept = input.detach()
    mean, rstd = kept.mean(dims), (kept.var(dims, unbiased=False) + eps).rsqrt()
    return result, mean, rstd


def _native_batch_norm_legit(input, weight, bias, *rest, out=None, save_mean=None, save_invstd=None, **named):
    """`native_batch_norm`; without running statistics where none are given. The results go into `out`, one
    tensor or all three, `save_mean` and `save_invstd` where these are given.
    """
    names = ["running_mean", "running_var", "training", "momentum", "eps"]
    if len(rest) + len(named) == 3:
        names = names[2:]
    given = {**dict(zip(names, rest)), **named}
    if sorted(given) != sorted(names) or len(rest) > len(names):
        raise TypeError("_native_batch_norm_legit() received an invalid combination of arguments")
    means: dict[str, Any] = {"running_mean": None, "running_var": None}
    results = native_batch_norm(input, weight, bias, **{**means, **given})
    if out is None:
        return results
    into: Any = (out, save_mean, save_invstd) if save_mean is not None else out
    for to, result in zip(into, results):
        to.resize_(result.shape).copy_(result)
    return into


def _batch_norm_with_update(input, weight, bias, running_mean, running_var, momentum: float, eps: float):
    """`native_batch_norm` in training, with an empty tensor where PyTorch keeps what cuDNN needs."""
    results = native_batch_norm(input, weight, bias, running_mean, running_var, True, momentum, eps)
    return *results, empty((0,), dtype=uint8, device=input.device)


def native_layer_norm(input, normalized_shape, weight, bias, eps: float):
    """layer_norm, with the means and the 1 / sqrt(variance + eps)."""
    from .nn.functional import layer_norm

    result = layer_norm(input, normalized_shape, weight, bias, eps)
    dims = tuple(range(input.ndim - len(normalized_shape), input.ndim))
    kept = input.detach()
    return result, kept.mean(dims, keepdim=True), (kept.var(dims, unbiased=False, keepdim=True) + eps).rsqrt()


def native_group_norm(input, weight, bias, N: int, C: int, HxW: int, group: int, eps: float):
    """group_norm of N examples of C channels of HxW, with the means and the 1 / sqrt(variance + eps), (N, group)."""
    from .nn.functional import group_norm

    result = group_norm(input, group, weight, bias, eps)
    rows = input.detach().reshape(N, group, -1)
    return result, rows.mean(2), (rows.var(2, unbiased=False) + eps).rsqrt()


def native_dropout(input, p: float, train):
    """dropout, with the mask of what is kept."""
    if train is False or input.numel() == 0:
        return input.clone(), ones_like(input, dtype=_bool)
    mask = empty(input.shape, device=input.device).bernoulli_(1 - p).to(_bool)
    return native_dropout_backward(input, mask, 0.0 if p == 1 else 1 / (1 - p)), mask


def native_dropout_backward(grad_output, mask, scale: float):
    """The gradient of native_dropout's input."""
    from .nn._compose import shown

    return shown("NativeDropoutBackwardBackward0", grad_output * mask * scale, grad_output)


# ---- grids and resampling

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")


def grid_sampler(input, grid, interpolation_mode: int, padding_mode: int, align_corners: bool):
    """grid_sample with its modes as numbers."""
    from .nn.functional import grid_sample

    return grid_sample(input, grid, _MODES[interpolation_mode], _PADDINGS[padding_mode], align_corners)


def grid_sampler_2d(input, grid, interpolation_mode: int, padding_mode: int, align_corners: bool):
    """grid_sample of images, with its modes as numbers."""
    if input.ndim != 4 or grid.ndim != 4:
        raise RuntimeError(
            "grid_sampler_2d(): expected 4D input and grid with same number of dimensions, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def grid_sampler_3d(input, grid, interpolation_mode: int, padding_mode: int, align_corners: bool):
    """grid_sample of volumes, with its modes as numbers."""
    if input.ndim != 5 or grid.ndim != 5:
        raise RuntimeError(
            "grid_sampler_3d(): expected 5D input and grid with same number of dimensions, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def affine_grid_generator(theta, size, align_corners: bool):
    """affine_grid."""
    from .nn.functional import affine_grid

    return affine_grid(theta, size, align_corners)


def _antialiased(mode, input, output_size, align_corners, scales_h, scales_w, scale_factors):
    from .nn.functional import interpolate

    if isinstance(scales_h, (list, tuple)):
        scale_factors = scales_h
    if scale_factors is not None:
        scales_h, scales_w = scale_factors
    factors = None if scales_h is None or scales_w is None else (scales_h, scales_w)
    size = None if output_size is None else [*output_size]
    if size is not None and factors is not None:
        # Of both, PyTorch takes the sizes, and from the factors only where the elements lie.
        rounded = [math.floor(n * f) for n, f in zip(input.shape[2:], factors)]
        size, factors = (None, factors) if rounded == size else (size, None)
    return interpolate(input, size, factors, mode, align_corners, antialias=True)


def _upsample_bilinear2d_aa(
    input, output_size, align_corners: bool, scales_h=None, scales_w=None, *, scale_factors=None
):
    """interpolate(mode='bilinear', antialias=True); the factors as two arguments, or as one list."""
    return _antialiased("bilinear", input, output_size, align_corners, scales_h, scales_w, scale_factors)


def _upsample_bicubic2d_aa(
    input, output_size, align_corners: bool, scales_h=None, scales_w=None, *, scale_factors=None
):
    """interpolate(mode='bicubic', antialias=True); the factors as two arguments, or as one list."""
    return _antialiased("bicubic", input, output_size, align_corners, scales_h, scales_w, scale_factors)


# ---- indexing and putting together


def _clamped(self, mask, indices):
    """The indices where `mask` is true; elsewhere some that exist."""
    return tuple(None if i is None else where(mask, i, 0) for i in indices)


def _unsafe_masked_index(self, mask, indices, fill):
    """self[indices] where `mask` is true, `fill` elsewhere; masked-out indices may be anything."""
    places = tuple(slice(None) if i is None else i for i in _clamped(self, mask, indices))
    return self[places].masked_fill(~mask, fill)


def _unsafe_masked_index_put_accumulate(self, mask, indices, values):
    """`self` with `values` added at `indices` where `mask` is true."""
    return self.index_put(_clamped(self, mask, indices), values.masked_fill(~mask, 0), accumulate=True)


def _chunk_cat(tensors, dim: int, num_chunks: int, *, out: Tensor | None = None):
    """Each tensor cut along `dim` into `num_chunks` parts, the last ones filled up with zeros.

    The parts of all stand side by side: (.., num_chunks, elements).
    """
    if not tensors:
        raise RuntimeError("_chunk_cat expects a non-empty input tensor list")
    if num_chunks < 1:
        raise RuntimeError("_chunk_cat expects positive num_chunks")
    first = tensors[0]
    dim = range(first.ndim)[dim]
    parts = []
    for t in tensors:
        if t.numel() == 0:
            raise RuntimeError("_chunk_cat expects non-empty tensor")
        if t.dtype != first.dtype:
            raise RuntimeError("_chunk_cat expects all input tensors with same dtype")
        if t.shape[:dim] != first.shape[:dim]:
            raise RuntimeError("_chunk_cat expects same sizes of 0,...,dim-1 dimensions for all tensors")
        size = t.shape[dim]
        chunk = -(-size // num_chunks)
        filled = t.new_zeros((*t.shape[:dim], chunk * num_chunks - size, *t.shape[dim + 1 :]))
        whole = cat([t, filled], dim) if filled.numel() else t
        parts.append(whole.reshape(*t.shape[:dim], num_chunks, -1))
    return cat(parts, dim + 1) if out is None else cat(parts, dim + 1, out=out)


# ---- segments

_REDUCTIONS = {
    "sum": "sum",
    "mean": "mean",
    "max": "amax",
    "min": "amin",
    "amax": "amax",
    "amin": "amin",
    "prod": "prod",
}
_EMPTY = {"sum": 0.0, "mean": 0.0, "amax": -math.inf, "amin": math.inf, "prod": 1.0}


def _aminmax(self, dim: int | None = None, keepdim: bool = False) -> tuple:
    """`aminmax` under its older name: the least and the greatest element, or those along `dim`, as a plain tuple."""
    from ._rustgrad.torch import aminmax

    return tuple(aminmax(self, dim=dim, keepdim=keepdim))


def segment_reduce(
    data,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    indices: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial=None,
) -> "_rustgrad.Tensor":
    """The sum, mean, max, min or prod of segments of `data` along `axis`.

    Segments are given by their `lengths` (data.shape[:axis], segments), or by where each begins and the last ends
    (`offsets`). `initial` is what every segment begins with; without it empty ones are 0, NaN, -inf, inf, 1. `unsafe`
    checks no lengths.
    """
    from .nn._compose import scalar_name

    axis = _axis(axis, data.ndim)
    if data.numel() == 0 and data.ndim == 0:
        raise RuntimeError("segment_reduce(): expected data to have dims")
    if reduce not in _REDUCTIONS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    if offsets is None and lengths is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    given: Any = lengths if offsets is None else offsets
    what = "lengths" if offsets is None else "offsets"
    if given.dtype not in (int32, int64):
        raise NotImplementedError(
            f"\"_segment_reduce_{what}_cpu_kernel1\" not implemented for '{scalar_name(given.dtype)}'"
        )
    if data.ndim < given.ndim:
        raise RuntimeError("Expected data.dim() >= lengths_value.dim() to be true, but got false.")
    if axis != given.ndim - 1:
        raise RuntimeError(f"segment_reduce(): Expected axis to be the last dimension of {what} but got {axis}.")
    if not data.is_floating_point():
        raise NotImplementedError(f"\"_segment_reduce_cpu\" not implemented for '{scalar_name(data.dtype)}'")
    given = given.detach().to(int64)
    size = data.shape[axis]
    if offsets is None:
        if not unsafe:
            if given.amin().item() < 0:
                raise RuntimeError("lengths contains negative value!")
            if (given.sum(-1) != size).any():
                raise RuntimeError(
                    "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) "
                    "when !unsafe."
                )
        ends = given.cumsum(-1)
        starts = ends - given
    else:
        if not unsafe and (given[..., 0] != 0).any() | (given[..., -1] != size).any():
            raise RuntimeError("segment_reduce(): Expected all offsets to begin at 0 and to end at data.size(axis).")
        starts, ends = given[..., :-1], given[..., 1:]
    return _segments(data, _REDUCTIONS[reduce], starts, ends, axis, initial)


def _axis(axis, ndim):
    n = max(ndim, 1)
    if not -n <= axis < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {axis})")
    return axis % n


def _segments(data, how, starts, ends, axis, initial):
    count, size = starts.shape[-1], data.shape[axis]
    # The segment of an entry: how many end before it. What belongs to none goes to one more, which is cut off.
    segment = zeros((*ends.shape[:-1], size + 1), dtype=int64, device=data.device)
    segment = segment.scatter_add(-1, ends.clamp(0, size), ones_like(ends)).cumsum(-1).narrow(-1, 0, size)
    if count:
        segment = where(arange(size, device=data.device) < starts[..., :1], count, segment)
    index = segment.view(*segment.shape, *[1] * (data.ndim - axis - 1)).expand(data.shape)
    shape = (*data.shape[:axis], count + 1, *data.shape[axis + 1 :])
    extreme = how in ("amax", "amin")
    begin = _EMPTY[how] if initial is None or extreme else initial
    base = data.new_full(shape, begin)
    if how != "mean":
        result = base.scatter_reduce(axis, index, data, how).narrow(axis, 0, count)
        if initial is None or not extreme:
            return result
        # An element that equals `initial` has the whole gradient.
        return where(result < initial if how == "amax" else result > initial, initial, result)
    total = base.scatter_reduce(axis, index, data, "sum").narrow(axis, 0, count)
    lengths = (ends - starts).view(*ends.shape, *[1] * (data.ndim - axis - 1))
    # PyTorch keeps what an empty segment begins with.
    return total / lengths.clamp(min=1) if initial is not None else total / lengths


_segment_reduce = segment_reduce
