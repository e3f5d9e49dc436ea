"""Parametrizations that ship with the library: weight_norm and spectral_norm."""

from ..._rustgrad import Tensor
from ..._rustgrad.torch import dot, mv
from ...grad_mode import no_grad
from .._compose import norm_except_dim
from ..functional import normalize
from ..modules.module import Module
from . import parametrize

__all__ = ["spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    """g v / |v|, the norm over all dims but `dim`, or over all for None."""

    def __init__(self, dim=0):
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

    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
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
