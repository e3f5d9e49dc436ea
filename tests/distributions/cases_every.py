"""Every distribution: shapes, draws from the same seed, densities, moments, expansion, gradients, divergences."""

import warnings

from support import Cases, raised

CASES = Cases()
case = CASES.case


def _parameters(torch):
    t = torch.tensor
    return {
        "a": t([[0.7, 1.5, 2.2], [3.1, 0.4, 5.0]]),
        "b": t([1.2, 0.5, 2.5]),
        "l": t([[-0.5, 0.3, 1.0], [0.2, -1.5, 0.0]]),
        "p": t([[0.1, 0.5, 0.9], [0.3, 0.7, 0.45]]),
        "n": t([3.0, 4.0, 20.0]),
        "t": t(0.7),
        "pair": t([0.3, 0.7]),
    }


# What makes each distribution, from torch.distributions `d` and the parameters above.
MADE = """
d.Bernoulli(p)  d.Bernoulli(logits=l)  d.Bernoulli(0.3)  d.Beta(a,b)  d.Beta(0.5,2.0)  d.Binomial(5,p)
d.Binomial(n,logits=l)  d.Categorical(p)  d.Categorical(logits=l)  d.Cauchy(l,b)  d.Cauchy(0.0,1.0)  d.Chi2(a)
d.Chi2(3.0)  d.ContinuousBernoulli(p)  d.ContinuousBernoulli(logits=l)  d.ContinuousBernoulli(0.5)  d.Dirichlet(a)
d.Dirichlet(b)  d.Exponential(a)  d.Exponential(2.0)  d.FisherSnedecor(a*2,b*3)  d.FisherSnedecor(5.0,6.0)
d.Gamma(a,b)  d.Gamma(2.0,3.0)  d.GeneralizedPareto(l,b,b-1.2)  d.GeneralizedPareto(0.0,1.0,0.1)  d.Geometric(p)
d.Geometric(logits=l)  d.Geometric(0.2)  d.Gumbel(l,b)  d.Gumbel(1.0,2.0)  d.HalfCauchy(a)  d.HalfCauchy(1.0)
d.HalfNormal(a)  d.HalfNormal(1.0)  d.Independent(d.Normal(l,b),1)  d.Independent(d.Bernoulli(p),0)
d.Independent(d.Gamma(a,b),2)  d.InverseGamma(a,b)  d.InverseGamma(3.0,2.0)  d.Kumaraswamy(a,b)
d.Kumaraswamy(2.0,3.0)  d.Laplace(l,b)  d.Laplace(0.0,1.0)  d.LKJCholesky(3,b)  d.LKJCholesky(4,1.5)  d.LogNormal(l,b)
d.LogNormal(0.0,1.0)  d.LogisticNormal(l,b)  d.LogisticNormal(0.0,1.0)
d.MixtureSameFamily(d.Categorical(p),d.Normal(l,b))  d.Multinomial(4,p)  d.Multinomial(3,logits=l)
d.MixtureSameFamily(d.Categorical(pair),d.Independent(d.Normal(l,b),1))  d.NegativeBinomial(n,p)
d.NegativeBinomial(2,logits=l)  d.Normal(l,b)  d.Normal(0.0,1.0)  d.OneHotCategorical(p)
d.OneHotCategorical(logits=l)  d.OneHotCategoricalStraightThrough(p)  d.Pareto(b,a)  d.Pareto(1.0,3.0)  d.Poisson(a)
d.Poisson(3.0)  d.Poisson(a*20)  d.RelaxedBernoulli(t,p)  d.RelaxedBernoulli(t,logits=l)
d.RelaxedOneHotCategorical(t,p)  d.RelaxedOneHotCategorical(t,logits=l)  d.StudentT(a,l,b)  d.StudentT(3.0)
d.Uniform(l-2,b)  d.Uniform(0.0,1.0)  d.VonMises(l,b)  d.VonMises(0.0,1.0)
d.TransformedDistribution(d.Normal(l,b),[d.AffineTransform(1.0,-2.0),d.SigmoidTransform()])  d.Weibull(a,b)
d.Weibull(1.0,2.0)  d.TransformedDistribution(d.Uniform(0.0,1.0),[d.SigmoidTransform().inv,d.TanhTransform()])
""".split()
# What waits for functions that are not there yet.
WITHOUT_CDF = ("d.Gamma", "d.Chi2", "d.InverseGamma")


def _made(torch, text):
    return eval(text, _parameters(torch) | {"d": torch.distributions})


def _or_error(fn):
    """What `fn` returns, or the class of what it raises."""
    try:
        return fn()
    except Exception as e:
        return type(e).__name__


def _each(torch, look):
    return {text: look(_made(torch, text)) for text in MADE}


@case()
def shown(torch):
    def look(d):
        kinds = (d.batch_shape, d.event_shape, d.has_rsample, d.has_enumerate_support)
        support = d.support
        return repr(d), kinds, (type(support).__name__, support.event_dim, support.is_discrete)

    return _each(torch, look)


@case(rtol=2e-5, atol=1e-6)
def moments(torch):
    return _each(
        torch, lambda d: [_or_error(lambda n=n: getattr(d, n)) for n in ("mean", "variance", "stddev", "mode")]
    )


@case(rtol=2e-5, atol=5e-6)
def draws(torch):
    def look(d):
        torch.manual_seed(1)
        return d.sample(), d.sample((2, 3)).shape, d.sample((2,)).flatten()[:5], torch.rand(1)

    return _each(torch, look)


@case(rtol=5e-5, atol=2e-6)
def densities(torch):
    def look(d):
        torch.manual_seed(2)
        return d.log_prob(d.sample((3,))), _or_error(d.entropy)

    return _each(torch, look)


@case(rtol=5e-5, atol=2e-6)
def quantiles(torch):
    def look(d):
        torch.manual_seed(2)
        x = d.sample((3,))
        return _or_error(lambda: d.cdf(x)), _or_error(lambda: d.icdf(torch.full(x.shape, 0.3)))

    return {text: look(_made(torch, text)) for text in MADE if not text.startswith(WITHOUT_CDF)}


@case()
def supports(torch):
    return _each(torch, lambda d: [_or_error(d.enumerate_support), _or_error(lambda: d.enumerate_support(False))])


@case(rtol=5e-5, atol=2e-6)
def expanded(torch):
    def look(d):
        wide = d.expand((2, *d.batch_shape))
        torch.manual_seed(3)
        x = wide.sample()
        return repr(wide), wide.batch_shape, wide.event_shape, x, wide.log_prob(x)

    return _each(torch, look)


@case(rtol=1e-4, atol=2e-6)
def gradients(torch):
    """By all parameters: of the draws where they have any, and of the density at them."""
    results = {}
    for text in MADE:
        given = {k: v.requires_grad_() for k, v in _parameters(torch).items()}
        d = eval(text, given | {"d": torch.distributions})
        torch.manual_seed(4)
        x = d.rsample((2,)) if d.has_rsample else d.sample((2,))
        leaves = [v for k, v in given.items() if k in "ablpn"]
        of = []
        for value in (x, d.log_prob(x.detach())):
            if value.requires_grad:
                weights = torch.arange(value.numel(), dtype=value.dtype).reshape(value.shape)
                grads = torch.autograd.grad((value * weights).sum(), leaves, allow_unused=True, retain_graph=True)
                of.append([None if g is None else g for g in grads])
        results[text] = of
    return results


@case(rtol=5e-5, atol=5e-6)
def divergences(torch):
    results = {}
    made = {text: _made(torch, text) for text in MADE}
    for p in MADE:
        for q in MADE:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    value = torch.distributions.kl_divergence(made[p], made[q])
            except NotImplementedError:
                continue
            except RuntimeError:
                value = "RuntimeError"  # shapes that do not broadcast
            results[f"{p} {q}"] = value if isinstance(value, str) else value.flatten()[:3]
    return results


@case()
def refused(torch):
    d, t = torch.distributions, torch.tensor
    made = [
        lambda: d.Normal(t([1.0, float("nan")]), 1.0),
        lambda: d.Normal(0.0, t([1.0, -1.0])),
        lambda: d.Bernoulli(t([0.5, 1.5])),
        lambda: d.Bernoulli(0.5, logits=0.0),
        lambda: d.Bernoulli(),
        lambda: d.Categorical(t(0.5)),
        lambda: d.Categorical(t([-1.0, 2.0])),
        lambda: d.Binomial(t([-1.0]), t([0.5])),
        lambda: d.Dirichlet(t(1.0)),
        lambda: d.Dirichlet(t([1.0, 0.0])),
        lambda: d.Gamma(0.0, 1.0),
        lambda: d.Geometric(t([0.0, 0.5])),
        lambda: d.Uniform(1.0, 0.0),
        lambda: d.Poisson(-1.0),
        lambda: d.Independent(d.Normal(0.0, 1.0), 1),
        lambda: d.LKJCholesky(1),
        lambda: d.Multinomial(t(3), t([0.5, 0.5])),
        lambda: d.NegativeBinomial(-1, t([0.5])),
        lambda: d.TransformedDistribution(d.Normal(0.0, 1.0), 3),
        lambda: d.TransformedDistribution(d.Normal(0.0, 1.0), [3]),
        lambda: d.TransformedDistribution(d.Normal(0.0, 1.0), d.StickBreakingTransform()),
        lambda: d.MixtureSameFamily(d.Normal(0.0, 1.0), d.Normal(0.0, 1.0)),
        lambda: d.MixtureSameFamily(d.Categorical(t([0.5, 0.5])), d.Normal(t([0.0, 1.0, 2.0]), 1.0)),
        lambda: d.Normal("a", 1.0),
        lambda: d.Distribution.set_default_validate_args("x"),
        lambda: d.Normal(0.0, 1.0).log_prob(1.0),
        lambda: d.Normal(t([0.0, 1.0]), 1.0).log_prob(t([0.0, 1.0, 2.0])),
        lambda: d.Dirichlet(t([1.0, 1.0])).log_prob(t([0.2, 0.3, 0.5])),
        lambda: d.Dirichlet(t([1.0, 1.0])).log_prob(t([0.5, 0.6])),
        lambda: d.Bernoulli(0.5).log_prob(t(0.5)),
        lambda: d.Categorical(t([0.5, 0.5])).log_prob(t(2)),
        lambda: d.Exponential(1.0).log_prob(t(-1.0)),
        lambda: d.Binomial(t([2.0, 3.0]), t([0.5, 0.5])).entropy(),
        lambda: d.Independent(d.Bernoulli(t([0.5])), 1).enumerate_support(),
        lambda: d.kl_divergence(d.Normal(0.0, 1.0), d.Cauchy(0.0, 1.0)),
        lambda: d.kl_divergence(d.Binomial(2, t(0.5)), d.Binomial(3, t(0.5))),
        lambda: d.Cauchy(0.0, 1.0).enumerate_support(),
        lambda: d.biject_to(d.constraints.dependent),
        lambda: d.constraints.dependent.check(t(1.0)),
        lambda: d.constraints.dependent.event_dim,
        lambda: d.AffineTransform(0.0, 1.0, cache_size=2),
        lambda: d.ReshapeTransform((2, 3), (5,)),
    ]
    return [raised(fn) for fn in made]
