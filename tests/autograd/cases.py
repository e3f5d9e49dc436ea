"""What `backward` and `grad` do on PyTorch: values, accumulation, graphs kept and freed, and messages."""

from support import Cases, raised

CASES = Cases()
case = CASES.case


def _pair(torch):
    return torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0, -1.0], requires_grad=True)


@case(rtol=1e-6)
def grad(torch):
    grad = torch.autograd.grad
    x, y = _pair(torch)
    z = x * x * y
    return [
        grad(z.sum(), x, retain_graph=True),
        grad((x * y).sum(), [x, y]),
        grad(z, [x, y], grad_outputs=torch.tensor([1.0, 10.0])),
        grad([(x * 2).sum(), (x * y).sum()], [x, y], [torch.tensor(3.0), None]),
        grad((x * 2).sum(), [x, y], allow_unused=True),
        grad((x * 2).sum(), [x, y], materialize_grads=True),
        [x.grad, y.grad],
    ]


@case(rtol=1e-6)
def second_order(torch):
    grad = torch.autograd.grad
    x, _ = _pair(torch)
    (first,) = grad((x**3).sum(), x, create_graph=True)
    (second,) = grad(first.sum(), x, create_graph=True)
    (third,) = grad(second.sum(), x)
    return [first, second, third]


@case(rtol=1e-6)
def backward(torch):
    x, y = _pair(torch)
    torch.autograd.backward([(x * y).sum(), x * 2], [None, torch.tensor([1.0, 5.0])])
    seen = [x.grad.clone(), y.grad.clone()]
    loss = (x * y).sum()
    loss.backward(retain_graph=True)
    loss.backward(inputs=[x])
    return [*seen, x.grad, y.grad]


@case()
def messages(torch):
    grad, backward = torch.autograd.grad, torch.autograd.backward
    x, y = _pair(torch)
    z = x * y
    freed = z.sum()
    freed.backward()
    first = [
        raised(z.backward),
        raised(torch.ones(1).sum().backward),
        raised(freed.backward),
        raised(backward, (x * 2).sum(), inputs=[]),
        raised(grad, (x * 2).sum(), y),
        raised(grad, (x * 2).sum(), x, allow_unused=False, materialize_grads=True),
        raised(grad, x * 2, x, grad_outputs=torch.ones(3)),
    ]
    return [text.split("\n")[0].split(". ")[0] for text in first]


@case()
def what_has_no_derivative(torch):
    functional = torch.nn.functional
    x, y = (t.requires_grad_() for t in _pair(torch))
    labels = torch.zeros(len(x), dtype=torch.int64)
    rows, weight = torch.ones(len(x), 2), torch.ones(2, requires_grad=True)
    unique = torch.unique(x, return_inverse=True)
    with torch.no_grad():
        array = x.numpy().tolist()
    return [
        raised(functional.soft_margin_loss, x, y),
        raised(functional.nll_loss, rows, labels, weight),
        raised(functional.multi_margin_loss, rows, labels, weight=weight),
        [unique[0].grad_fn.name(), unique[1].requires_grad],
        raised(unique[0].sum().backward),
        torch.unique_consecutive(x).grad_fn.name(),
        raised(torch.unique(x.reshape(1, -1), dim=1).sum().backward),
        array,
        raised(x.numpy),
    ]


@case()
def extremes_of_nan(torch):
    found = []
    for values in ([1.0, float("nan"), 2.0, float("nan")], [3.0, 1.0, 3.0, 1.0]):
        for name in ("max", "min", "median", "nanmedian", "amax"):
            x = torch.tensor(values, requires_grad=True)
            getattr(torch, name)(x).backward()
            found.append(x.grad)
    return found


@case()
def views_of_one_of_several(torch):
    x = torch.ones(2, 2, requires_grad=True) * 2
    first = lambda text: text.split(":")[0]  # noqa: E731
    return [
        first(raised(x.unbind(0)[0].view_as(x[0]).mul_, 2)),
        first(raised(x.split(1)[0][0].mul_, 2)),
        x.unbind(0)[0].detach().mul_(2),
    ]
