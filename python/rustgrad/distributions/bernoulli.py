"""The Bernoulli distribution."""

from .._rustgrad.nn import binary_cross_entropy_with_logits
from .._rustgrad.torch import bernoulli
from ..grad_mode import no_grad
from ..limits import finfo
from .distribution import Distribution, batch_of, broadcast_all

__all__ = ["Bernoulli"]


class Bernoulli(Distribution):
    """1 with probability `probs`, else 0; or with log-odds `logits`."""

    _shown = ("probs", "logits")

    def __init__(self, probs=None, logits=None, validate_args=None):
        given = probs if probs is not None else logits
        if (probs is None) == (logits is None) or given is None:
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        (value,) = broadcast_all(given)
        self._given = "logits" if probs is None else "probs"
        self._probs, self._logits = (None, value) if probs is None else (value, None)
        super().__init__(batch_of((given,), value), (), validate_args)
        if probs is not None:
            self._refuse("probs", value, (value >= 0) & (value <= 1), "Interval(lower_bound=0.0, upper_bound=1.0)")
        else:
            self._refuse("logits", value, value == value, "Real()")

    @property
    def probs(self):
        if self._probs is None:
            self._probs = self.logits.sigmoid()
        return self._probs

    @property
    def logits(self):
        if self._logits is None:
            eps = finfo(self.probs.dtype).eps
            clamped = self.probs.clamp(min=eps, max=1 - eps)
            self._logits = clamped.log() - (-clamped).log1p()
        return self._logits

    @property
    def param_shape(self):
        return (self.probs if self._given == "probs" else self.logits).size()

    @property
    def mean(self):
        return self.probs

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        self._refuse_value(value, (value == 0) | (value == 1), "Boolean()")
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self):
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
