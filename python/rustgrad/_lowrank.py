"""Approximations of matrices by few singular vectors, found with random projections.

After Halko, Martinsson and Tropp, "Finding structure with randomness" (2009), algorithms 4.4 and 5.1, as PyTorch
does it; their random numbers are PyTorch's, drawn in the same order.
"""

from . import linalg
from ._rustgrad import Tensor
from ._rustgrad.torch import randn

__all__ = ["get_approximate_basis", "pca_lowrank", "svd_lowrank"]


def _product(matrix: Tensor | None, other: Tensor) -> Tensor:
    return other if matrix is None else matrix.matmul(other)


def get_approximate_basis(A: Tensor, q: int, niter: int | None = 2, M: Tensor | None = None) -> Tensor:
    """Q (.., m, q) with orthonormal columns so that `Q Q^H A` is near A (of A - M where M is given)."""
    niter = 2 if niter is None else niter
    A = A if M is None else A - M
    start = randn(A.shape[-1], q, dtype=A.dtype, device=A.device)
    Q = linalg.qr(A.matmul(start))[0]
    for _ in range(niter):
        Q = linalg.qr(A.mH.matmul(Q))[0]
        Q = linalg.qr(A.matmul(Q))[0]
    return Q


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """U (.., m, q), S (.., q) and V (.., n, q) with `U diag(S) V^H` near A, of rank about `q`.

    niter: steps of the power method. M: is subtracted from A, and broadcasts.
    """
    q = 6 if q is None else q
    m, n = A.shape[-2:]
    if M is not None:
        A = A - M.broadcast_to(A.size())
    if m < n:
        A = A.mH
    Q = get_approximate_basis(A, q, niter=niter)
    U, S, Vh = linalg.svd(Q.mH.matmul(A), full_matrices=False)
    U, V = Q.matmul(U), Vh.mH
    return (V, S, U) if m < n else (U, S, V)


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Principal components: `svd_lowrank` of A with the mean of each column subtracted, if `center`.

    A: rows are samples. q: how many, by default min(6, m, n). Raises ValueError for a `q` or `niter` out of range.
    """
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not (q >= 0 and q <= min(m, n)):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if not (niter >= 0):
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if not (A.is_floating_point() or A.is_complex()):
        raise ValueError(f"Input tensor must be floating point or complex, got {A.dtype}")
    return svd_lowrank(A - A.mean(dim=(-2,), keepdim=True) if center else A, q, niter=niter, M=None)
