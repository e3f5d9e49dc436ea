"""The normal distribution."""

import math

from .._rustgrad.torch import erf, erfinv, normal
from ..grad_mode import no_grad
from .distribution import Distribution, batch_of, broadcast_all

__all__ = ["Normal"]


class Normal(Distribution):
    """Mean `loc` and standard deviation `scale`, which broadcast."""

    has_rsample = True
    _shown = ("loc", "scale")

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(batch_of((loc, scale), self.loc), (), validate_args)
        self._refuse("loc", self.loc, self.loc == self.loc, "Real()")
        self._refuse("scale", self.scale, self.scale > 0, "GreaterThan(lower_bound=0.0)")

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @property
    def stddev(self):
        return self.scale

    @property
    def variance(self):
        return self.scale.pow(2)

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return normal(self.loc.expand(shape), self.scale.expand(shape))

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with no_grad():
            noise = self.loc.new_empty(shape).normal_()
        return self.loc + noise * self.scale

    def log_prob(self, value):
        self._refuse_value(value, value == value, "Real()")
        return -((value - self.loc) ** 2) / (2 * self.variance) - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value):
        """The probability of a draw up to `value`."""
        return 0.5 * (1 + erf((value - self.loc) * self.scale.reciprocal() / math.sqrt(2)))

    def icdf(self, value):
        """Up to where a draw is with probability `value`."""
        return self.loc + self.scale * erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self):
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()
