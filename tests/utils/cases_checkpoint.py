"""utils.checkpoint, both kinds: values, random numbers, what is kept, messages."""

from support import Cases, raised, warned

CASES = Cases()
case = CASES.case


def _model(torch):
    torch.manual_seed(0)
    nn = torch.nn
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 6), nn.Sigmoid(), nn.Linear(6, 2))


@case(rtol=1e-5)
def gradients(torch):
    checks = torch.utils.checkpoint
    checkpoint, checkpoint_sequential = checks.checkpoint, checks.checkpoint_sequential

    out = []
    for kind in (None, True, False):
        model = _model(torch)
        x = torch.linspace(-1, 1, 12).reshape(3, 4).requires_grad_()
        torch.manual_seed(1)
        if kind is None:
            y = model(x)
        else:
            y = model[5](checkpoint(model[:5], x, use_reentrant=kind))
        y.sum().backward()
        out.append([y, x.grad, model[0].weight.grad, torch.rand(1)])
    for kind in (True, False):
        model = _model(torch)
        x = torch.linspace(-1, 1, 12).reshape(3, 4).requires_grad_()
        torch.manual_seed(1)
        y = checkpoint_sequential(model, 3, x, use_reentrant=kind)
        y.sum().backward()
        out.append([y, x.grad, model[3].weight.grad])
    return out


@case(rtol=1e-5)
def calls(torch):
    checks = torch.utils.checkpoint
    checkpoint, set_checkpoint_early_stop = checks.checkpoint, checks.set_checkpoint_early_stop

    count = []

    def fn(a, b=1.0, flag=True):
        count.append("called")
        out = (a * b).exp()
        count.append("half")
        return (out.sin(), 3) if flag else out

    x = torch.ones(2, requires_grad=True)
    y, three = checkpoint(fn, x, b=2.0, use_reentrant=False)
    y.sum().backward()
    first = [list(count), three, x.grad.clone()]
    count.clear()
    with set_checkpoint_early_stop(False):
        y = checkpoint(fn, x, 2.0, False, use_reentrant=False)
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (gg,) = torch.autograd.grad(g.sum(), x)
    nested = checkpoint(lambda a: checkpoint(lambda b: b.exp(), a, use_reentrant=False).sin(), x, use_reentrant=False)
    return [first, g, gg, torch.autograd.grad(nested.sum(), x), checkpoint(fn, x.detach(), use_reentrant=False)[0]]


@case()
def messages(torch):
    checks = torch.utils.checkpoint
    checkpoint, checkpoint_sequential = checks.checkpoint, checks.checkpoint_sequential

    x = torch.ones(3, requires_grad=True)

    def changing(first, then):
        calls = []

        def fn(a):
            calls.append(1)
            return first(a) if len(calls) == 1 else then(a)

        return checkpoint(fn, x, use_reentrant=False).sum().backward

    def twice():
        y = checkpoint(lambda a: (a * 2).exp(), x, use_reentrant=False).sum()
        y.backward()
        y.backward()

    double = lambda a: a * 2  # noqa: E731
    return [
        warned(checkpoint, double, x)[0],
        warned(checkpoint_sequential, [double] * 3, 2, x)[0],
        warned(checkpoint, double, x.detach(), use_reentrant=True)[0],
        raised(torch.autograd.grad, checkpoint(double, x, use_reentrant=True).sum(), x),
        raised(checkpoint, double, x, b=3, use_reentrant=True),
        raised(changing(lambda a: (a * 2).exp().exp(), double)).split("\n")[:3],
        raised(changing(lambda a: a.exp().exp(), lambda a: a[:2].exp().exp())).split("\n")[0],
        raised(checkpoint, double, x, use_reentrant=False, determinism_check="foo"),
        raised(checkpoint, double, x, use_reentrant=True, context_fn=lambda: 1),
        raised(twice).split(".")[0],
    ]
