"""Transforms of vectors and matrices."""

import math
from typing import Any

from ... import linalg
from ..._rustgrad import Size
from ..._rustgrad.nn import logsigmoid, softplus
from ..._rustgrad.torch import eye
from ...limits import finfo
from ...nn.functional import pad
from .. import constraints
from ..utils import tril_matrix_to_vec, vec_to_tril_matrix
from .base import FEW, OneOfAKind, Transform
from .pointwise import clipped

_linalg: Any = linalg


class CorrCholeskyTransform(Transform):
    """Vectors of D (D - 1) / 2 numbers as Cholesky factors of D x D correlation matrices (Lewandowski et al. 2009)."""

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x):
        eps = finfo(x.dtype).eps
        r = vec_to_tril_matrix(x.tanh().clamp(min=-1 + eps, max=1 - eps), diag=-1)
        rest = (1 - r**2).sqrt().cumprod(-1)
        r = r + eye(r.shape[-1], dtype=r.dtype, device=r.device)
        return r * pad(rest[..., :-1], [1, 0], value=1)

    def _inverse(self, y):
        rest = pad((1 - (y * y).cumsum(-1))[..., :-1], [1, 0], value=1)
        t = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(rest, diag=-1).sqrt()
        return (t.log1p() - t.neg().log1p()) / 2

    def log_abs_det_jacobian(self, x, y, intermediates=None):
        rest = tril_matrix_to_vec(1 - (y * y).cumsum(-1), diag=-2)
        return 0.5 * rest.log().sum(-1) - 2 * (x + softplus(-2 * x) - math.log(2.0)).sum(-1)

    def forward_shape(self, shape):
        if len(shape) < 1:
            raise ValueError(FEW)
        d = round((0.25 + 2 * shape[-1]) ** 0.5 + 0.5)
        if d * (d - 1) // 2 != shape[-1]:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return Size((*shape[:-1], d, d))

    def inverse_shape(self, shape):
        if len(shape) < 2:
            raise ValueError(FEW)
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))


class _OfVectors(OneOfAKind):
    """A transform of vectors, whose length changes by `_longer`."""

    domain: constraints.Constraint = constraints.real_vector
    _longer = 0

    def forward_shape(self, shape):
        if len(shape) < 1:
            raise ValueError(FEW)
        return Size((*shape[:-1], shape[-1] + self._longer))

    def inverse_shape(self, shape):
        if len(shape) < 1:
            raise ValueError(FEW)
        return Size((*shape[:-1], shape[-1] - self._longer))


class SoftmaxTransform(_OfVectors):
    """y = softmax(x); the inverse is the logarithm."""

    codomain = constraints.simplex

    def _call(self, x):
        weights = (x - x.max(-1, True)[0]).exp()
        return weights / weights.sum(-1, True)

    def _inverse(self, y):
        return y.log()


class StickBreakingTransform(_OfVectors):
    """K - 1 numbers as K probabilities: each takes its share of what those before it left."""

    codomain = constraints.simplex
    bijective = True
    _longer = 1

    @staticmethod
    def _left(like, n):
        return n + 1 - like.new_ones(n).cumsum(-1)

    def _call(self, x):
        z = clipped((x - self._left(x, x.shape[-1]).log()).sigmoid())
        return pad(z, [0, 1], value=1) * pad((1 - z).cumprod(-1), [1, 0], value=1)

    def _inverse(self, y):
        kept = y[..., :-1]
        rest = (1 - kept.cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        return kept.log() - rest.log() + self._left(y, kept.shape[-1]).log()

    def log_abs_det_jacobian(self, x, y):
        x = x - self._left(x, x.shape[-1]).log()
        return (-x + logsigmoid(x) + y[..., :-1].log()).sum(-1)


class LowerCholeskyTransform(OneOfAKind):
    """Matrices as lower triangular ones with a positive diagonal."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x):
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y):
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(OneOfAKind):
    """Matrices as positive definite ones, by their Cholesky factor."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x):
        x = LowerCholeskyTransform()(x)
        return x @ x.mT

    def _inverse(self, y):
        return LowerCholeskyTransform().inv(_linalg.cholesky(y))
