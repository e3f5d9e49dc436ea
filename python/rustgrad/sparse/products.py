"""What ops do with sparse tensors: products. Each function has the arguments of the op that it is named after."""

from .._rustgrad.torch import cat as _dense_cat
from .._rustgrad.torch import stack as _dense_stack
from .arithmetic import added, mul
from .coo import Sparse, made, op
from .forms import joined, select, transpose

__all__ = ["addmm", "hspmm", "mm", "spmm"]

# Elements that a product gathers at once.
_GATHERED = 1 << 23


def _check_product(a, b) -> None:
    for k, x in enumerate((a, b)):
        if x.ndim != 2 or (isinstance(x, Sparse) and x.sparse_dim() != 2):
            raise RuntimeError(f"mm: argument {k} must be a matrix without dense dims; got shape {[*x.shape]}")
    if a.shape[1] != b.shape[0] and isinstance(a, Sparse) == isinstance(b, Sparse):
        shapes = " and ".join("x".join(map(str, x.shape)) for x in (a, b))
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({shapes})")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(f"addmm: Argument #3 (dense): Expected dim 0 size {a.shape[1]}, got {b.shape[0]}")
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected scalar type {a.dtype._scalar_name} but found {b.dtype._scalar_name}")


def _product(a, b):
    _check_product(a, b)
    if not isinstance(a, Sparse):
        return _product(transpose(b, 0, 1), a.t()).t()
    if isinstance(b, Sparse):
        b = b.coalesce()
        left, right = joined(a._i[1], b._i[0], a.shape[1])
        places = _dense_stack([a._i[0][left], b._i[1][right]])
        return made(places, a._v[left] * b._v[right], (a.shape[0], b.shape[1]), False).coalesce()
    # Some columns at a time: their rows are gathered for each element.
    width = max(1, _GATHERED // max(a._nnz(), 1))
    blocks = b.split(width, 1) if b.shape[1] > width else [b]
    found = []
    for block in blocks:
        parts = a._v.unsqueeze(1) * block.index_select(0, a._i[1])
        found.append(parts.new_zeros((a.shape[0], block.shape[1])).index_add(0, a._i[0], parts))
    return found[0] if len(found) == 1 else _dense_cat(found, 1)


@op("mm")
def mm(mat1, mat2, reduce=None):
    """The product of two matrices, one of them sparse or both: dense, or sparse where both are."""
    if reduce is not None:
        raise NotImplementedError(
            "sparse.mm: `reduce` is PyTorch's for layout sparse_csr, of which rustgrad has no such products"
        )
    if not isinstance(mat1, Sparse) and not isinstance(mat2, Sparse):
        return mat1.mm(mat2)
    return _product(mat1, mat2)


def spmm(input, mat2):
    """The product of two matrices, one of them sparse: `mm` by an older name."""
    return mm(input, mat2)


@op("mv")
def _mv(self, vec):
    return _product(self, vec.unsqueeze(1)).squeeze(1)


@op("matmul")
def _matmul(self, other):
    return _mv(self, other) if other.ndim == 1 else _product(self, other)


@op("linear")
def _linear(input, weight, bias=None):
    y = _product(input, weight.t())
    return y if bias is None else y + bias


@op("bmm")
def _bmm(self, mat2):
    return _dense_stack([_product(select(self, 0, k), mat2[k]) for k in range(self.shape[0])])


def hspmm(mat1, mat2):
    """The product of a sparse and a dense matrix, as a sparse tensor of those rows that are not zero."""
    rows = mat1._i[0].unique()
    return made(rows.unsqueeze(0), _product(mat1, mat2)[rows], (mat1.shape[0], mat2.shape[1]))


@op("addmm")
def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """`beta * input + alpha * (mat1 @ mat2)`, where `mat1` is sparse."""
    if not isinstance(mat1, Sparse) and not isinstance(mat2, Sparse):
        return input.addmm(mat1, mat2, beta=beta, alpha=alpha)
    y = _product(mat1, mat2)
    if alpha != 1:
        y = y * alpha
    if isinstance(input, Sparse):
        return added(mul(input, beta), y, 1)
    return input * beta + y if beta != 0 else y
