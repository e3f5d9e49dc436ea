"""The uniform distribution."""

from .._rustgrad.torch import rand
from ..grad_mode import no_grad
from .distribution import Distribution, batch_of, broadcast_all

__all__ = ["Uniform"]


class Uniform(Distribution):
    """Real numbers from `low` up to but not including `high`, which broadcast."""

    has_rsample = True
    _shown = ("low", "high")

    def __init__(self, low, high, validate_args=None):
        self.low, self.high = broadcast_all(low, high)
        super().__init__(batch_of((low, high), self.low), (), validate_args)
        if self._validate_args and not bool((self.low < self.high).all()):
            raise ValueError("Uniform is not defined when low>= high")

    @property
    def mean(self):
        return (self.high + self.low) / 2

    @property
    def variance(self):
        return (self.high - self.low).pow(2) / 12

    @property
    def stddev(self):
        return (self.high - self.low) / 12**0.5

    def rsample(self, sample_shape=()):
        with no_grad():
            part = rand(self._extended_shape(sample_shape), dtype=self.low.dtype, device=self.low.device)
        return self.low + part * (self.high - self.low)

    def log_prob(self, value):
        self._refuse_value(value, (value >= self.low) & (value <= self.high), "Interval")
        inside = self.low.le(value).type_as(self.low) * self.high.gt(value).type_as(self.low)
        return inside.log() - (self.high - self.low).log()

    def cdf(self, value):
        """The probability of a draw up to `value`."""
        return ((value - self.low) / (self.high - self.low)).clamp(min=0, max=1)

    def icdf(self, value):
        """Up to where a draw is with probability `value`."""
        return value * (self.high - self.low) + self.low

    def entropy(self):
        return (self.high - self.low).log()
