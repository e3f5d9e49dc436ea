"""What `grad`, `backward` and `gradcheck` take: edges of the graph, sparse leaves, and what they refuse."""

import warnings

from support import Cases, raised, warned

CASES = Cases()
case = CASES.case


def _x(torch):
    return torch.tensor([1.0, 2.0, 3.0], requires_grad=True)


def _sparse(torch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.eye(3, dtype=torch.float64).to_sparse().requires_grad_()


@case()
def edges_stand_for_tensors(torch):
    edge, grad = torch.autograd.graph.get_gradient_edge, torch.autograd.grad
    x = _x(torch)
    y, total = x * 2, (x * 2).sum()
    found = [
        grad(edge(y), x, torch.ones(3), retain_graph=True)[0],
        grad(edge(total), x)[0],
        list(grad((y * y).sum(), [edge(y), edge(x)], retain_graph=True)),
    ]
    torch.autograd.backward(edge((x * 3).sum()))
    torch.autograd.backward([x * 5], [torch.ones(3)], inputs=[edge(x * 1), edge(x)])
    return [*found, x.grad, raised(lambda: grad(edge(x * 2), x)), edge(y)._fields]


@case()
def sparse_leaves(torch):
    weights = torch.arange(3.0, dtype=torch.float64, requires_grad=True)

    def product(s):
        return torch.sparse.mm(s, weights[:, None]).sum()

    s = _sparse(torch)
    found = [g.to_dense() for g in torch.autograd.grad(product(s), [s, weights])]
    product(s).backward(inputs=[s])
    return [*found, s.grad.to_dense(), weights.grad]


@case()
def inputs_that_are_refused(torch):
    def total():
        return _x(torch).sum()

    grad, backward = torch.autograd.grad, torch.autograd.backward
    unused = grad(total(), [_x(torch)], materialize_grads=True)[0]
    return [
        unused,
        unused.requires_grad,
        raised(lambda: grad(_x(torch) * 2, _x(torch), is_grads_batched=True)),
        raised(lambda: grad(total(), [3])),
        raised(lambda: grad(total(), [_x(torch), None])),
        raised(lambda: backward(total(), inputs=[torch.ones(2)])),
        raised(lambda: backward(total(), inputs=[3])),
        raised(lambda: backward(total(), "a")),
        raised(lambda: backward(3)),
        raised(lambda: backward([])),
    ]


@case(rtol=1e-5)
def gradcheck_of_sparse_tensors(torch):
    check = torch.autograd.gradcheck
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            check(lambda s: s.to_dense(), _sparse(torch), masked=True),
            check(lambda s: s.to_dense().sum(), _sparse(torch), masked=True, fast_mode=True),
            raised(lambda: check(lambda s: torch.sparse.sum(s), _sparse(torch))).split("\n")[0],
        ]


@case(rtol=1e-5)
def gradcheck_refuses(torch):
    check, twice = torch.autograd.gradcheck, torch.autograd.gradgradcheck
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    numerical = torch.autograd.gradcheck.__globals__["get_numerical_jacobian"]
    names, found = warned(lambda: numerical(lambda inputs: inputs[0] * 2, (x,)))
    return [
        raised(lambda: check(torch.sin, x, check_batched_forward_grad=True)),
        raised(lambda: check(torch.sin, x, check_batched_grad=True, check_backward_ad=False, check_forward_ad=True)),
        raised(lambda: twice(torch.sin, x, check_rev_over_rev=False)),
        [name.split(":")[0] for name in names],
        list(found),
    ]
