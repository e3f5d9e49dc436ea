"""Functions that PyTorch had before 1.9 and removed: each says what stands for it now."""

from ._rustgrad import _library

__all__ = ["eig", "lstsq", "matrix_rank", "solve", "symeig"]


def _gone(text: str):
    raise RuntimeError(
        f"This function was deprecated since version 1.9 and is now removed.{text.replace('~', _library())}"
    )


def eig(self, eigenvectors: bool = False):
    """Removed: `linalg.eig` gives complex tensors. Always raises RuntimeError."""
    _gone(
        " `~.linalg.eig` returns complex tensors of dtype `cfloat` or `cdouble` rather than real tensors mimicking "
        "complex tensors.\n\nhint: ~.linalg.eigvals(A) for the values alone, ~.linalg.eig(A) for both"
    )


def solve(input, A):
    """Removed: `linalg.solve` takes the matrix first. Always raises RuntimeError."""
    _gone(
        " `~.solve` is deprecated in favor of `~.linalg.solve`. `~.linalg.solve` has its arguments reversed and does "
        "not return the LU factorization.\n\nhint: ~.linalg.solve(A, B); ~.linalg.lu_factor(A) for the factorization"
    )


def symeig(input, eigenvectors: bool = False, upper: bool = True):
    """Removed: `linalg.eigh` reads the lower triangle by default. Always raises RuntimeError."""
    _gone(
        " The default behavior has changed from using the upper triangular portion of the matrix by default to using "
        "the lower triangular portion.\n\nhint: ~.linalg.eigvalsh(A, UPLO='U') for the values, ~.linalg.eigh for both"
    )


def lstsq(input, A):
    """Removed: `linalg.lstsq` takes the matrix first. Always raises RuntimeError."""
    _gone(
        " `~.lstsq` is deprecated in favor of `~.linalg.lstsq`.\n\n"
        "hint: ~.linalg.lstsq(A, B), whose solution has no rows of residuals; ~.linalg.qr for the factorization"
    )


def matrix_rank(input, tol=None, symmetric: bool = False):
    """Removed: `linalg.matrix_rank`. Always raises RuntimeError."""
    _gone(
        "\nPlease use the `~.linalg.matrix_rank` function instead. The parameter 'symmetric' was renamed in "
        "`~.linalg.matrix_rank()` to 'hermitian'."
    )
