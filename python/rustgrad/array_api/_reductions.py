"""Sums, means, extremes and the like: over the dims `axis`, a number or a tuple, or over all."""

import rustgrad as torch

from ._shapes import _axes

__all__ = [
    "all", "any", "cumulative_prod", "cumulative_sum", "diff", "max", "mean", "min", "prod", "std", "sum", "var",
]  # fmt: skip


def reduced(op, x, axis, keepdims, **options):
    """A reduction of PyTorch over dims; over none where `axis` is an empty tuple, which PyTorch takes for all."""
    dims = _axes(x, axis)
    if not dims:
        x, dims, keepdims = x.unsqueeze(-1), (-1,), False
    return op(x, dim=dims, keepdim=keepdims, **options)


def _summed(op, x, dtype, *arguments):
    """A sum or product in `dtype`; of integers int64, as uint64, which the standard has in mind, has no arithmetic."""
    if dtype in (torch.uint16, torch.uint32, torch.uint64):  # modulo 2^64 there is no sign
        return op(x, *arguments, dtype=torch.int64).to(dtype)
    return op(x, *arguments, dtype=dtype)


def sum(x, /, *, axis=None, dtype=None, keepdims=False):
    """The sum, integers in int64 where no dtype is given."""
    return _summed(lambda x, dtype: reduced(torch.sum, x, axis, keepdims, dtype=dtype), x, dtype)


def prod(x, /, *, axis=None, dtype=None, keepdims=False):
    """The product, integers in int64 where no dtype is given."""
    return _summed(lambda x, dtype: reduced(_prod, x, axis, keepdims, dtype=dtype), x, dtype)


def _prod(x, dim, keepdim, dtype):
    for at in sorted((at % x.ndim for at in dim), reverse=True):
        x = torch.prod(x, at, keepdim, dtype=dtype)
    return x


def max(x, /, *, axis=None, keepdims=False):
    """The greatest element; NaN where there is one."""
    return reduced(torch.amax, x, axis, keepdims)


def min(x, /, *, axis=None, keepdims=False):
    """The least element; NaN where there is one."""
    return reduced(torch.amin, x, axis, keepdims)


def mean(x, /, *, axis=None, keepdims=False):
    """The mean."""
    return reduced(torch.mean, x, axis, keepdims)


def std(x, /, *, axis=None, correction=0.0, keepdims=False):
    """The standard deviation, squares divided by the number of elements less `correction`."""
    return reduced(torch.std, x, axis, keepdims, correction=correction)


def var(x, /, *, axis=None, correction=0.0, keepdims=False):
    """The variance, squares divided by the number of elements less `correction`."""
    return reduced(torch.var, x, axis, keepdims, correction=correction)


def all(x, /, *, axis=None, keepdims=False):
    """Whether no element is zero or False."""
    return reduced(torch.all, x != 0, axis, keepdims)


def any(x, /, *, axis=None, keepdims=False):
    """Whether some element is neither zero nor False."""
    return reduced(torch.any, x != 0, axis, keepdims)


def cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False):
    """Sums of the elements so far along a dim, which a vector may leave out; with `include_initial`, 0 before them."""
    return _cumulated(torch.cumsum, x, axis, dtype, 0 if include_initial else None)


def cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False):
    """Products of the elements so far along a dim, which a vector may leave out; with `include_initial`, 1 before."""
    return _cumulated(torch.cumprod, x, axis, dtype, 1 if include_initial else None)


def _cumulated(op, x, axis, dtype, first):
    if axis is None and x.ndim != 1:
        raise ValueError(f"axis must be given for an array of {x.ndim} dims")
    axis = axis or 0
    out = _summed(op, x, dtype, axis)
    if first is None:
        return out
    shape = list(x.shape)
    shape[axis] = 1
    return torch.cat([out.new_full(shape, first), out], axis)


def diff(x, /, *, axis=-1, n=1, prepend=None, append=None):
    """Differences of neighbours along a dim, `n` times, with arrays put before and after."""
    return torch.diff(x, n, axis, prepend, append)
