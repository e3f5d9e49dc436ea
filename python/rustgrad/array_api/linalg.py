"""The extension `linalg` of the standard; results with several parts have the standard's names for them."""

import rustgrad as torch

from ._dtypes import together
from ._reductions import reduced
from ._reductions import sum as _sum

__all__ = [
    "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm", "matrix_power",
    "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot",
    "trace", "vecdot", "vector_norm",
]  # fmt: skip

_l = torch.linalg


def cholesky(x, /, *, upper=False):
    """The lower or upper triangular factor of positive definite matrices."""
    return _l.cholesky(x, upper=upper)


def cross(x1, x2, /, *, axis=-1):
    """The cross product of vectors of three elements."""
    return _l.cross(*torch.broadcast_tensors(together(x1, x2)), dim=axis)


def det(x, /):
    """The determinant."""
    return _l.det(x)


def diagonal(x, /, *, offset=0):
    """A diagonal of the last two dims, as a view."""
    return torch.diagonal(x, offset, -2, -1)


def eigh(x, /):
    """Eigenvalues and eigenvectors of symmetric or Hermitian matrices."""
    return _l.eigh(x)


def eigvalsh(x, /):
    """Eigenvalues of symmetric or Hermitian matrices."""
    return _l.eigvalsh(x)


def inv(x, /):
    """The inverse."""
    return _l.inv(x)


def matmul(x1, x2, /):
    """The matrix product, in the dtype both operands promote to."""
    return torch.matmul(*together(x1, x2))


def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    """A norm of the last two dims."""
    return _l.matrix_norm(x, ord, keepdim=keepdims)


def matrix_power(x, n, /):
    """A matrix times itself."""
    return _l.matrix_power(x, n)


def matrix_rank(x, /, *, rtol=None):
    """How many singular values exceed `rtol` times the greatest."""
    return _l.matrix_rank(x, rtol=rtol)


def matrix_transpose(x, /):
    """The last two dims exchanged, as a view."""
    return x.mT


def outer(x1, x2, /):
    """Products of each element of a vector with each of another."""
    return torch.outer(*together(x1, x2))


def pinv(x, /, *, rtol=None):
    """The pseudo-inverse, without singular values below `rtol` times the greatest."""
    return _l.pinv(x, rtol=rtol)


def qr(x, /, *, mode="reduced"):
    """An orthogonal and a triangular factor; whole squares with mode "complete"."""
    return _l.qr(x, mode)


def slogdet(x, /):
    """The sign of the determinant, and the logarithm of its absolute value."""
    return _l.slogdet(x)


def solve(x1, x2, /):
    """The solution of `x1 x = x2`: a vector if that has one dim, else matrices."""
    x1, x2 = together(x1, x2)
    if x2.ndim == 1:
        return _l.solve(x1, x2.unsqueeze(-1)).squeeze(-1)
    batch = torch.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])  # PyTorch may take matrices for a batch of vectors
    return _l.solve(x1, x2.expand(*batch, *x2.shape[-2:]))


def svd(x, /, *, full_matrices=True):
    """Singular values between unitary factors, the second one adjoint: U, S, Vh."""
    return _l.svd(x, full_matrices)


def svdvals(x, /):
    """Singular values."""
    return _l.svdvals(x)


def tensordot(x1, x2, /, *, axes=2):
    """Sums of products over pairs of dims: the last with the first ones, or two lists."""
    return torch.tensordot(*together(x1, x2), dims=axes)


def trace(x, /, *, offset=0, dtype=None):
    """The sum of a diagonal of the last two dims."""
    return _sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


def vecdot(x1, x2, /, *, axis=-1):
    """The dot product of vectors along a dim, the first conjugated. Raises ValueError for other sizes."""
    if x1.shape[axis] != x2.shape[axis]:
        raise ValueError(f"vecdot: vectors of {x1.shape[axis]} and {x2.shape[axis]} elements")
    x1, x2 = together(x1, x2)
    return torch.sum(torch.conj(x1) * x2, axis, dtype=x1.dtype)


def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    """A norm of the elements along dims, or of all."""
    return reduced(lambda x, **dims: _l.vector_norm(x, ord, **dims), x, axis, keepdims)
