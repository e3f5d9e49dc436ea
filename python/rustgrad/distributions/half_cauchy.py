"""The half-Cauchy distribution."""

import math

from .._rustgrad import Tensor, tensor
from .._rustgrad.torch import full, where, zeros_like
from . import constraints
from .cauchy import Cauchy
from .half_normal import Half

__all__ = ["HalfCauchy"]


class HalfCauchy(Half):
    """The size of Cauchy numbers around 0 with `scale`."""

    def __init__(self, scale, validate_args=None):
        super().__init__(Cauchy(0, scale, validate_args=False), validate_args)

    arg_constraints = {"scale": constraints.positive}

    @property
    def mean(self):
        return full(self._extended_shape(), math.inf, dtype=self.scale.dtype, device=self.scale.device)

    @property
    def mode(self):
        return zeros_like(self.scale)

    @property
    def variance(self):
        return self.base_dist.variance

    def log_prob(self, value):
        self._check(value)
        if not isinstance(value, Tensor):
            value = tensor(value, dtype=self.scale.dtype, device=self.scale.device)
        return where(value >= 0, self.base_dist.log_prob(value.to(self.scale)) + math.log(2), -math.inf)
