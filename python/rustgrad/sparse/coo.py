"""Sparse tensors in coordinate form: where the elements are that are not zero, and what they are.

A sparse tensor is a Tensor on `meta`, which has the shape and the dtype, with two dense ones: indices of shape
(sparse_dim, nnz) and values of shape (nnz, *dense sizes). Every call that has a sparse tensor among its arguments comes
to `__torch_function__`; what ops do then stands in the other modules here. Gradients are those of the values.
"""

from collections.abc import Callable
from typing import Any

from .. import _rustgrad
from .._parts import registering
from .._rustgrad import Tensor
from .._rustgrad.torch import as_tensor, cat, empty, stack
from ..overrides import DisableTorchFunctionSubclass
from .parts import PLAIN, OfElements, name_of, shown

__all__ = ["Sparse", "made", "sparse_coo_tensor"]

# What an op does with a sparse tensor among its arguments, by the op's name; the other modules fill it.
functions: dict[str, Callable[..., Any]] = {}


def _missing(name: str) -> NotImplementedError:
    return NotImplementedError(
        f"Could not run 'aten::{name}' with arguments from the 'SparseCPU' backend.\n"
        f"hint: {name} is not there for tensors of layout sparse_coo; x.to_dense() is the same tensor with its zeros"
    )


class Sparse(OfElements):
    """A tensor of layout `sparse_coo`. Made by `sparse_coo_tensor` and `Tensor.to_sparse`."""

    _i: Tensor
    _sorted: bool

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name = name_of(func)
        if name in functions:
            return functions[name](*args, **(kwargs or {}))
        if name in PLAIN or func.__name__ in ("__get__", "__set__"):
            with DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        raise _missing(name)

    def __reduce_ex__(self, _protocol):
        from .._utils import _rebuild_sparse_tensor

        data = (self._i, self._v.detach(), self.shape, self._sorted)
        return _rebuild_sparse_tensor, (_rustgrad.sparse_coo, data)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            with_grad = self._v.requires_grad and self._v.is_leaf
            values = self._v.detach().clone().requires_grad_(with_grad)
            memo[id(self)] = made(self._i.clone(), values, self.shape, self._sorted)
        return memo[id(self)]

    def __copy__(self):
        return made(self._i, self._v, self.shape, self._sorted)

    def __repr__(self, *, tensor_contents=None) -> str:
        return shown(self, {"indices": self._i, "values": self._v}, True)

    def __format__(self, spec: str) -> str:
        return repr(self) if not spec else format(repr(self), spec)

    # ---- attributes

    @property
    def layout(self):
        return _rustgrad.sparse_coo

    @property
    def is_sparse(self) -> bool:
        return True

    def _gradient(self, grad: Tensor) -> "Sparse":
        # Each element that shows one place has the gradient of that place.
        places, inverse = unique_places(self._i, self.shape)
        values = grad.new_zeros((places.shape[1], *self._v.shape[1:])).index_put((inverse,), grad)
        return made(places, values, self.shape)

    @property
    def data(self):
        return functions["detach"](self)

    @data.setter
    def data(self, value) -> None:
        over(self, value.detach())

    # ---- methods of sparse tensors, and those that Tensor has in Python, which no op is asked for

    def to_dense(self, dtype=None, *, masked_grad=None) -> Tensor:
        from .forms import to_dense

        return to_dense(self, dtype, masked_grad=masked_grad)

    def pin_memory(self, device=None) -> Tensor:
        return self

    def _nnz(self) -> int:
        return self._i.shape[1]

    def _indices(self) -> Tensor:
        return self._i

    def _values(self) -> Tensor:
        return self._v.detach()

    def indices(self) -> Tensor:
        """(sparse_dim, nnz), int64. RuntimeError before `coalesce`."""
        self._check_coalesced("indices")
        return self._i

    def values(self) -> Tensor:
        """(nnz, *dense sizes). RuntimeError before `coalesce`."""
        self._check_coalesced("values")
        return self._v

    def _check_coalesced(self, what: str) -> None:
        if not self._sorted:
            raise RuntimeError(f"Cannot get {what} on an uncoalesced tensor, please call .coalesce() first")

    def is_coalesced(self) -> bool:
        return self._sorted

    def _coalesced_(self, coalesced: bool) -> "Sparse":
        self._sorted = coalesced
        return self

    def sparse_dim(self) -> int:
        return self._i.shape[0]

    def dense_dim(self) -> int:
        return self._v.ndim - 1

    _dimI, _dimV = sparse_dim, dense_dim

    def stride(self, dim=None):
        return (0,) * self.dim() if dim is None else 0

    def coalesce(self) -> "Sparse":
        """The same tensor with one element a place, in the order of the indices; elements of one place are added."""
        if self._sorted:
            return self
        if self._nnz() < 2:
            return made(self._i, self._v, self.shape, True)
        places, inverse = unique_places(self._i, self.shape)
        if self.dtype == _rustgrad.bool:
            sums = self._v.long().new_zeros((places.shape[1], *self._v.shape[1:])).index_add(0, inverse, self._v.long())
            return made(places, sums != 0, self.shape, True)
        sums = self._v.new_zeros((places.shape[1], *self._v.shape[1:])).index_add(0, inverse, self._v)
        return made(places, sums, self.shape, True)


def made(indices: Tensor, values: Tensor, size, coalesced: bool | None = None) -> Sparse:
    """A sparse tensor of checked parts. At most one element is always in order."""
    x = empty(tuple(size), dtype=values.dtype, device="meta").as_subclass(Sparse)
    x._i, x._v = indices, values
    x._sorted = indices.shape[1] < 2 if coalesced is None else coalesced
    return x


def flat_places(indices: Tensor, sizes) -> Tensor:
    """The number of each place, (nnz,): in C order over `sizes`, one for each row of `indices`."""
    flat = indices.new_zeros(indices.shape[1])
    for row, size in zip(indices, sizes):
        flat = flat * size + row
    return flat


def without_row(indices: Tensor, at: int) -> Tensor:
    """The indices along all sparse dims but `at`."""
    return cat([indices[:at], indices[at + 1 :]])


def unique_places(indices: Tensor, sizes) -> tuple[Tensor, Tensor]:
    """The places that occur, in order, as columns; and for each column of `indices` which of them it is."""
    if indices.shape[0] == 0:
        return indices[:, :1], indices.new_zeros(indices.shape[1])
    flat, inverse = flat_places(indices, sizes).unique(return_inverse=True)
    rows = []
    for size in reversed(tuple(sizes)[: indices.shape[0]]):
        rows.append(flat % size)
        flat = flat.div(size, rounding_mode="floor")
    return stack(rows[::-1]), inverse


def _check_within(indices: Tensor, size) -> None:
    if not indices.numel():
        return
    for d, row in enumerate(indices):
        low, high = int(row.min()), int(row.max())
        if low < 0:
            raise RuntimeError(f"found negative index {low} for dim {d}")
        if high >= size[d]:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {d}, size is {size[d]} but found index {high}"
            )


def sparse_coo_tensor(
    indices=None,
    values=None,
    size=None,
    *,
    dtype=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    check_invariants=None,
    is_coalesced=None,
):
    """A sparse tensor with `values` at `indices` and zeros elsewhere.

    indices: (sparse_dim, nnz), ints. values: (nnz, *dense sizes). size: the sizes of all dims, by default as small as
    the indices allow. Elements of one place are added by `coalesce`. Only a size gives a tensor of zeros. Raises
    RuntimeError for indices outside of `size`, also without `check_invariants`: nothing could be computed from such a
    tensor; and for another number of indices than of values or of dims.
    """
    if values is None and (size is None or indices is None):
        size = tuple(size if size is not None else indices or ())
        made_indices = empty((len(size), 0), dtype=_rustgrad.int64, device=device)
        x = made(made_indices, empty((0,), dtype=dtype, device=device), size, True)
        return x.requires_grad_(requires_grad)
    values = as_tensor(values, dtype=dtype, device=device)
    indices = as_tensor(indices, device=values.device).to(_rustgrad.int64)
    if indices.ndim != 2:
        raise RuntimeError(
            f"indices must have the shape (sparse_dim, nnz), but got {[*indices.shape]}\n"
            "hint: indices[d] holds the places of all elements along dim d; one element alone is a column, [[3], [0]]"
        )
    if values.ndim == 0:
        values = values.reshape(1)
    if indices.shape[1] != values.shape[0]:
        raise RuntimeError(
            "indices and values must have same nnz, but got nnz from indices: "
            f"{indices.shape[1]}, nnz from values: {values.shape[0]}"
        )
    if size is None:
        if indices.shape[1] == 0 and indices.shape[0]:
            low = [0] * indices.shape[0]
        else:
            low = [int(row.max()) + 1 for row in indices]
        size = (*low, *values.shape[1:])
    size = tuple(size)
    if len(size) != indices.shape[0] + values.ndim - 1:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, "
            f"sparse_dim = {indices.shape[0]}, dense_dim = {values.ndim - 1}"
        )
    if size[indices.shape[0] :] != tuple(values.shape[1:]):
        raise RuntimeError(
            f"values has incorrect size, expected {[values.shape[0], *size[indices.shape[0] :]]}, got {[*values.shape]}"
        )
    _check_within(indices, size)
    if requires_grad:
        values = values.detach().requires_grad_()
    return made(indices.detach(), values, size, is_coalesced)


# ---- for the modules of what ops do


op = registering(functions)  # registers a function as what the ops of these names do


def with_values(x: Sparse, values: Tensor, coalesced: bool | None = None) -> Sparse:
    """`x` with other values at its places."""
    return made(x._i, values, x.shape, x._sorted if coalesced is None else coalesced)


def over(x: Sparse, y: Sparse) -> Sparse:
    """Gives `x` what `y` holds."""
    if x.dtype != y.dtype:
        raise RuntimeError(f"result type {y.dtype} can't be cast to the desired output type {x.dtype}")
    x._i, x._v, x._sorted = y._i, y._v, y._sorted
    return x


def is_number(x) -> bool:
    return not isinstance(x, Tensor) or (x.ndim == 0 and not isinstance(x, Sparse))


def normal_dim(x: Tensor, dim: int) -> int:
    if not -x.ndim <= dim < x.ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-x.ndim}, {x.ndim - 1}], but got {dim})"
        )
    return dim % x.ndim
