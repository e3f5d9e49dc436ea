"""Probability distributions: to draw from, and to know the density, the entropy and the divergence of."""

from .._names import lookup as _lookup
from .bernoulli import Bernoulli
from .categorical import Categorical
from .distribution import Distribution
from .kl import kl_divergence
from .normal import Normal
from .uniform import Uniform

__all__ = ["Bernoulli", "Categorical", "Distribution", "Normal", "Uniform", "kl_divergence"]

__getattr__ = _lookup("torch.distributions")
