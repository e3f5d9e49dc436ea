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


def _dual(torch, ad):
    return ad.make_dual(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, 1.0, 2.0]))


@case(rtol=1e-6)
def tangents_without_recording(torch):
    """Results require a gradient where their inputs do, and carry tangents under no_grad; not in inference mode."""
    ad, found = _forward(torch), []
    with ad.dual_level():
        x = _dual(torch, ad)
        w = torch.ones(3, requires_grad=True)
        with torch.no_grad():
            made = [_dual(torch, ad) * 2, x * 2, (x * w).sum()]
        made += [x.exp(), x * w, x[1:], x > 1, x.detach(), x.data, x.clone().detach_()]
        with torch.inference_mode():
            made.append(x * 2)
        for y in made:
            found.append([y.requires_grad, *ad.unpack_dual(y)])
        found.append(str(x))
        with ad._set_fwd_grad_enabled(False):
            found.append(ad.unpack_dual(x * 2).tangent)
    found.append([str(x), ad.unpack_dual(x).tangent])
    return found


@case(rtol=1e-6)
def tangents_of_what_is_written(torch):
    """A write to a view, or to what is viewed, writes the tangents of both."""
    ad, found = _forward(torch), []
    with ad.dual_level():
        x = _dual(torch, ad).clone()
        x[1:].mul_(x[:2].clone())
        found.append(ad.unpack_dual(x))
        plain = torch.zeros(2, 3)
        row = plain[0]
        row.copy_(x)
        found += [ad.unpack_dual(plain), ad.unpack_dual(row), ad.unpack_dual(plain[1])]
        x.fill_(4.0)
        found.append(ad.unpack_dual(x))
        y = _dual(torch, ad) * 1
        y.unsqueeze_(0)
        y.mul_(3)
        found.append(ad.unpack_dual(y))
        z = _dual(torch, ad).sigmoid_()
        found.append(ad.unpack_dual(z))
        found.append(raised(lambda: torch.add(y, 1, out=torch.zeros(1, 3))).split("\n")[0])
    return [[p, t] for p, t in found[:-1]] + found[-1:]


@case(rtol=1e-6)
def tangents_by_jvp_must_fit(torch):
    ad = _forward(torch)

    def run(forward, jvp):
        class Made(torch.autograd.Function):
            pass

        Made.forward, Made.jvp = staticmethod(forward), staticmethod(lambda ctx, t: jvp(t))
        with ad.dual_level():
            try:
                y = Made.apply(_dual(torch, ad) * 1)
            except RuntimeError as error:
                return str(error)
            return [list(ad.unpack_dual(v)) for v in (y if isinstance(y, tuple) else (y,))]

    def double(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    return [
        run(lambda ctx, x: x[:2], lambda t: t[:2]),
        run(lambda ctx, x: x[:2], lambda t: t[:2].clone()),
        run(lambda ctx, x: x[:2], lambda t: (t[:2] * 1).view(2)),
        run(double, lambda t: t.mul_(2)),
        run(double, lambda t: t * 2),
        run(lambda ctx, x: x * 2, lambda t: t[:1]),
        run(lambda ctx, x: x * 2, lambda t: (t, t)),
        run(lambda ctx, x: x * 2, lambda t: 3),
        run(lambda ctx, x: (x * 2, x.long()), lambda t: (t, t)),
        run(lambda ctx, x: (x * 2, x * 3), lambda t: (t * 2, t * 3)),
    ]


@case(rtol=1e-5)
def tangents_of_gradients(torch):
    ad = _forward(torch)
    with ad.dual_level():
        x = _dual(torch, ad).requires_grad_()
        y = (x.exp() * x).sum()
        (g,) = torch.autograd.grad(y, x)
        return [*ad.unpack_dual(g), *ad.unpack_dual(torch.func.grad(lambda v: (v**3).sum())(_dual(torch, ad)))]
