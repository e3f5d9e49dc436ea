"""autograd.functional and gradcheck."""

from support import Cases, raised, warned

CASES = Cases()
case = CASES.case


def _x(torch):
    return torch.tensor([1.0, 2.0])


@case(rtol=1e-5)
def products(torch):
    f = torch.autograd.functional
    x, v = _x(torch), torch.tensor([1.0, 3.0])
    exp_sum = lambda a: a.exp().sum()  # noqa: E731
    pair = lambda a, b: (a * b, a.sum())  # noqa: E731
    return [
        f.vjp(lambda a: a * a, x, v),
        f.vjp(pair, (x, v), (v, torch.tensor(2.0))),
        f.vjp(exp_sum, x),
        f.jvp(lambda a: a * a, x, v),
        f.jvp(pair, (x, v), (v, v)),
        f.hvp(exp_sum, x, v),
        f.vhp(exp_sum, x, v),
        f.hvp(lambda a, b: (a * a * b).sum(), (x, v), (v, x)),
        f.vhp(lambda a, b: (a * a * b).sum(), (x, v), (v, x)),
        f.vjp(lambda a: a * 2, x, v, create_graph=True)[1].requires_grad,
        f.hvp(lambda a: (a**3).sum(), x.requires_grad_(), v, create_graph=True)[1].requires_grad,
    ]


@case(rtol=1e-5)
def jacobians(torch):
    f = torch.autograd.functional
    x, y = _x(torch), torch.ones(2)
    own = _x(torch).requires_grad_()
    made = f.jacobian(lambda a, b: (a * b, a.sum()), (own, y), create_graph=True)
    return [
        f.jacobian(lambda a: a * a, x),
        f.jacobian(lambda a: a.reshape(2, 1) * a, x),
        f.jacobian(lambda a: a.sum(), torch.ones(2, 2)),
        made,
        [[g.requires_grad for g in row] for row in made],
        f.jacobian(lambda a: a * a, x, vectorize=True),
        f.jacobian(lambda a: a * a, x, vectorize=True, strategy="forward-mode"),
        f.jacobian(lambda a, b: a * 2, (x, y)),
        f.hessian(lambda a: a.exp().sum(), x),
        f.hessian(lambda a, b: (a * a * b).sum(), (x, y)),
        f.hessian(lambda a: (a**3).sum(), own, create_graph=True).requires_grad,
        f.hessian(lambda a: (a**3).sum(), x, vectorize=True),
    ]


@case()
def messages(torch):
    f = torch.autograd.functional
    x = _x(torch)
    return [
        raised(f.vjp, lambda a: a * a, x),
        raised(f.jacobian, lambda a: 3, x),
        raised(f.jacobian, lambda a: a, 3),
        raised(f.jacobian, lambda a: a, (x, 3)),
        raised(f.jacobian, lambda a: torch.ones(1), x, strict=True),
        raised(f.jacobian, lambda a: a.detach(), x, strict=True),
        raised(f.hessian, lambda a: a, x),
        raised(f.vjp, lambda a: a * a, x, torch.ones(3)),
        raised(f.vjp, lambda a: a * a, x, (torch.ones(2), torch.ones(2))),
        raised(f.hessian, lambda a: a.sum(), x, strict=True),
        raised(f.hvp, lambda a: a * 1, x, x),
        raised(f.jacobian, lambda a: a * a, x, strategy="forward-mode"),
        raised(f.vhp, lambda a: a.sum(), x, torch.ones(2), strict=True),
        raised(f.jvp, lambda a: a, x),
        raised(f.hvp, lambda a: a.sum(), x, (x, 2)),
        raised(f.vhp, lambda a: a.sum(), x, 2),
        raised(f.vjp, lambda a: a, x, (x, 2)),
        raised(f.jvp, lambda a: a, x, 2),
        raised(f.jvp, lambda a: (a, 3), x, x),
        raised(f.jacobian, lambda a: a * a, x, strict=True, vectorize=True),
        raised(f.jacobian, lambda a: x, x, strict=True, vectorize=True),
        raised(f.jacobian, lambda a: a * a, x, strict=True, strategy="forward-mode"),
        raised(f.hessian, lambda a: (a**3).sum(), x, strict=True, vectorize=True),
        raised(f.hessian, lambda a: (a**3).sum(), x, outer_jacobian_strategy="forward-mode"),
    ]


@case()
def inputs_that_do_not_require_grad(torch):
    """In the function given to `gradgradcheck` they still do not."""
    seen = []

    def written(root, b):
        y = root.clone()
        seen.append(y.requires_grad)
        y.narrow(1, 2, 2).mul_(b)
        seen.append(y.requires_grad)
        return y

    root = torch.ones(2, 4, dtype=torch.float64)
    b = torch.full((2, 2), 2.0, dtype=torch.float64, requires_grad=True)
    way = torch.ones(2, 4, dtype=torch.float64, requires_grad=True)
    return [torch.autograd.gradgradcheck(written, (root, b), (way,)), root.requires_grad, any(seen[::2]), seen[1]]


@case(rtol=1e-4)
def checks(torch):
    check, twice = torch.autograd.gradcheck, torch.autograd.gradgradcheck
    x = _x(torch).double().requires_grad_()

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 3

    def name(fn, *args, **kwargs):
        text = raised(fn, *args, **kwargs)
        return text.split("\n")[0]

    return [
        check(lambda a: a * a, x),
        check(lambda a, b: (a * b, a.exp()), (x, x.detach() * 2)),
        check(lambda a: a > 1, [x]) if False else True,
        check(lambda a: a.detach() * 0, x),
        check(lambda a: a * a, x, fast_mode=True),
        check(torch.sigmoid, (x,)),
        name(check, lambda a: a * a.detach(), x),
        check(lambda a: a * a.detach(), x, raise_exception=False),
        name(check, lambda a: a * a, x.detach()),
        name(check, Wrong.apply, x),
        name(check, Wrong.apply, x, fast_mode=True),
        twice(lambda a: a * a * a, x),
        twice(lambda a, b: a * b.exp(), (x, x.detach().clone().requires_grad_())),
        warned(check, lambda a: a * 1, torch.ones(2, requires_grad=True), eps=1e-2, atol=1e-2),
        issubclass(torch.autograd.gradcheck.__globals__["GradcheckError"], RuntimeError),
    ]


@case(rtol=1e-5)
def transforms(torch):
    func = torch.func
    x, v = _x(torch), torch.tensor([1.0, 3.0])
    out, back = func.vjp(lambda a: a * a, x)
    weights = {"w": torch.tensor([[1.0, 2.0]]), "b": torch.tensor([0.5])}
    loss = lambda p, a: ((p["w"] @ a + p["b"]) ** 2).sum()  # noqa: E731
    own = _x(torch).requires_grad_()
    outer = func.grad(lambda a: (a**3).sum())(own)
    return [
        func.grad(lambda a: a.sin().sum())(x),
        func.grad(func.grad(torch.sin))(torch.tensor(1.0)),
        func.grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(x, v),
        func.grad(lambda a: (a.sum(), a * 2), has_aux=True)(x),
        func.grad_and_value(lambda a: (a * a).sum())(x),
        func.grad(loss)(weights, x),
        [out, back(v)],
        func.jvp(lambda a: a * a, (x,), (v,)),
        func.jacrev(lambda a: a * a)(x),
        func.jacfwd(lambda a: a * a)(x),
        func.jacrev(lambda a, b: a * b, argnums=(0, 1))(x, v),
        func.hessian(lambda a: (a**3).sum())(x),
        func.vmap(lambda a: a.sum())(torch.ones(3, 2)),
        func.vmap(torch.dot)(torch.ones(3, 2), torch.ones(3, 2)),
        func.vmap(lambda a, b: a + b, in_dims=(0, None))(torch.ones(3, 2), x),
        func.vmap(lambda a: (a, a * 2), in_dims=1, out_dims=(0, 1))(torch.arange(6.0).reshape(2, 3)),
        func.vmap(func.grad(lambda a: (a * a).sum()))(torch.ones(3, 2)),
        torch.vmap(func.grad(loss), in_dims=(None, 0))(weights, torch.ones(3, 2)),
        func.grad(lambda a: a.sum())(x).requires_grad,
        [outer, outer.requires_grad],
        func.linearize(lambda a: a * a, x)[1](v),
        [raised(func.grad(lambda a: a), x).split(":")[0], raised(torch.vmap(lambda a: a)).split(":")[0]],
    ]


@case()
def gradcheck_of_complex_numbers(torch):
    check = torch.autograd.gradcheck
    real = torch.tensor([0.5, -1.5], dtype=torch.float64, requires_grad=True)
    z = torch.tensor([1 + 2j, 0.5 - 1j], dtype=torch.complex128, requires_grad=True)

    class Conjugated(torch.autograd.Function):
        """Twice the input, with a backward that is right in the real part alone."""

        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g.conj()

    def refused(fn, *args):
        try:
            return check(fn, args)
        except RuntimeError as error:
            return str(error).partition(",")[0]

    found = []
    for fast in (False, True):
        found.append(check(lambda x: (torch.complex(x, x * x), x + 1), (real,), fast_mode=fast))
        found.append(check(lambda x: (x.real, x.imag, x.abs(), x * (1 + 2j)), (z,), fast_mode=fast))
        found.append(check(lambda e: torch.pow(torch.tensor([-1.0, -2.0]).double(), e), (z,), fast_mode=fast))
    found.append(torch.autograd.gradgradcheck(lambda x: x**3, (z,)))
    return [*found, refused(Conjugated.apply, z)]
