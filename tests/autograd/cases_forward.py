"""Tangents of `autograd.forward_ad`, their gradients, and the check of both."""

from importlib import import_module

from support import Cases, raised

CASES = Cases()
case = CASES.case


def _forward(torch):
    return import_module(f"{torch.__name__}.autograd.forward_ad")


def _inputs(torch):
    return torch.arange(6.0).reshape(2, 3) / 3 - 0.7, torch.cos(torch.arange(6.0)).reshape(2, 3)


FUNCTIONS = {
    "softmax": lambda t, x: x.softmax(-1),
    "product": lambda t, x: x @ x.T,
    "sum": lambda t, x: x.sum(),
    "slice": lambda t, x: x[0, 1:],
    "in_place": lambda t, x: x.clone().mul_(x),
    "layer_norm": lambda t, x: t.nn.functional.layer_norm(x, (3,)),
    "gelu": lambda t, x: t.nn.functional.gelu(x),
    "cumprod": lambda t, x: x.cumprod(1),
    "max": lambda t, x: x.max(1)[0],
    "cat": lambda t, x: t.cat([x, x * 2]),
    "inverse": lambda t, x: t.linalg.inv(x @ x.T + t.eye(2)),
    "nothing": lambda t, x: x * 0,
    "conv": lambda t, x: t.nn.functional.conv1d(x[None], t.ones(1, 2, 2), padding=1),
}


@case(rtol=1e-5, atol=1e-6)
def tangents(torch):
    ad, found = _forward(torch), {}
    with ad.dual_level():
        for name, function in FUNCTIONS.items():
            primal, tangent = ad.unpack_dual(function(torch, ad.make_dual(*_inputs(torch))))
            found[name] = [primal.tolist(), tangent.tolist()]
    return found


@case(rtol=1e-5, atol=1e-6)
def complex_tangents(torch):
    ad, found = _forward(torch), []
    z, w = torch.tensor([1 + 2j, 0.5 - 1j]), torch.tensor([0.3 - 1j, 2 + 0.5j])
    with ad.dual_level():
        for function in (lambda z: z * z, lambda z: z.abs(), lambda z: z.conj() * z, lambda z: z.exp()):
            found.append(ad.unpack_dual(function(ad.make_dual(z, w))).tangent)
    return found


@case(rtol=1e-5)
def several_duals_and_gradients_of_tangents(torch):
    ad = _forward(torch)
    x, v = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([1.0, 0.5], requires_grad=True)
    with ad.dual_level():
        a, b = ad.make_dual(x, v), ad.make_dual(torch.tensor([3.0, -1.0]), torch.tensor([0.1, 0.2]))
        primal, tangent = ad.unpack_dual(a**3 * b)
        gradients = torch.autograd.grad(tangent.sum(), [x, v])
        plain = ad.unpack_dual(b * 2)
        kinds = [primal.requires_grad, tangent.requires_grad, plain.primal.requires_grad, plain.tangent.requires_grad]
        none = [ad.unpack_dual(x).tangent, ad.unpack_dual(b > 1).tangent, ad.unpack_dual(b.detach()).tangent]
    return [primal.tolist(), tangent.tolist(), gradients, kinds, none, ad.unpack_dual(b).tangent]


@case()
def refusals(torch):
    ad = _forward(torch)
    x, v = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.5])
    found = [raised(ad.make_dual, x, v), raised(ad.exit_dual_level), list(ad.unpack_dual(x)._fields)]
    with ad.dual_level() as level:
        found += [level, raised(ad.enter_dual_level), raised(ad.make_dual, x, torch.ones(3))]
        found += [raised(ad.make_dual, torch.tensor([1, 2]), v), raised(ad.make_dual, x, torch.tensor([1, 2]))]
        found += [raised(ad.make_dual, ad.make_dual(x, v), v), raised(ad.unpack_dual, 3)]
        found += [raised(ad.unpack_dual, x, level=1), raised(ad.unpack_dual, ad.make_dual(x, v), level=1)]
    return found


@case()
def checked(torch):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad):
            return grad * 3 * ctx.saved_tensors[0]

        @staticmethod
        def jvp(ctx, tangent):
            return tangent

    check = torch.autograd.gradcheck
    x = torch.tensor([[1.0, 2.0], [0.3, -1.0]], dtype=torch.float64, requires_grad=True)
    z = torch.tensor([1 + 2j, 0.5 - 0.2j], dtype=torch.complex128, requires_grad=True)
    found = []
    for options in ({}, {"check_backward_ad": False}, {"fast_mode": True}):
        found.append(check(lambda x: x @ x.T.sin(), (x,), check_forward_ad=True, **options))
        found.append(check(lambda z: (z * z.conj()).exp(), (z,), check_forward_ad=True, **options))
    wrong = raised(check, Wrong.apply, (x,), check_forward_ad=True, check_backward_ad=False)
    found.append(wrong.split(",")[0])
    found.append(torch.autograd.gradgradcheck(lambda x: x.sin() * x, (x,), check_fwd_over_rev=True))
    return found


@case(rtol=1e-6)
def own_jvp(torch):
    """The `jvp` of a Function is called, with zeros for tensors without a tangent and None for what is no tensor."""
    ad, seen = _forward(torch), []

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, n, x, y):
            ctx.n = n
            ctx.save_for_forward(x, y)
            return x * y * n, (x > 0)

        @staticmethod
        def jvp(ctx, n, tx, ty):
            x, y = ctx.saved_tensors
            seen.append([n, tx, ty])
            return (tx * y + x * ty) * ctx.n * 10, None

    class Plain(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    class Wrong(Plain):
        @staticmethod
        def jvp(ctx, t):
            return t[:1]

    x, v, y = torch.tensor([1.0, -2.0]), torch.tensor([3.0, 4.0]), torch.tensor([5.0, 6.0])
    with ad.dual_level():
        dual = ad.make_dual(x, v)
        out, mask = Scaled.apply(2, dual, y)
        found = [ad.unpack_dual(out), ad.unpack_dual(out * dual).tangent, mask, ad.unpack_dual(Plain.apply(y)).tangent]
        found += [raised(Plain.apply, dual), raised(Wrong.apply, dual)]
    return [found, seen]


@case(rtol=1e-6)
def written_over(torch):
    ad = _forward(torch)
    x, v = torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0])
    found = []
    with ad.dual_level():
        for write in (
            lambda d: d.mul_(2),
            lambda d: d.sin_(),
            lambda d: d.cauchy_(),
            lambda d: d.copy_(x),
            lambda d: d.t_(),
        ):
            dual = ad.make_dual(x.clone(), v.clone())
            write(dual)
            tangent = ad.unpack_dual(dual).tangent
            found.append([0.0, 0.0] if tangent is None else tangent)
    return found
