"""The multivariate normal distribution."""

import math
from typing import Any

from .. import broadcast_shapes
from .. import linalg as _linalg
from .._rustgrad.torch import eye
from . import constraints
from .distribution import Distribution
from .utils import lazy_property, standard_normal

__all__ = ["MultivariateNormal"]

linalg: Any = _linalg


def times(matrix, vector):
    """Products of batches of matrices (..., n, m) and vectors (..., m)."""
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def mahalanobis(tril, x):
    """The squared length of tril^-1 x, for batches of factors (..., n, n) and vectors (..., n).

    Where x has more batch dims than the factors, each factor is solved once, for all of its vectors.
    """
    n, batch = x.size(-1), tril.shape[:-2]
    outer = x.shape[: x.dim() - 1 - len(batch)]
    # Dims of x that the factor repeats, beside those it has: (outer, repeats, batch, n).
    pairs = [(size // own, own) for size, own in zip(x.shape[len(outer) : -1], batch)]
    split = x.reshape((*outer, *(size for pair in pairs for size in pair), n))
    first, count = len(outer), len(batch)
    order = [*range(first), *(first + 2 * i for i in range(count)), *(first + 2 * i + 1 for i in range(count))]
    split = split.permute((*order, split.dim() - 1))
    factors = tril.reshape((-1, n, n))
    columns = split.reshape((-1, factors.size(0), n)).permute(1, 2, 0)
    lengths = linalg.solve_triangular(factors, columns, upper=False).pow(2).sum(-2).t().reshape(split.shape[:-1])
    back = sorted(range(len(order)), key=order.__getitem__)
    return lengths.permute(back).reshape(x.shape[:-1])


def half_log_det(tril):
    """Half the logarithm of det(tril tril^T)."""
    return tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def tril_of_precision(precision):
    """The Cholesky factor of a precision matrix's inverse."""
    flipped = linalg.cholesky(precision.flip((-2, -1))).flip((-2, -1)).mT
    unit = eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
    return linalg.solve_triangular(flipped, unit, upper=False)


class ByScatter(Distribution):
    """A distribution given by one of three matrices: `covariance_matrix`, its inverse, or its Cholesky factor."""

    _unbroadcasted_scale_tril: Any

    def _take(self, given, batch_shape):
        """Keeps the matrix that is given, of {name: matrix}, expanded to the batch."""
        ((name, matrix),) = given.items()
        self.__dict__[name] = matrix.expand((*batch_shape, -1, -1))

    def _factor(self, given):
        ((name, matrix),) = given.items()
        if name == "covariance_matrix":
            matrix = linalg.cholesky(matrix)
        elif name == "precision_matrix":
            matrix = tril_of_precision(matrix)
        self._unbroadcasted_scale_tril = matrix

    def _wide(self, matrix):
        return matrix.expand((*self._batch_shape, *matrix.shape[-2:]))

    @lazy_property
    def scale_tril(self):
        return self._wide(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self):
        tril = self._unbroadcasted_scale_tril
        return self._wide(tril @ tril.mT)

    @lazy_property
    def precision_matrix(self):
        tril = self._unbroadcasted_scale_tril
        unit = eye(tril.shape[-1], dtype=tril.dtype, device=tril.device)
        inverse = linalg.solve_triangular(tril, unit, upper=False)
        return self._wide(inverse.mT @ inverse)


class MultivariateNormal(ByScatter):
    """Vectors with mean `loc` (..., n) and one of `covariance_matrix`, `precision_matrix`, `scale_tril` (..., n, n)."""

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        given = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        given = {name: matrix for name, matrix in given.items() if matrix is not None}
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given.items()
        if matrix.dim() < 2:
            what = "scale_tril matrix" if name == "scale_tril" else name
            raise ValueError(f"{what} must be at least two-dimensional, with optional leading batch dimensions")
        batch_shape = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        self._take(given, batch_shape)
        self.loc = loc.expand((*batch_shape, -1))
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)
        self._factor(given)

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape=()):
        noise = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + times(self._unbroadcasted_scale_tril, noise)

    def log_prob(self, value):
        self._check(value)
        tril = self._unbroadcasted_scale_tril
        length = mahalanobis(tril, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + length) - half_log_det(tril)

    def entropy(self):
        half = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        return (half + half_log_det(self._unbroadcasted_scale_tril)).expand(self._batch_shape)
