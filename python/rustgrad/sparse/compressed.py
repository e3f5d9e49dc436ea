"""Sparse matrices in compressed rows (`sparse_csr`) or columns (`sparse_csc`).

Such a matrix holds a coordinate one (`coo.py`) whose elements are in the order of the rows, or, for columns, the
transpose of one. Functions of the elements alone act on that; all others are what they are for coordinate matrices,
and their results are compressed again.
"""

from typing import Any

from .. import _rustgrad
from .._rustgrad import Tensor, _library, int32, int64
from .._rustgrad.torch import arange, as_tensor, bincount, cat, empty
from ..overrides import DisableTorchFunctionSubclass
from .coo import Sparse, functions, is_number, made
from .parts import PLAIN, OfElements, name_of, shown

__all__ = ["Compressed", "compressed", "masked", "sparse_compressed_tensor", "sparse_csc_tensor", "sparse_csr_tensor"]

_CSR, _CSC = _rustgrad.sparse_csr, _rustgrad.sparse_csc
# What gives, as in PyTorch, coordinate vectors, dense tensors or single elements.
_OPENED = frozenset("select getitem index_select narrow_copy".split())
_OF_ELEMENTS = frozenset("mul multiply div divide true_divide mul_ div_ clone detach requires_grad_ to type".split())


def _missing(name: str, layout) -> NotImplementedError:
    return NotImplementedError(
        f"Could not run 'aten::{name}' with arguments from the 'SparseCsrCPU' backend.\n"
        f"hint: {name} is not there for tensors of layout {layout}; x.to_sparse_coo() or x.to_dense() may have it"
    )


class Compressed(OfElements):
    """A matrix of layout `sparse_csr` or `sparse_csc`. Made by `sparse_csr_tensor` and `Tensor.to_sparse_csr`."""

    _inner: Sparse  # for columns the transpose
    _layout: Any

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = name_of(func)
        if name in PLAIN or (func.__name__ in ("__get__", "__set__") and name not in functions and name not in _own):
            with DisableTorchFunctionSubclass():
                return func(*args, **kwargs)
        if name in _own:
            return _own[name](*args, **kwargs)
        self = next(x for x in (*args, *kwargs.values()) if isinstance(x, Compressed))
        if name not in functions:
            raise _missing(name, self._layout)
        others = [x for x in (*args[1:], *kwargs.values()) if isinstance(x, Tensor)]
        if args and args[0] is self and name not in _OPENED and all(is_number(x) for x in others):
            # Of the elements alone, unless it has to do with the order of dims.
            result = functions[name](self._inner, *args[1:], **kwargs) if _of_elements(name) else None
            if isinstance(result, Sparse) and result.shape == self._inner.shape:
                return self if result is self._inner else _wrapped(result, self._layout)
        opened = [_opened(x) for x in args]
        result = functions[name](*opened, **{key: _opened(x) for key, x in kwargs.items()})
        if isinstance(result, Sparse) and result.ndim == 2 and name not in _OPENED:
            return compressed(result, self._layout)
        return result

    def __reduce_ex__(self, _protocol):
        from .._utils import _rebuild_sparse_tensor

        data = (self._pointers(), self._inner._i[1], self._v.detach(), self.shape)
        return _rebuild_sparse_tensor, (self._layout, data)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = _wrapped(self._inner.__deepcopy__(memo), self._layout)
        return memo[id(self)]

    def __repr__(self, *, tensor_contents=None) -> str:
        first, second = ("crow", "col") if self._layout == _CSR else ("ccol", "row")
        parts = {f"{first}_indices": self._pointers(), f"{second}_indices": self._inner._i[1], "values": self._v}
        return shown(self, parts, False)

    def __format__(self, spec: str) -> str:
        return repr(self) if not spec else format(repr(self), spec)

    @property
    def _v(self) -> Tensor:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._inner._v

    @property
    def layout(self):
        return self._layout

    @property
    def is_sparse(self) -> bool:
        return False

    @property
    def is_sparse_csr(self) -> bool:
        return self._layout == _CSR

    def _gradient(self, grad: Tensor) -> "Compressed":
        return _wrapped(made(self._inner._i, grad, self._inner.shape), self._layout)

    def _nnz(self) -> int:
        return self._inner._nnz()

    def _pointers(self) -> Tensor:
        """Where each row, or column, begins among the elements; and at last how many there are."""
        counts = bincount(self._inner._i[0], minlength=self._inner.shape[0]).cumsum(0)
        return cat([counts.new_zeros(1), counts])

    def _index(self, name: str, layout, found) -> Tensor:
        if self._layout != layout:
            kind = "row" if layout == _CSR else "column"
            other = "SparseCsr" if self._layout == _CSR else "SparseCsc"
            raise RuntimeError(f"{name} expected sparse {kind} compressed tensor layout but got {other}")
        return found()

    def crow_indices(self) -> Tensor:
        """(rows + 1,), int64: where the elements of each row begin. RuntimeError for compressed columns."""
        return self._index("crow_indices", _CSR, self._pointers)

    def col_indices(self) -> Tensor:
        """(nnz,), int64: the columns of the elements. RuntimeError for compressed columns."""
        return self._index("col_indices", _CSR, lambda: self._inner._i[1])

    def ccol_indices(self) -> Tensor:
        """(columns + 1,), int64: where the elements of each column begin. RuntimeError for compressed rows."""
        return self._index("ccol_indices", _CSC, self._pointers)

    def row_indices(self) -> Tensor:
        """(nnz,), int64: the rows of the elements. RuntimeError for compressed rows."""
        return self._index("row_indices", _CSC, lambda: self._inner._i[1])

    def values(self) -> Tensor:
        """(nnz,): the elements."""
        return self._v

    def to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
        """In coordinates, or in another layout. NotImplementedError for one that is not there."""
        if isinstance(sparse_dim, _rustgrad.layout):
            sparse_dim, layout = None, sparse_dim
        if layout == self._layout:
            return self
        from .forms import to_sparse

        return to_sparse(_opened(self), layout=layout)

    def to_sparse_coo(self):
        """In coordinates."""
        return _opened(self)

    def to_dense(self, dtype=None, *, masked_grad=None) -> Tensor:
        """The matrix with its zeros."""
        from .forms import to_dense

        return to_dense(_opened(self), dtype, masked_grad=masked_grad)

    def sparse_dim(self) -> int:
        return 2

    def dense_dim(self) -> int:
        return 0

    def stride(self, dim=None):
        raise RuntimeError("Sparse CSR tensors do not have strides")

    def indices(self) -> Tensor:
        raise RuntimeError(f"indices expected sparse coordinate tensor layout but got {self._kind()}")

    def coalesce(self) -> Tensor:
        raise RuntimeError(f"coalesce expected sparse coordinate tensor layout but got {self._kind()}")

    def is_coalesced(self) -> bool:
        raise RuntimeError(f"is_coalesced expected sparse coordinate tensor layout but got {self._kind()}")

    def _kind(self) -> str:
        return "SparseCsr" if self._layout == _CSR else "SparseCsc"


def _of_elements(name: str) -> bool:
    from .arithmetic import ELEMENTWISE
    from .forms import CONVERSIONS

    return name.rstrip("_") in ELEMENTWISE or name in CONVERSIONS or name in _OF_ELEMENTS


def _wrapped(inner: Sparse, layout) -> Compressed:
    """The compressed matrix of a coordinate one in the order of its rows, or of the transpose of one of columns."""
    shape = inner.shape if layout == _CSR else inner.shape[::-1]
    x = empty(tuple(shape), dtype=inner.dtype, device="meta").as_subclass(Compressed)
    x._inner, x._layout = inner, layout
    return x


def compressed(x: Sparse, layout) -> Compressed:
    """A coordinate matrix in compressed rows or columns. RuntimeError for other than two sparse dims."""
    if x.ndim != 2 or x.sparse_dim() != 2:
        raise RuntimeError(
            f"compressed rows and columns are those of matrices without dense dims, but got a tensor of shape "
            f"{[*x.shape]} with {x.sparse_dim()} sparse dims"
        )
    return _wrapped((x if layout == _CSR else functions["t"](x)).coalesce(), layout)


def _opened(x):
    """A compressed matrix in coordinates; anything else as it is."""
    if isinstance(x, (list, tuple)):
        return type(x)(_opened(one) for one in x)
    if not isinstance(x, Compressed):
        return x
    return x._inner if x._layout == _CSR else functions["t"](x._inner).coalesce()


def _transposed(self, dim0=0, dim1=1):
    if {dim0 % 2, dim1 % 2} != {0, 1}:
        return self
    return _wrapped(self._inner, _CSC if self._layout == _CSR else _CSR)


def _ones_like(self, **kwargs):
    return _wrapped(made(self._inner._i, self._v.new_ones(self._v.shape, **kwargs), self._inner.shape), self._layout)


def _added(self, other, *, alpha=1):
    """With a dense matrix a dense one, in either order."""
    if isinstance(self, Compressed) and isinstance(other, Tensor) and not isinstance(other, (Compressed, Sparse)):
        return functions["add"](other, _opened(self * alpha if alpha != 1 else self))
    result = functions["add"](_opened(self), _opened(other), alpha=alpha)
    return compressed(result, self._layout) if isinstance(self, Compressed) else result


def masked(x, mask: Compressed) -> Compressed:
    """The elements of `x` at the places of a compressed matrix."""
    from .forms import sparse_mask

    found: Any = sparse_mask(_opened(x), _opened(mask))
    return compressed(found, mask._layout)


_own: dict[str, Any] = dict.fromkeys(("t", "T", "mT", "transpose", "swapaxes", "swapdims"), _transposed)
_own.update(ones_like=_ones_like, add=_added)


def _checked(first: Tensor, second: Tensor, values: Tensor, shape, by_rows: bool) -> Tensor:
    """The index along the compressed dim of each element. RuntimeError for pointers or indices that fit no matrix."""
    names = ("crow_indices", "col_indices") if by_rows else ("ccol_indices", "row_indices")
    for name, part in zip(names, (first, second)):
        if part.ndim != 1:
            raise NotImplementedError(f"{name}: batches of compressed matrices are not there, got {[*part.shape]}")
        if part.dtype not in (int32, int64):
            raise RuntimeError(f"{name} must have dtype int32 or int64, but got {part.dtype}")
    count, rows, cols = second.shape[0], *(shape if by_rows else shape[::-1])
    if first.shape[0] != rows + 1:
        raise RuntimeError(f"{names[0]}.shape[-1] must be equal to {rows} + 1, but got {first.shape[0]}")
    if values.shape[:1] != (count,) or values.ndim != 1:
        raise RuntimeError(f"values must have the shape of {names[1]}, {[count]}, but got {[*values.shape]}")
    steps = first.diff()
    if int(first[0]) != 0 or int(first[-1]) != count or (rows and bool((steps < 0).any())):
        raise RuntimeError(f"`{names[0]}[..., 0] == 0`, ascending to nnz = {count}, is not satisfied: {first.tolist()}")
    if count and (int(second.min()) < 0 or int(second.max()) >= cols):
        raise RuntimeError(f"`0 <= {names[1]} < {cols}` is not satisfied: {second.tolist()}")
    return arange(rows, device=first.device).repeat_interleave(steps)


def sparse_compressed_tensor(
    compressed_indices,
    plain_indices,
    values,
    size=None,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    check_invariants=None,
):
    """A matrix of layout `sparse_csr` or `sparse_csc`: where rows (columns) begin, the columns (rows), the elements.

    size: by default as small as the indices allow. Raises RuntimeError for indices that fit no matrix, also without
    `check_invariants`; NotImplementedError for batches, blocks and other layouts.
    """
    if layout not in (_CSR, _CSC):
        raise NotImplementedError(f"sparse_compressed_tensor: layout must be {_library()}.sparse_csr or sparse_csc")
    values = as_tensor(values, dtype=dtype, device=device)
    first, second = (as_tensor(part, device=values.device) for part in (compressed_indices, plain_indices))
    first, second = (part if part.numel() else part.to(int64) for part in (first, second))
    by_rows = layout == _CSR
    if size is None:
        reach = int(second.max()) + 1 if second.numel() else 0
        size = (first.shape[0] - 1, reach) if by_rows else (reach, first.shape[0] - 1)
    size = tuple(size)
    if len(size) != 2:
        raise NotImplementedError(f"sparse_compressed_tensor: only matrices are there, but got size {[*size]}")
    rows = _checked(first, second, values, size, by_rows)
    if requires_grad:
        values = values.detach().requires_grad_()
    shape = size if by_rows else size[::-1]
    indices = rows.new_zeros((2, rows.shape[0]))
    indices[0], indices[1] = rows, second
    flat = rows * shape[1] + second
    return _wrapped(made(indices, values, shape, bool((flat.diff() > 0).all())), layout)


def sparse_csr_tensor(crow_indices, col_indices, values, size=None, **options):
    """A matrix of layout `sparse_csr`: see `sparse_compressed_tensor`."""
    return sparse_compressed_tensor(crow_indices, col_indices, values, size, **{**options, "layout": _CSR})


def sparse_csc_tensor(ccol_indices, row_indices, values, size=None, **options):
    """A matrix of layout `sparse_csc`: see `sparse_compressed_tensor`."""
    return sparse_compressed_tensor(ccol_indices, row_indices, values, size, **{**options, "layout": _CSC})
