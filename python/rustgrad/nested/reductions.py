"""What ops do with nested tensors of layout jagged: sums, extrema, softmax, normalization.

Along the ragged dim each part is reduced on its own, which gives a dense tensor; along dims within the parts the
result is nested; along the batch and the ragged dim together all parts are one.
"""

from typing import Any

from .. import _rustgrad
from .._rustgrad import Tensor
from ..limits import finfo, iinfo
from ..nn._compose import shown
from .dispatch import op_name
from .jagged import (
    NestedTensor,
    elementwise,
    lengths,
    normal_dim,
    op,
    owners,
    padded,
    unpadded,
    with_values,
)

__all__ = []


def _lowest(x, sign):
    """The number of x's dtype that no maximum (sign 1) or minimum (sign -1) takes."""
    if x.dtype == _rustgrad.bool:
        return sign < 0
    if x.is_floating_point():
        return -sign * float("inf")
    return iinfo(x.dtype).min if sign > 0 else iinfo(x.dtype).max


def _dims(x, dim) -> list[int]:
    if dim is None or (not isinstance(dim, int) and not len(dim)):
        return [*range(x.dim())]
    return sorted({normal_dim(x, d) for d in ([dim] if isinstance(dim, int) else dim)})


def _check(x, dims, what) -> str:
    """Whether `dims` are all, the batch and the ragged one (`together`), the ragged one (`parts`) or `inner` ones."""
    at = x._ragged_idx
    if len(dims) == x.dim():
        return "all"
    if 0 in dims:
        if at not in dims:
            raise RuntimeError(
                f"{what}(): reducing along the batch dimension but not the ragged dimension is not supported for "
                "nested tensors"
            )
        return "together"
    if at not in dims:
        return "inner"
    if len(dims) > 1:
        raise RuntimeError(
            f"{what}(): reducing along a ragged and non-batch dimension is not supported for nested tensors"
        )
    if x._lengths is not None:
        raise RuntimeError(
            f"{what}(): reducing across the ragged dimension is not supported for non-contiguous nested tensors with "
            "holes\nhint: x.contiguous() has none"
        )
    return "parts"


def _inner(x, dims, keepdim, reduce) -> NestedTensor:
    at = x._ragged_idx
    values = reduce(x._v, [d - 1 for d in dims], keepdim)
    return with_values(x, values, at if keepdim else at - sum(d < at for d in dims))


def _reduced(x, dim, keepdim, what, reduce, by_parts) -> Any:
    dims = _dims(x, dim)
    kind = _check(x, dims, what)
    if kind == "all":
        y = reduce(x._v, [*range(x._v.dim())], keepdim)
        return y.unsqueeze(0) if keepdim else y
    if kind == "together":
        y = reduce(x._v, [d - 1 for d in dims if d], keepdim)
        return y.unsqueeze(0) if keepdim else y
    if kind == "inner":
        return _inner(x, dims, keepdim, reduce)
    y = by_parts(x)
    return y.unsqueeze(x._ragged_idx) if keepdim else y


def _sums(x, dtype=None) -> Tensor:
    """The sum of each part along the ragged dim."""
    rows = x._v.movedim(x._ragged_idx - 1, 0)
    if dtype is not None or not (rows.is_floating_point() or rows.is_complex()):
        rows = rows.to(dtype or _rustgrad.int64)
    return rows.new_zeros((len(x), *rows.shape[1:])).index_add(0, owners(x), rows)


def _shown(node, y, x):
    shown(node, y._v if isinstance(y, NestedTensor) else y, x._v)
    return y


@op("sum")
def _sum(input, dim=None, keepdim=False, *, dtype=None):
    if dim is None:
        return shown("SumBackwardAutogradNestedTensor0", input._v.sum(dtype=dtype), input._v)
    y = _reduced(
        input, dim, keepdim, "sum", lambda v, d, k: v.sum(d, keepdim=k, dtype=dtype), lambda x: _sums(x, dtype)
    )
    return _shown("SumBackwardAutogradNestedTensor1", y, input)


@op("mean")
def _mean(input, dim=None, keepdim=False, *, dtype=None):
    if dim is None:
        return shown("MeanBackwardAutogradNestedTensor0", input._v.mean(dtype=dtype), input._v)

    def of_parts(x):
        sums = _sums(x, dtype)
        counts = sums.new_tensor(lengths(x)).reshape(-1, *(1,) * (sums.dim() - 1))
        return sums / counts

    y = _reduced(input, dim, keepdim, "mean", lambda v, d, k: v.mean(d, keepdim=k, dtype=dtype), of_parts)
    return _shown("MeanBackward1", y, input)


def _over_padding(name, fill):
    """Reductions whose result does not change by elements `fill(x)` behind the parts."""

    def reduce(func, input, dim=None, keepdim=False, **kwargs):
        def inner(v, dims, keep):
            if name in ("prod", "argmax", "argmin"):
                if len(dims) > 1:
                    return getattr(v, name)(**kwargs)
                return getattr(v, name)(dims[0], keepdim=keep, **kwargs)
            return getattr(v, name)(dims, keepdim=keep, **kwargs)

        if dim is None:
            return getattr(input._v, name)(**kwargs)
        at = input._ragged_idx
        y = _reduced(input, dim, keepdim, name, inner, lambda x: inner(padded(x, fill(x)), [at], False))
        return _shown(f"{name.title()}Backward0", y, input)

    elementwise[name] = reduce


for _name, _fill in {
    "amax": lambda x: _lowest(x, 1),
    "amin": lambda x: _lowest(x, -1),
    "argmax": lambda x: _lowest(x, 1),
    "argmin": lambda x: _lowest(x, -1),
    "prod": lambda x: 1,
    "any": lambda x: 0,
    "all": lambda x: 1,
}.items():
    _over_padding(_name, _fill)


def _extremum(func, input, dim=None, keepdim=False):
    name = op_name(func)
    if dim is None:
        return getattr(input._v, name)()
    if isinstance(dim, Tensor):
        return elementwise["maximum" if name == "max" else "minimum"](getattr(Tensor, f"{name}imum"), input, dim)
    dims = _dims(input, dim)
    if _check(input, dims, name) == "parts":
        found = getattr(padded(input, _lowest(input, 1 if name == "max" else -1)), name)(input._ragged_idx, keepdim)
        shown(f"{name.title()}Backward0", found[0], input._v)
        return found
    found = getattr(input._v, name)(dims[0] - 1, keepdim)
    at = input._ragged_idx - (dims[0] < input._ragged_idx and not keepdim)
    return type(found)(with_values(input, x, at) for x in found)


elementwise["max"] = elementwise["min"] = _extremum


def _softmax(func, input, dim, *args, **kwargs):
    name = op_name(func)
    d = normal_dim(input, dim)
    if d == 0:
        raise RuntimeError(f"{name}(): not supported when reducing across the batch dimension for NestedTensor")
    if d != input._ragged_idx:
        return with_values(input, func(input._v, d - 1, *args, **kwargs))
    if name != "softmax":
        raise RuntimeError(f"{name}(): not supported when reducing along the ragged dimension for NestedTensor")
    if input._lengths is not None:
        raise RuntimeError(
            "softmax(): not supported where lengths is not None and reducing along the ragged dimension for "
            "NestedTensor\nhint: x.contiguous() has no holes"
        )
    dense = func(padded(input, finfo(input.dtype).min), d, *args, **kwargs)
    return with_values(input, shown("SoftmaxBackward0", unpadded(dense, input), input._v))


elementwise["softmax"] = elementwise["log_softmax"] = _softmax


def _normalized(func, input, normalized_shape, *args, **kwargs):
    if input._ragged_idx >= input.dim() - len(normalized_shape):
        raise RuntimeError(
            f"{op_name(func)}(): not supported when normalizing over the ragged dimension only for NestedTensor"
        )
    return with_values(input, func(input._v, normalized_shape, *args, **kwargs))


elementwise["layer_norm"] = elementwise["rms_norm"] = _normalized
