"""The categorical distribution."""

import math

from .._rustgrad.torch import full, multinomial
from ..limits import finfo
from .distribution import Distribution

__all__ = ["Categorical"]


class Categorical(Distribution):
    """Integers from 0 to K - 1, with `probs` (..., K), which need not sum to 1, or with `logits` (..., K)."""

    _shown = ("probs", "logits")

    def __init__(self, probs=None, logits=None, validate_args=None):
        given = probs if probs is not None else logits
        if (probs is None) == (logits is None) or given is None:
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        if given.dim() < 1:
            raise ValueError(f"`{'logits' if probs is None else 'probs'}` parameter must be at least one-dimensional.")
        self._given = "logits" if probs is None else "probs"
        if probs is not None:
            self._probs, self._logits = probs / probs.sum(-1, keepdim=True), None
        else:
            self._probs, self._logits = None, given - given.logsumexp(dim=-1, keepdim=True)
        self._events = given.size(-1)
        super().__init__(given.size()[:-1], (), validate_args)
        if probs is not None:
            valid = (self.probs >= 0).all(-1) & ((self.probs.sum(-1) - 1).abs() < 1e-6)
            self._refuse("probs", probs, valid, "Simplex()")
        else:
            self._refuse("logits", given, self.logits == self.logits, "IndependentConstraint(Real(), 1)")

    @property
    def probs(self):
        if self._probs is None:
            self._probs = self.logits.softmax(-1)
        return self._probs

    @property
    def logits(self):
        if self._logits is None:
            eps = finfo(self.probs.dtype).eps
            self._logits = self.probs.clamp(min=eps, max=1 - eps).log()
        return self._logits

    @property
    def param_shape(self):
        return (self.probs if self._given == "probs" else self.logits).size()

    @property
    def mean(self):
        return full(self._batch_shape, math.nan, dtype=self.probs.dtype, device=self.probs.device)

    @property
    def variance(self):
        return self.mean

    @property
    def mode(self):
        return self.probs.argmax(dim=-1)

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        count = 1
        for n in sample_shape:
            count *= n
        drawn = multinomial(self.probs.detach().reshape(-1, self._events), count, True)
        return drawn.T.reshape(shape)

    def log_prob(self, value):
        valid = (value >= 0) & (value <= self._events - 1) & (value == value.long())
        self._refuse_value(value, valid, f"IntegerInterval(lower_bound=0, upper_bound={self._events - 1})")
        value = value.long().unsqueeze(-1)
        shape = (*(0 * value + 0 * self.logits.detach()).shape[:-1], self._events)
        value = value.expand((*shape[:-1], 1))
        return self.logits.expand(shape).gather(-1, value).squeeze(-1)

    def entropy(self):
        least = finfo(self.logits.dtype).min
        return -(self.logits.clamp(min=least) * self.probs).sum(-1)

    def enumerate_support(self, expand=True):
        """All values, along a first dim."""
        from .._rustgrad.torch import arange

        values = arange(self._events, device=self.probs.device).reshape((-1, *(1 for _ in self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values
