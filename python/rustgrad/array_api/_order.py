"""Searching, sorting, and what is distinct."""

from collections import namedtuple

import rustgrad as torch

from ._dtypes import together

__all__ = [
    "argmax", "argmin", "argsort", "count_nonzero", "nonzero", "searchsorted", "sort", "unique_all",
    "unique_counts", "unique_inverse", "unique_values", "where",
]  # fmt: skip

unique_all_result = namedtuple("unique_all_result", "values indices inverse_indices counts")
unique_counts_result = namedtuple("unique_counts_result", "values counts")
unique_inverse_result = namedtuple("unique_inverse_result", "values inverse_indices")


def argmax(x, /, *, axis=None, keepdims=False):
    """The index of the greatest element along a dim, or of the flattened array."""
    return torch.argmax(x, axis, keepdims)


def argmin(x, /, *, axis=None, keepdims=False):
    """The index of the least element along a dim, or of the flattened array."""
    return torch.argmin(x, axis, keepdims)


def argsort(x, /, *, axis=-1, descending=False, stable=True):
    """The indices that sort a dim."""
    return torch.argsort(x, dim=axis, descending=descending, stable=stable)


def count_nonzero(x, /, *, axis=None, keepdims=False):
    """How many elements are not zero."""
    from ._reductions import reduced

    return reduced(torch.sum, x != 0, axis, keepdims)


def nonzero(x, /):
    """Indices of elements that are not zero, one vector for each dim. Raises ValueError for an array without dims."""
    if x.ndim == 0:
        raise ValueError("nonzero: an array without dims has no indices")
    return torch.nonzero(x, as_tuple=True)


def searchsorted(x1, x2, /, *, side="left", sorter=None):
    """Where elements of `x2` belong in the sorted vector `x1`."""
    x1, x2 = together(x1, x2)
    return torch.searchsorted(x1, x2, side=side, sorter=sorter)


def sort(x, /, *, axis=-1, descending=False, stable=True):
    """The elements in order along a dim."""
    return torch.sort(x, dim=axis, descending=descending, stable=stable).values


def unique_all(x, /):
    """Distinct elements in order, their first indices, the index of each element among them, and how often each is.

    As the standard asks, each NaN is distinct.
    """
    flat = x.flatten()
    n, order = flat.numel(), _ordered(flat)
    flat = flat[order]
    first = torch.ones(n, dtype=torch.bool, device=x.device)
    first[1:] = flat[1:] != flat[:-1]
    begins = torch.nonzero(first, as_tuple=True)[0]
    ends = torch.cat([begins[1:], begins.new_full((min(n, 1),), n)])
    inverse = torch.empty_like(order)
    inverse[order] = torch.cumsum(first, 0) - 1
    return unique_all_result(flat[begins], order[begins], inverse.reshape(x.shape), ends - begins)


def _ordered(flat):
    """Indices that sort a vector, equal elements in the order they have; complex numbers by real parts first."""
    if not flat.is_complex():
        return torch.argsort(flat, stable=True)
    order = torch.argsort(flat.imag, stable=True)
    return order[torch.argsort(flat.real[order], stable=True)]


def unique_counts(x, /):
    """Distinct elements in order, and how often each is."""
    it = unique_all(x)
    return unique_counts_result(it.values, it.counts)


def unique_inverse(x, /):
    """Distinct elements in order, and the index of each element among them."""
    it = unique_all(x)
    return unique_inverse_result(it.values, it.inverse_indices)


def unique_values(x, /):
    """Distinct elements in order."""
    return unique_all(x).values


def where(condition, x1, x2, /):
    """Elements of `x1` where a condition holds, else of `x2`."""
    if not isinstance(x1, torch.Tensor) and not isinstance(x2, torch.Tensor):
        x1 = torch.full((), x1, device=condition.device)
        x2 = torch.full((), x2, device=condition.device)
    return torch.where(condition, *together(x1, x2))
