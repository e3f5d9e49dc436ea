"""Distributions: draws from the same seed, densities, entropies, divergences, gradients, refusals."""

from support import Cases, raised

CASES = Cases()
case = CASES.case


def _all(torch):
    d = torch.distributions
    loc, scale = torch.tensor([0.5, -1.0, 2.0]), torch.tensor([[0.5], [2.0]])
    logits = torch.tensor([[0.1, -2.0, 1.0, 0.0], [3.0, 0.0, 0.5, -1.0]])
    return [
        d.Normal(0.0, 1.0),
        d.Normal(loc, scale),
        d.Uniform(-1.0, 2.0),
        d.Uniform(loc - 1, loc + 2),
        d.Categorical(logits=logits),
        d.Categorical(probs=logits.exp()),
        d.Categorical(torch.tensor([0.25, 0.5, 0.25])),
        d.Bernoulli(0.3),
        d.Bernoulli(logits=logits),
        d.Bernoulli(torch.tensor([0.0, 0.5, 1.0])),
    ]


@case(rtol=2e-6, atol=1e-6)
def draws(torch):
    torch.manual_seed(3)
    return [(x.sample(), x.sample((2,)), x.sample((2, 3)).shape) for x in _all(torch)]


@case(rtol=2e-6, atol=1e-6)
def densities(torch):
    torch.manual_seed(4)
    return [(x.log_prob(x.sample((3,))), x.entropy(), x.perplexity()) for x in _all(torch)]


@case(rtol=2e-6, atol=1e-6)
def moments(torch):
    return [(x.mean, x.variance, x.stddev, x.batch_shape, x.event_shape, repr(x)) for x in _all(torch)]


@case(rtol=2e-6, atol=1e-6)
def quantiles(torch):
    at = torch.tensor([0.1, 0.5, 0.9])
    return [(x.cdf(at), x.icdf(at)) for x in _all(torch)[:3]]


@case(rtol=2e-6, atol=1e-6)
def divergences(torch):
    d, made = torch.distributions, _all(torch)
    pairs = [(made[0], made[1]), (made[3], d.Uniform(-5.0, 6.0)), (made[4], made[5]), (made[8], d.Bernoulli(0.5))]
    return [d.kl_divergence(p, q) for p, q in pairs], raised(lambda: d.kl_divergence(made[0], made[4]))[:20]


@case(rtol=2e-6, atol=1e-6)
def gradients(torch):
    torch.manual_seed(5)
    d = torch.distributions
    loc, scale = torch.tensor([0.5, -1.0], requires_grad=True), torch.tensor([0.5, 2.0], requires_grad=True)
    logits = torch.tensor([[0.1, -2.0, 1.0], [3.0, 0.0, 0.5]], requires_grad=True)
    x, c = d.Normal(loc, scale), d.Categorical(logits=logits)
    (x.rsample((3,)).pow(2).sum() + x.log_prob(torch.ones(2)).sum() + x.entropy().sum()).backward()
    (c.log_prob(torch.tensor([2, 0])).sum() + c.entropy().sum()).backward()
    return loc.grad, scale.grad, logits.grad


def _refused(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "nothing"


@case()
def refusals(torch):
    d, t = torch.distributions, torch.tensor
    calls = [
        lambda: d.Normal(0.0, -1.0),
        lambda: d.Normal(t([float("nan")]), 1.0),
        lambda: d.Uniform(1.0, 0.0),
        lambda: d.Categorical(t([-0.1, 0.5])),
        lambda: d.Categorical(),
        lambda: d.Categorical(t([0.5]), t([0.5])),
        lambda: d.Categorical(t(0.5)),
        lambda: d.Bernoulli(1.5),
        lambda: d.Categorical(t([0.5, 0.5])).log_prob(t(2)),
        lambda: d.Bernoulli(0.5).log_prob(t(0.5)),
        lambda: d.Uniform(0.0, 1.0).log_prob(t(2.0)),
        lambda: d.Normal(0.0, -1.0, validate_args=False),
    ]
    return [_refused(call) for call in calls]
