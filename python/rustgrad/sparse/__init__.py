"""Sparse tensors of layout `sparse_coo`, PyTorch's `torch.sparse`: products and sums that never make the zeros.

`sparse_coo_tensor(indices, values, size)` and `Tensor.to_sparse()` make them, `to_dense()` makes them dense. They add,
multiply and transpose; functions that keep zeros (`sqrt`, `tanh`, ...) act on the elements that are there; `S @ dense`
is what graph networks compute. Gradients reach the values and the dense operands. What has no meaning without the
zeros raises NotImplementedError and says `x.to_dense()`. Layouts of blocks (`sparse_bsr`, ...) only have names.

Matrices may lie in compressed rows or columns (`sparse_csr`, `sparse_csc`). On the GPU the same functions run where
their dense parts lie there.
"""

from .._names import lookup as _lookup
from .arithmetic import log_softmax, softmax, sum
from .coo import sparse_coo_tensor
from .forms import to_sparse
from .products import addmm, mm

__all__ = ["addmm", "check_sparse_tensor_invariants", "log_softmax", "mm", "softmax", "spdiags", "sum"]


def spdiags(diagonals, offsets, shape, layout=None):
    """A sparse matrix of `shape` with row k of `diagonals` along the diagonal `offsets[k]`, 0 being the main one.

    diagonals: (n, columns). Column c of the matrix has the elements of column c. Raises RuntimeError for repeated
    offsets, and for another number of offsets than of diagonals.
    """
    from .._rustgrad import int64
    from .._rustgrad.torch import arange, cat, stack

    diagonals = diagonals.reshape(1, -1) if diagonals.ndim < 2 else diagonals
    wanted = [int(k) for k in offsets.reshape(-1)]
    if len(wanted) != diagonals.shape[0]:
        raise RuntimeError(
            f"Number of diagonals ({diagonals.shape[0]}) does not match the number of offsets ({len(wanted)})"
        )
    if len({*wanted}) != len(wanted):
        raise RuntimeError("Offset tensor contains duplicate values")
    rows, columns = shape
    indices, values = [arange(0).reshape(1, 0).expand(2, 0)], [diagonals.new_zeros(0)]
    for diagonal, k in zip(diagonals, wanted):
        first, last = max(0, k), min(columns, rows + k, diagonals.shape[1])
        column = arange(first, max(first, last), dtype=int64)
        indices.append(stack([column - k, column]))
        values.append(diagonal[first : max(first, last)])
    x = sparse_coo_tensor(cat(indices, 1), cat(values), shape)
    return to_sparse(x, layout=layout)


class check_sparse_tensor_invariants:
    """A `with` block, decorator and switch that PyTorch checks indices by. Here they are always checked."""

    _on = False

    def __init__(self, enable: bool = True):
        self._wanted = enable

    @classmethod
    def is_enabled(cls) -> bool:
        return cls._on

    @staticmethod
    def enable() -> None:
        check_sparse_tensor_invariants._on = True

    @staticmethod
    def disable() -> None:
        check_sparse_tensor_invariants._on = False

    def __enter__(self):
        self._before = check_sparse_tensor_invariants._on
        check_sparse_tensor_invariants._on = self._wanted

    def __exit__(self, *_) -> None:
        check_sparse_tensor_invariants._on = self._before

    def __call__(self, f):
        from functools import wraps

        @wraps(f)
        def checked(*args, **kwargs):
            with check_sparse_tensor_invariants(self._wanted):
                return f(*args, **kwargs)

        return checked


def _typed(name: str, dtype_name: str):
    """One of PyTorch's older constructors: `torch.sparse.FloatTensor(indices, values, size)`."""

    def make(*args, device=None):
        from .. import _rustgrad

        dtype = getattr(_rustgrad, dtype_name)
        if all(isinstance(a, int) for a in args):
            return sparse_coo_tensor(size=args, dtype=dtype, device=device)
        if len(args) == 1:
            return sparse_coo_tensor(size=args[0], dtype=dtype, device=device)
        return sparse_coo_tensor(*args, dtype=dtype, device=device)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"A sparse tensor of {dtype_name} of indices, values and a size, or of zeros of a size."
    return make


_missing = _lookup("torch.sparse")


def __getattr__(name: str):
    from .._lazy import TYPED

    if name.endswith("Tensor") and name != "BoolTensor" and (dtype := TYPED.get(name.removesuffix("Tensor"))):
        return globals().setdefault(name, _typed(name, dtype))
    return _missing(name)
