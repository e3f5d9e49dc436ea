"""The multivariate normal distribution whose covariance is a diagonal and a matrix of low rank."""

import math

from .._rustgrad.torch import broadcast_tensors, diag_embed, eye
from . import constraints
from .distribution import Distribution
from .multivariate_normal import half_log_det, linalg, mahalanobis, times
from .utils import lazy_property, standard_normal

__all__ = ["LowRankMultivariateNormal"]


def plus_one(matrix):
    """`matrix` plus the unit matrix."""
    return matrix + eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)


def over_diagonal(factor, diagonal):
    """W^T D^-1 for W (..., n, m) and the diagonal of D (..., n)."""
    return factor.mT / diagonal.unsqueeze(-2)


def low_rank_log_det(p):
    """The logarithm of the covariance's determinant, by the matrix determinant lemma."""
    return 2 * half_log_det(p._capacitance_tril) + p._unbroadcasted_cov_diag.log().sum(-1)


def low_rank_mahalanobis(p, x):
    """x^T covariance^-1 x, by the Woodbury identity."""
    inner = times(over_diagonal(p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag), x)
    return (x.pow(2) / p._unbroadcasted_cov_diag).sum(-1) - mahalanobis(p._capacitance_tril, inner)


class LowRankMultivariateNormal(Distribution):
    """Vectors with mean `loc` (..., n) and covariance W W^T + D: `cov_factor` W (..., n, m), `cov_diag` (..., n).

    Everything is computed with m x m matrices.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, cov_factor, cov_diag, validate_args=None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event_shape = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
        if cov_factor.shape[-2:-1] != event_shape:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {event_shape[0]} x m")
        if cov_diag.shape[-1:] != event_shape:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event_shape}")
        try:
            wide = broadcast_tensors([loc.unsqueeze(-1), cov_factor, cov_diag.unsqueeze(-1)])
        except RuntimeError as e:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, cov_diag {cov_diag.shape}"
            ) from e
        self.loc, self.cov_factor, self.cov_diag = wide[0][..., 0], wide[1], wide[2][..., 0]
        self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag = cov_factor, cov_diag
        self._capacitance_tril = linalg.cholesky(plus_one(over_diagonal(cov_factor, cov_diag) @ cov_factor))
        super().__init__(self.loc.shape[:-1], event_shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    def _wide(self, value):
        return value.expand((*self._batch_shape, *self._event_shape, *self._event_shape))

    @lazy_property
    def variance(self):
        square = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return square.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self):
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        scaled = self._unbroadcasted_cov_factor / root
        return self._wide(root * linalg.cholesky(plus_one(scaled @ scaled.mT)))

    @lazy_property
    def covariance_matrix(self):
        factor = self._unbroadcasted_cov_factor
        return self._wide(factor @ factor.mT + diag_embed(self._unbroadcasted_cov_diag))

    @lazy_property
    def precision_matrix(self):
        inner = over_diagonal(self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag)
        inner = linalg.solve_triangular(self._capacitance_tril, inner, upper=False)
        return self._wide(diag_embed(self._unbroadcasted_cov_diag.reciprocal()) - inner.mT @ inner)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        common = standard_normal((*shape[:-1], *self.cov_factor.shape[-1:]), self.loc)
        own = standard_normal(shape, self.loc)
        low_rank = times(self._unbroadcasted_cov_factor, common)
        return self.loc + low_rank + self._unbroadcasted_cov_diag.sqrt() * own

    def log_prob(self, value):
        self._check(value)
        length = low_rank_mahalanobis(self, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + low_rank_log_det(self) + length)

    def entropy(self):
        full = self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + low_rank_log_det(self)
        return (0.5 * full).expand(self._batch_shape)
