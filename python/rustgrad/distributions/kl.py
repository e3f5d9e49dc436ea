"""Divergences of distributions."""

from math import inf

from .._rustgrad.nn import softplus
from .._rustgrad.torch import where
from .bernoulli import Bernoulli
from .categorical import Categorical
from .distribution import Distribution
from .normal import Normal
from .uniform import Uniform

__all__ = ["kl_divergence"]


def kl_divergence(p: Distribution, q: Distribution):
    """The Kullback-Leibler divergence of `p` from `q`, of their batch shape.

    Raises NotImplementedError for other pairs than two of one kind.
    """
    if isinstance(p, Normal) and isinstance(q, Normal):
        ratio, apart = (p.scale / q.scale).pow(2), ((p.loc - q.loc) / q.scale).pow(2)
        return 0.5 * (ratio + apart - 1 - ratio.log())
    if isinstance(p, Categorical) and isinstance(q, Categorical):
        terms = p.probs * (p.logits - q.logits)
        terms = where((q.probs == 0).expand_as(terms), inf, terms)
        return where((p.probs == 0).expand_as(terms), 0.0, terms).sum(-1)
    if isinstance(p, Bernoulli) and isinstance(q, Bernoulli):
        one = p.probs * (softplus(-q.logits) - softplus(-p.logits))
        one = where(p.probs == 0, 0.0, where(q.probs == 0, inf, one))
        none = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
        return one + where(p.probs == 1, 0.0, where(q.probs == 1, inf, none))
    if isinstance(p, Uniform) and isinstance(q, Uniform):
        within = ((q.high - q.low) / (p.high - p.low)).log()
        return where((q.low > p.low) | (q.high < p.high), inf, within)
    raise NotImplementedError(
        f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
    )
