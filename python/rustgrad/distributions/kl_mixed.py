"""Kullback-Leibler divergences of distributions of different kinds: E_p[log p(x) - log q(x)]."""

from math import inf, log, pi, sqrt

from .._rustgrad.torch import full_like, xlogy
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .continuous_bernoulli import ContinuousBernoulli
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import Gumbel
from .kl import register_kl
from .laplace import Laplace
from .normal import Normal
from .pareto import Pareto
from .poisson import Poisson
from .uniform import Uniform
from .utils import euler_constant

# Where p draws what q never does.
_INFINITE = {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
    Poisson: (Bernoulli, Binomial),
}
_OF = {
    Beta: "concentration1",
    ContinuousBernoulli: "probs",
    Gamma: "concentration",
    Gumbel: "loc",
    Laplace: "loc",
    Normal: "loc",
    Pareto: "scale",
}
for _kind, _others in _INFINITE.items():
    for _other in _others:
        _name = _OF.get(_kind, "rate")
        register_kl(_kind, _other)(lambda p, q, name=_name: full_like(getattr(p, name), inf))


def _normal_cross(mean, variance, q):
    """-E_p[log q(x)] for a normal q."""
    square = q.scale.pow(2)
    return 0.5 * (2 * pi * square).log() + 0.5 * (variance + (mean - q.loc).pow(2)) / square


def _gamma_cross(mean, log_mean, q):
    """-E_p[log q(x)] for a gamma q, from the means of x and of log x."""
    norm = q.concentration.lgamma() - q.concentration * q.rate.log()
    return norm - (q.concentration - 1) * log_mean + q.rate * mean


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p, q):
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, ContinuousBernoulli)
def _beta_continuous_bernoulli(p, q):
    return -p.entropy() - p.mean * q.logits - (-q.probs).log1p() - q._cont_bern_log_norm()


@register_kl(Beta, Exponential)
def _beta_exponential(p, q):
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Beta, Gamma)
def _beta_gamma(p, q):
    log_mean = p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    return -p.entropy() + _gamma_cross(p.mean, log_mean, q)


@register_kl(Beta, Normal)
def _beta_normal(p, q):
    return -p.entropy() + _normal_cross(p.mean, p.variance, q)


@register_kl(Beta, Uniform)
def _beta_uniform(p, q):
    return (-p.entropy() + (q.high - q.low).log()).masked_fill((q.low > 0) | (q.high < 1), inf)


@register_kl(ContinuousBernoulli, Exponential)
def _continuous_bernoulli_exponential(p, q):
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(ContinuousBernoulli, Normal)
def _continuous_bernoulli_normal(p, q):
    return -p.entropy() + _normal_cross(p.mean, p.variance, q)


@register_kl(ContinuousBernoulli, Uniform)
def _continuous_bernoulli_uniform(p, q):
    return (-p.entropy() + (q.high - q.low).log()).masked_fill((q.low >= 0) | (q.high <= 1), inf)


@register_kl(Exponential, Gamma)
def _exponential_gamma(p, q):
    return -p.entropy() + _gamma_cross(p.mean, -euler_constant - p.rate.log(), q)


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p, q):
    product, shift = p.rate * q.scale, q.loc / q.scale
    tail = shift.exp() * product / (product + 1)
    return product.log() - 1 - shift + tail + product.reciprocal()


@register_kl(Exponential, Normal)
def _exponential_normal(p, q):
    return -p.entropy() + _normal_cross(p.mean, p.variance, q)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p, q):
    return -p.entropy() - q.rate.log() + q.rate * p.concentration / p.rate


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p, q):
    product, shift, a = p.rate * q.scale, q.loc / q.scale, p.concentration
    tail = shift.exp() * (1 + product.reciprocal()).pow(-a) - shift
    return (a - 1) * a.digamma() - a.lgamma() - a + product.log() + a / product + tail


@register_kl(Gamma, Normal)
def _gamma_normal(p, q):
    return -p.entropy() + _normal_cross(p.mean, p.variance, q)


@register_kl(Gumbel, Normal)
def _gumbel_normal(p, q):
    return -p.entropy() + _normal_cross(p.mean, p.variance, q)


@register_kl(Laplace, Normal)
def _laplace_normal(p, q):
    return -p.entropy() + _normal_cross(p.mean, p.variance, q)


@register_kl(Normal, Gumbel)
def _normal_gumbel(p, q):
    own, others, ratio = p.loc / q.scale, q.loc / q.scale, (p.scale / q.scale).pow(2)
    tail = (-own + 0.5 * ratio + others).exp()
    return -0.5 * ratio.log() + own - others + tail - 0.5 * (1 + log(2 * pi))


@register_kl(Normal, Laplace)
def _normal_laplace(p, q):
    apart = p.loc - q.loc
    z = apart / p.scale
    mean = sqrt(2 / pi) * p.scale * (-0.5 * z.pow(2)).exp() + apart * (sqrt(0.5) * z).erf()
    return -(p.scale / q.scale).log() + mean / q.scale - 0.5 * (1 + log(0.5 * pi))


@register_kl(Pareto, Exponential)
def _pareto_exponential(p, q):
    product = p.scale * q.rate
    result = (p.alpha / product).log() - p.alpha.reciprocal() + p.alpha * product / (p.alpha - 1) - 1
    return result.masked_fill(p.alpha <= 1, inf)


@register_kl(Pareto, Gamma)
def _pareto_gamma(p, q):
    mean = p.alpha * p.scale / (p.alpha - 1)
    log_mean = p.scale.log() + p.alpha.reciprocal()
    return (-p.entropy() + _gamma_cross(mean, log_mean, q)).masked_fill(p.alpha <= 1, inf)


@register_kl(Pareto, Normal)
def _pareto_normal(p, q):
    common = p.scale / (p.alpha - 1)
    mean, variance = p.alpha * common, p.alpha * common.pow(2) / (p.alpha - 2)
    return (-p.entropy() + _normal_cross(mean, variance, q)).masked_fill(p.alpha <= 2, inf)


def _log_mean(low, high):
    """The mean of log x for x uniform in [low, high]."""
    size = high - low
    return (xlogy(high, high) - xlogy(low, low) - size) / size


@register_kl(Uniform, Beta)
def _uniform_beta(p, q):
    a, b = q.concentration1, q.concentration0
    norm = a.lgamma() + b.lgamma() - (a + b).lgamma()
    result = norm - (a - 1) * _log_mean(p.low, p.high) - (b - 1) * _log_mean(1 - p.high, 1 - p.low)
    return (result - p.entropy()).masked_fill((p.high > 1) | (p.low < 0), inf)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p, q):
    result = -p.entropy() - p.mean * q.logits - (-q.probs).log1p() - q._cont_bern_log_norm()
    return result.masked_fill((p.high >= 1) | (p.low <= 0), inf)


@register_kl(Uniform, Exponential)
def _uniform_exponential(p, q):
    result = q.rate * (p.high + p.low) / 2 - ((p.high - p.low) * q.rate).log()
    return result.masked_fill(p.low < 0, inf)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p, q):
    result = -p.entropy() + _gamma_cross(p.mean, _log_mean(p.low, p.high), q)
    return result.masked_fill(p.low < 0, inf)


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p, q):
    size = q.scale / (p.high - p.low)
    high, low = (p.high - q.loc) / q.scale, (p.low - q.loc) / q.scale
    return size.log() + 0.5 * (high + low) - size * ((-high).exp() - (-low).exp())


@register_kl(Uniform, Normal)
def _uniform_normal(p, q):
    return -p.entropy() + _normal_cross(p.mean, p.variance, q)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p, q):
    size = p.high - p.low
    result = _log_mean(p.low, p.high) * (q.alpha + 1) - (q.alpha * q.scale.pow(q.alpha) * size).log()
    return result.masked_fill(p.low < q.scale, inf)
