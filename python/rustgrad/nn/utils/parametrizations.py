"""Parametrizations that ship with the library: weight_norm, spectral_norm and orthogonal."""

from ... import linalg
from ..._rustgrad import Tensor
from ..._rustgrad.torch import allclose, cat, dot, eye, geqrf, matrix_exp, mv, randn, zeros_like
from ...grad_mode import no_grad
from ...limits import finfo
from .._compose import norm_except_dim
from ..functional import normalize
from ..modules.module import Module
from . import parametrize

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    """g v / |v|, the norm over all dims but `dim`, or over all for None."""

    def __init__(self, dim=0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return weight_v * (weight_g / norm_except_dim(weight_v, 2, self.dim))

    def right_inverse(self, weight):
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module, name="weight", dim=0):
    """Train the length and the direction of `module.name` apart: one length per index of `dim`, or one for None.

    `parametrizations.NAME.original0` holds the lengths, `original1` the directions. State dicts of the older form
    (`NAME_g`, `NAME_v`) can be loaded. Returns `module`. After Salimans and Kingma 2016.
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        older = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in older):
            for index, key in enumerate(older):
                state_dict[f"{prefix}parametrizations.{name}.original{index}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    """A weight over its largest singular value, estimated by the power method; a vector over its length."""

    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12) -> None:
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._as_matrix(weight)
            for key, size in zip(("_u", "_v"), matrix.shape):
                drawn = matrix.new_empty(size).normal_(0, 1)
                self.register_buffer(key, normalize(drawn, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _as_matrix(self, weight):
        return weight.movedim(self.dim, 0).flatten(1)

    @no_grad()
    def _power_method(self, matrix, steps):
        for _ in range(steps):
            self._u.copy_(normalize(mv(matrix, self._v), dim=0, eps=self.eps))
            self._v.copy_(normalize(mv(matrix.t(), self._u), dim=0, eps=self.eps))

    def forward(self, weight):
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._as_matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        # Backward reads these copies; a second call in one graph may change the buffers.
        u, v = self._u.clone(), self._v.clone()
        return weight / dot(u, mv(matrix, v))

    def right_inverse(self, value):
        return value  # taken as it is; it becomes smaller when it is read


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divide `module.name` by its largest singular value. Returns `module`.

    n_power_iterations: steps of the power method at each call in training. dim: the dim of outputs, by default 1 for
    transposed convolutions and else 0. Raises ValueError for a name that is no tensor. After Miyato et al. 2018.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        dim = 1 if getattr(module, "transposed", False) else 0
    with no_grad():
        parametrization = _SpectralNorm(weight.detach(), n_power_iterations, dim, eps)
    parametrize.register_parametrization(module, name, parametrization)
    return module


_MAPS = ("matrix_exp", "cayley", "householder")


def _with_orthonormal_columns(matrix):
    """The Q of a QR whose R has a positive diagonal."""
    reflections, tau = geqrf(matrix)
    signs = reflections.diagonal(dim1=-2, dim2=-1).sgn()
    return linalg.householder_product(reflections, tau) * signs.unsqueeze(-2)


def _has_orthonormal_columns(matrix):
    rows, cols = matrix.shape[-2:]
    one = eye(cols, dtype=matrix.dtype, device=matrix.device)
    return allclose(matrix.mH @ matrix, one, atol=10.0 * rows * finfo(matrix.dtype).eps)


class _Orthogonal(Module):
    """Matrices with orthonormal columns (or rows, where there are fewer) from any matrix, times `base` if any."""

    def __init__(self, weight, orthogonal_map, *, use_trivialization=True):
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X):
        wide = X.size(-2) < X.size(-1)
        if wide:
            X = X.mT
        rows, cols = X.shape[-2:]
        if self.orthogonal_map == "householder":
            below = X.tril(diagonal=-1)
            tau = 2.0 / (1.0 + (below * below).sum(dim=-2))
            Q = linalg.householder_product(below, tau) * X.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        else:
            X = X.tril()
            if rows != cols:
                X = cat([X, X.new_zeros(rows, rows - cols).expand(*X.shape[:-2], -1, -1)], dim=-1)
            skew = X - X.mH
            if self.orthogonal_map == "matrix_exp":
                Q = matrix_exp(skew)
            else:
                one = eye(rows, dtype=X.dtype, device=X.device)
                Q = linalg.solve(one - 0.5 * skew, one + 0.5 * skew)
            Q = Q[..., :cols]
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if wide else Q

    @no_grad()
    def right_inverse(self, Q):
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        given, wide = Q, Q.size(-2) < Q.size(-1)
        if wide:
            Q = Q.mT
        rows, cols = Q.shape[-2:]
        if hasattr(self, "base"):
            if rows == cols:
                Q = Q.clone() if _has_orthonormal_columns(Q) else _with_orthonormal_columns(Q)
            else:
                drawn = randn(*Q.shape[:-2], rows, rows - cols, dtype=Q.dtype, device=Q.device)
                Q = _with_orthonormal_columns(cat([Q, drawn], dim=-1))
            self.base = Q
            # The maps make the identity of minus one (householder) or of anything symmetric (the others).
            start = zeros_like(given)
            start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
            return start
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False."
            )
        reflections, tau = geqrf(Q)
        diagonal = reflections.diagonal(dim1=-2, dim2=-1)
        diagonal.sign_()
        # A reflection with tau 0 is none: its column keeps the sign that R has.
        diagonal[tau == 0.0] *= -1
        return reflections.mT if wide else reflections


def orthogonal(module, name="weight", orthogonal_map=None, *, use_trivialization=True):
    """Keep `module.name` orthogonal: its columns (rows, where there are fewer) have length 1 and are at right angles.

    orthogonal_map: "matrix_exp", "cayley" or "householder", how the parameter becomes such a matrix; by default the
    first for square matrices, else the last. use_trivialization: start at an orthogonal matrix near the weight, which
    is multiplied by what is trained. Returns `module`. Raises ValueError for a name that is no tensor of two or more
    dims. After Lezcano-Casado 2019.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1) or weight.is_complex()
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    parametrization = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    parametrize.register_parametrization(module, name, parametrization, unsafe=True)
    return module
