"""The categorical distribution."""

import math
from typing import Any

from .._rustgrad import Size
from .._rustgrad.torch import arange, broadcast_tensors, full, multinomial
from ..limits import finfo
from . import constraints
from .bernoulli import counted
from .distribution import Distribution
from .utils import ByProbsOrLogits

__all__ = ["Categorical"]


class Categorical(ByProbsOrLogits, Distribution):
    """Integers from 0 to K - 1, with `probs` (..., K), which need not sum to 1, or with `logits` (..., K)."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _binary = False

    def __init__(self, probs=None, logits=None, validate_args=None):
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        given: Any
        self._by, given = ("logits", logits) if probs is None else ("probs", probs)
        if given.dim() < 1:
            raise ValueError(f"`{self._by}` parameter must be at least one-dimensional.")
        if probs is not None:
            self.__dict__["probs"] = probs / probs.sum(-1, keepdim=True)
        else:
            self.__dict__["logits"] = given - given.logsumexp(dim=-1, keepdim=True)
        self._num_events = given.size(-1)
        super().__init__(given.size()[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self):
        return full(self._extended_shape(), math.nan, dtype=self.probs.dtype, device=self.probs.device)

    @property
    def mode(self):
        return self.probs.argmax(dim=-1)

    @property
    def variance(self):
        return self.mean

    def sample(self, sample_shape=()):
        drawn = multinomial(self.probs.detach().reshape(-1, self._num_events), Size(sample_shape).numel(), True)
        return drawn.T.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value):
        self._check(value)
        value, logs = broadcast_tensors([value.long().unsqueeze(-1), self.logits])
        return logs.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self):
        least = finfo(self.logits.dtype).min
        return -(self.logits.clamp(min=least) * self.probs).sum(-1)

    def enumerate_support(self, expand=True):
        return counted(arange(self._num_events, device=self._param.device), self._batch_shape, expand)
