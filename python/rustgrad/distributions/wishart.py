"""The distribution of Wishart."""

import math
import warnings

from .. import broadcast_shapes
from .._rustgrad import Size, tensor
from .._rustgrad.torch import arange, cholesky_solve, mvlgamma, randn, tril_indices
from ..limits import finfo
from . import constraints
from .chi2 import Chi2
from .exp_family import ExponentialFamily
from .multivariate_normal import ByScatter, half_log_det, linalg
from .utils import NUMBERS

__all__ = ["Wishart"]


def _mvdigamma(x, p):
    """The derivative of the logarithm of the multivariate gamma function of order `p`."""
    if not bool(x.gt((p - 1) / 2).all()):
        raise AssertionError("Wrong domain for multivariate digamma function.")
    return (x.unsqueeze(-1) - arange(p, dtype=x.dtype, device=x.device) / 2).digamma().sum(-1)


class Wishart(ByScatter, ExponentialFamily):
    """Sums of x x^T over `df` normal vectors x; their scatter is one of three matrices (..., n, n).

    Draws follow Bartlett's decomposition.
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, df, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        given = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        given = {name: matrix for name, matrix in given.items() if matrix is not None}
        if len(given) != 1:
            raise AssertionError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        (matrix,) = given.values()
        if matrix.dim() < 2:
            raise ValueError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        if isinstance(df, NUMBERS):
            batch_shape = Size(matrix.shape[:-2])
            self.df = tensor(df, dtype=matrix.dtype, device=matrix.device)
        else:
            batch_shape = broadcast_shapes(matrix.shape[:-2], df.shape)
            self.df = df.expand(batch_shape)
        n = matrix.shape[-1]
        if bool(self.df.le(n - 1).any()):
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}.")
        self._take(given, batch_shape)
        if bool(self.df.lt(n).any()):
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        super().__init__(batch_shape, matrix.shape[-2:], validate_args=validate_args)
        self._factor(given)
        self._dist_chi2 = self._diagonal()

    def _diagonal(self):
        """The squares of the diagonal of Bartlett's factor."""
        n, df = self._event_shape[-1], self.df
        below = arange(n, dtype=df.dtype, device=df.device).expand((*self._batch_shape, -1))
        return Chi2(df=df.unsqueeze(-1) - below)

    def expand(self, batch_shape, _instance=None):
        new = super().expand(batch_shape, _instance)
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril.expand((*batch_shape, *self._event_shape))
        new._dist_chi2 = new._diagonal()
        return new

    @property
    def arg_constraints(self):
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    def _df(self):
        return self.df.view((*self._batch_shape, 1, 1))

    @property
    def mean(self):
        return self._df() * self.covariance_matrix

    @property
    def mode(self):
        factor = self.df - self._event_shape[-1] - 1
        factor = factor.masked_fill(factor <= 0, math.nan)
        return factor.view((*self._batch_shape, 1, 1)) * self.covariance_matrix

    @property
    def variance(self):
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self._df() * (v.pow(2) + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def _bartlett_sampling(self, sample_shape=()):
        n = self._event_shape[-1]
        diagonal = self._dist_chi2.rsample(sample_shape).sqrt()
        noise = diagonal.clamp(min=finfo(diagonal.dtype).eps).diag_embed(dim1=-2, dim2=-1)
        i, j = tril_indices(n, n, offset=-1)
        below = (*sample_shape, *self._batch_shape, n * (n - 1) // 2)
        noise[..., i, j] = randn(below, dtype=noise.dtype, device=noise.device)
        factor = self._unbroadcasted_scale_tril @ noise
        return factor @ factor.mT

    def rsample(self, sample_shape=(), max_try_correction=None):
        """Draws; those that are singular in the dtype are drawn again, up to `max_try_correction` times (10).

        As in PyTorch, the first look takes the draws that are not singular for those that are.
        """
        sample_shape, tries = Size(sample_shape), 10 if max_try_correction is None else max_try_correction
        sample = self._bartlett_sampling(sample_shape)
        again = self._any_of_batch(self.support.check(sample))
        if bool(again.any()):
            warnings.warn("Singular sample detected.", stacklevel=2)
            for _ in range(tries):
                fresh = self._bartlett_sampling(again[again].shape)
                sample[again] = fresh
                again[again.clone()] = self._any_of_batch(~self.support.check(fresh))
                if not bool(again.any()):
                    break
        return sample

    def _any_of_batch(self, bad):
        dims = [-1 - i for i in range(len(self._batch_shape))]
        return bad.amax(dims) if dims else bad

    def log_prob(self, value):
        self._check(value)
        nu, n, tril = self.df, self._event_shape[-1], self._unbroadcasted_scale_tril
        norm = -nu * (n * math.log(2) / 2 + half_log_det(tril)) - mvlgamma(nu / 2, n)
        # Of the value as it is, every element of it: a factor of it would read the lower triangle alone.
        trace = cholesky_solve(value, tril).diagonal(dim1=-2, dim2=-1).sum(-1)
        return norm + (nu - n - 1) / 2 * linalg.slogdet(value).logabsdet - trace / 2

    def entropy(self):
        nu, n = self.df, self._event_shape[-1]
        size = (n + 1) * (n * math.log(2) / 2 + half_log_det(self._unbroadcasted_scale_tril))
        return size + mvlgamma(nu / 2, n) - (nu - n - 1) / 2 * _mvdigamma(nu / 2, n) + nu * n / 2

    @property
    def _natural_params(self):
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, x, y):
        n = self._event_shape[-1]
        half = y + (n + 1) / 2
        return half * (-linalg.slogdet(-2 * x).logabsdet + math.log(2) * n) + mvlgamma(half, n)
