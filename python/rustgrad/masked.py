"""Operations on the elements of a tensor where a bool mask is true.

`mask` broadcasts to the input (IndexError if it has more dims); masked-out elements count as if they were not there.
Where nothing is left, sums are 0, products 1, extrema and logsumexp infinite, means, medians and variances NaN.
`dtype` casts the result, and for sums, products and norms what is computed with. `dim` is an int, several, or None
for all.
"""

import math

from . import _rustgrad
from ._names import lookup as _lookup
from ._rustgrad import bool as _bool
from ._rustgrad import float32, int8, int16, int32, int64, uint8
from ._rustgrad import linalg as _linalg
from ._rustgrad import nn as _nn
from ._rustgrad import torch as _t

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "as_masked_tensor",
    "cumprod",
    "cumsum",
    "is_masked_tensor",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "masked_tensor",
    "MaskedTensor",
    "mean",
    "median",
    "norm",
    "normalize",
    "prod",
    "softmax",
    "softmin",
    "std",
    "sum",
    "var",
]

_SMALL = (uint8, _bool, int8, int16, int32)


def _dims(dim, ndim):
    """The chosen dims from the front, in order; `()` and None are all."""
    if dim is None or dim == ():
        return tuple(range(ndim))
    n = max(ndim, 1)
    seen = []
    for d in (dim,) if isinstance(dim, int) else dim:
        if d in seen:
            raise RuntimeError(f"dim={d} appears multiple times in the list of dims")
        if not -n <= d < n:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {d})")
        seen.append(d % n)
    return tuple(sorted(seen))


def _canonical_dim(dim, ndim):
    """The dims that a reduction over `dim` takes, as a tuple in order. (PyTorch's tests ask for it.)"""
    return _dims(dim, ndim)


def _input_mask(input, *args, mask=None, **kwargs):
    """The mask as a bool tensor shaped like the input; all true without one. Other arguments are an operation's."""
    if mask is None:
        return _t.ones_like(input, dtype=_bool)
    if mask.ndim > input.ndim:
        raise IndexError("_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)")
    return mask.broadcast_to(input.shape).to(_bool)


def _output_mask(op, input, *args, dim=None, keepdim=False, mask=None, **kwargs):
    """Where the result of `op`, called so, has seen an element: all of the input's mask where it keeps the shape."""
    given = _input_mask(input, mask=mask)
    name = op.__name__
    if name in {"softmax", "log_softmax", "softmin", "normalize", "cumsum", "cumprod"}:
        return given
    if name == "norm":
        args = args[1:]
    if dim is None and args:
        dim = args[0]
    for d in reversed(_dims(dim, input.ndim)):
        given = given.any(dim=d, keepdim=keepdim) if input.ndim else given
    return given


def _reduction_identity(op_name, input, *args):
    """The number that changes no result of a reduction, 0-d in the input's dtype; None for means and variances."""
    name = op_name.rpartition(".")[2]
    if name in {"mean", "var", "std"}:
        return None
    if name == "median":
        return _t.tensor(math.nan, device=input.device)
    if name == "norm" and args and args[0] == -math.inf:
        return _t.tensor(math.inf, dtype=input.dtype, device=input.device)
    value = _identity(name.removeprefix("cum"), input.dtype)
    return _t.tensor(value, dtype=input.dtype, device=input.device)


def _identity(name, dtype):
    value = _IDENTITIES[name]
    if not callable(value):
        return value
    if dtype == _bool:
        raise NotImplementedError(f"identity of {name} on {dtype} input")
    return value(dtype)


def _least(dtype):
    """What is not above any number of a dtype."""
    from .limits import iinfo

    return -math.inf if dtype.is_floating_point or dtype.is_complex else iinfo(dtype).min


def _greatest(dtype):
    from .limits import iinfo

    return math.inf if dtype.is_floating_point else iinfo(dtype).max


# What masked-out elements become, so that they change nothing.
_IDENTITIES = {"sum": 0, "prod": 1, "amax": _least, "argmax": _least, "amin": _greatest, "argmin": _greatest}
_IDENTITIES |= {"logsumexp": _least, "logaddexp": _least, "norm": 0, "median": math.nan}


def _filled(name, input, mask, identity=None):
    if mask is None:
        return input
    mask = _input_mask(input, mask=mask)
    value = _identity(name, input.dtype) if identity is None else identity
    return _t.where(mask, input, _t.tensor(value, dtype=input.dtype, device=input.device))


def _summed(dtype, input):
    """The dtype in which PyTorch adds up: small integers in int64."""
    if dtype is not None:
        return dtype
    return int64 if input.dtype in _SMALL else input.dtype


def sum(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """The sum over `dim`."""
    dims = _dims(dim, input.ndim)
    return _t.sum(_filled("sum", input, mask), dims, bool(keepdim), dtype=_summed(dtype, input))


def prod(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """The product over `dim`."""
    dims = _dims(dim, input.ndim)
    result = _filled("prod", input, mask).to(_summed(dtype, input))
    for d in reversed(dims):
        result = result.prod(d, bool(keepdim))
    return result


def cumsum(input, dim, *, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """Running sums along `dim`."""
    (dim, *_), dtype = _dims(dim, input.ndim), dtype or input.dtype
    return _t.cumsum(_filled("sum", input, mask), dim, dtype=dtype).to(dtype)


def cumprod(input, dim, *, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """Running products along `dim`."""
    (dim, *_), dtype = _dims(dim, input.ndim), dtype or input.dtype
    return _t.cumprod(_filled("prod", input, mask), dim, dtype=dtype).to(dtype)


def amax(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """The greatest element over `dim`."""
    filled = _filled("amax", input, mask)
    return _t.amax(filled, _dims(dim, input.ndim), bool(keepdim)).to(dtype or input.dtype)


def amin(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """The least element over `dim`."""
    filled = _filled("amin", input, mask)
    return _t.amin(filled, _dims(dim, input.ndim), bool(keepdim)).to(dtype or input.dtype)


def argmax(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """The place of the greatest element along `dim`, in the input's dtype."""
    return _t.argmax(_filled("argmax", input, mask), dim, bool(keepdim)).to(dtype or input.dtype)


def argmin(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """The place of the least element along `dim`, in the input's dtype."""
    return _t.argmin(_filled("argmin", input, mask), dim, bool(keepdim)).to(dtype or input.dtype)


def _count(input, dim, keepdim, mask):
    """How many elements of `dim` count."""
    if mask is None:
        mask = _t.ones(input.shape, dtype=int64, device=input.device)
    return sum(mask, dim, keepdim=keepdim)


def mean(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """The mean over `dim`. ValueError where its dtype would be an integer one."""
    source, dtype = ("Input", input.dtype) if dtype is None else ("Optional", dtype)
    if not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(
            f"mean(): Could not infer output dtype. {source} dtype must be either a floating point or complex dtype. "
            f"Got: {dtype}"
        )
    mask = None if mask is None else _input_mask(input, mask=mask)
    total = sum(input, dim, keepdim=keepdim, dtype=dtype, mask=mask)
    return total / _count(input, dim, keepdim, mask)


def median(input, dim=-1, *, keepdim=False, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """The median along `dim`, the lower of two. ValueError for integers of which a whole line is masked out."""
    dim, *_ = _dims(dim, input.ndim)
    floating = input.is_floating_point()
    values = _filled("median", input if floating else input.to(float32), mask)
    result = _t.nanmedian(values, dim, keepdim)[0]
    if floating:
        return result
    if _t.isnan(result).any():
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return result.to(dtype or input.dtype)


def logsumexp(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """The logarithm of the sum of exponentials over `dim`."""
    filled = _filled("logsumexp", input, mask)
    return _t.logsumexp(filled, _dims(dim, input.ndim), bool(keepdim)).to(dtype or input.dtype)


def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None) -> "_rustgrad.Tensor":
    """log(exp(input) + exp(other)), each masked by its own mask."""
    one, two = _filled("logaddexp", input, input_mask), _filled("logaddexp", other, other_mask)
    return _t.logaddexp(one, two).to(dtype or input.dtype)


def norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """The vector norm of order `ord` over `dim`."""
    filled = _filled("norm", input, mask, math.inf if ord == -math.inf else None)
    dims = _dims(dim, input.ndim)
    return _linalg.vector_norm(filled, ord, dims, bool(keepdim), dtype=dtype or input.dtype)


def _moment(input, dim, unbiased, correction, keepdim, dtype, mask):
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    if correction is None:
        correction = 1.0 if unbiased is None else float(unbiased)
    dtype = input.dtype if dtype is None else dtype
    if not (dtype.is_floating_point or dtype.is_complex):
        dtype = float32
    mask = None if mask is None else _input_mask(input, mask=mask)
    count = _count(input, dim, True, mask)
    distance = input - sum(input, dim, keepdim=True, dtype=dtype, mask=mask) / count
    square = distance * distance.conj() if dtype.is_complex else distance * distance
    total = sum(square, dim, keepdim=keepdim, dtype=dtype, mask=mask)
    count = count.reshape(total.shape)
    if correction != 0:
        count = (count.to(dtype.to_real()) - correction).clamp(min=0)
    return (total / count).to(dtype)


def var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """The variance over `dim`: squares by their number less `correction` (1)."""
    return _moment(input, dim, unbiased, correction, keepdim, dtype, mask)


def std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """The standard deviation over `dim`."""
    return _t.sqrt(_moment(input, dim, unbiased, correction, keepdim, dtype, mask))


def softmax(input, dim, *, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """Softmax along `dim`; masked-out elements are 0, or NaN where all are masked out."""
    dim, *_ = _dims(dim, input.ndim)
    return _nn.softmax(_filled("amax", input, mask), dim, dtype=dtype or input.dtype)


def log_softmax(input, dim, *, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """The logarithm of `softmax`."""
    dim, *_ = _dims(dim, input.ndim)
    return _nn.log_softmax(_filled("amax", input, mask), dim, dtype=dtype or input.dtype)


def softmin(input, dim, *, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """Softmax of the negated elements along `dim`."""
    dim, *_ = _dims(dim, input.ndim)
    return _nn.softmax(-_filled("amin", input, mask), dim, dtype=dtype or input.dtype)


def normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None) -> "_rustgrad.Tensor":
    """The elements by their norm along `dim`, or by `eps` where that is greater."""
    length = norm(input, ord, dim, keepdim=True, dtype=dtype or input.dtype, mask=mask)
    return _filled("sum", input, mask) / _t.maximum(length, length.new_full([], eps))


def is_masked_tensor(obj) -> "bool":
    """Whether `obj` is a MaskedTensor: there are none."""
    return False


def _refuse(*args, **kwargs):
    raise NotImplementedError(
        "MaskedTensor: rustgrad has no tensors that carry a mask\n"
        "hint: pass the mask to the functions of torch.masked, such as masked.sum(x, mask=mask)"
    )


class MaskedTensor:
    """PyTorch's prototype of tensors that carry a mask. Raises NotImplementedError: rustgrad has none."""

    __init__ = _refuse


def masked_tensor(data, mask, requires_grad=False):
    """Raises NotImplementedError: rustgrad has no tensors that carry a mask."""
    return _refuse()


def as_masked_tensor(data, mask):
    """Raises NotImplementedError: rustgrad has no tensors that carry a mask."""
    return _refuse()


__getattr__ = _lookup("torch.masked")
