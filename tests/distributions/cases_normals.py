"""Multivariate normals given by their Cholesky factor: what needs no decomposition."""

from support import Cases, raised

CASES = Cases()
case = CASES.case


def _given(torch):
    t = torch.tensor
    loc = t([[-0.5, 0.3, 1.0], [0.2, -1.5, 0.0]]).requires_grad_()
    tril = t([[1.0, 0.0, 0.0], [0.5, 2.0, 0.0], [-0.3, 0.2, 0.7]]).requires_grad_()
    return loc, tril


@case(rtol=1e-5, atol=1e-6)
def by_factor(torch):
    loc, tril = _given(torch)
    d = torch.distributions.MultivariateNormal(loc, scale_tril=tril)
    torch.manual_seed(0)
    x = d.rsample((2,))
    grads = torch.autograd.grad((x * x).sum() + d.entropy().sum(), [loc, tril])
    torch.manual_seed(0)
    wide = d.expand((4, 2))
    return [
        (repr(d), d.batch_shape, d.event_shape, repr(d.support), d.has_rsample),
        (d.mean, d.mode, d.variance, d.stddev, d.covariance_matrix, d.entropy()),
        (x, grads, d.sample()),
        (repr(wide), wide.sample().shape, wide.variance, wide.batch_shape),
    ]


@case()
def refused(torch):
    loc, tril = _given(torch)
    d = torch.distributions
    made = [
        lambda: d.MultivariateNormal(loc),
        lambda: d.MultivariateNormal(loc, tril, tril),
        lambda: d.MultivariateNormal(loc[0, 0], scale_tril=tril),
        lambda: d.MultivariateNormal(loc, scale_tril=tril[0]),
        lambda: d.MultivariateNormal(loc, scale_tril=-tril),
        lambda: d.MultivariateNormal(loc, scale_tril=tril.T),
        lambda: d.LowRankMultivariateNormal(loc, tril[0], tril[0]),
        lambda: d.LowRankMultivariateNormal(loc, tril[:2], tril[0]),
        lambda: d.LowRankMultivariateNormal(loc, tril, tril[0, :2]),
        lambda: d.Wishart(1.5, scale_tril=tril),
        lambda: d.Wishart(4.0, scale_tril=tril[0]),
        lambda: d.Wishart(4.0),
    ]
    return [raised(fn) for fn in made]


@case(rtol=1e-4, atol=1e-5)
def wishart_of_any_matrix(torch):
    """log_prob reads each element of a value, also of one that is not symmetric or not positive."""
    scale = torch.tensor([[2.0, 0.5], [0.5, 1.0]])
    d = torch.distributions.Wishart(torch.tensor([4.5, 3.0]), scale, validate_args=False)
    value = torch.tensor([[3.0, 1.0], [0.5, 2.0]]).requires_grad_()
    out = d.log_prob(value)
    wide = torch.distributions.Wishart(torch.tensor([4.5, 3.0]), scale.expand(3, 2, 2, 2))
    return [out, torch.autograd.grad(out.sum(), value), d.log_prob(-value), wide.log_prob(scale.expand(5, 3, 2, 2, 2))]
