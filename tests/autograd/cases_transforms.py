"""`torch.func`: what vmap and derivatives refuse, and in which words; trees of dims, empty batches, random numbers."""

from support import Cases, raised

CASES = Cases()
case = CASES.case


def _m(torch):
    return torch.arange(6.0).reshape(2, 3)


def f(x, y=None):
    return x


@case()
def dims_that_do_not_fit(torch):
    vmap, m = torch.func.vmap, _m(torch)
    found = [
        raised(lambda: vmap(f, in_dims=5)(m)),
        raised(lambda: vmap(f, in_dims="a")(m)),
        raised(lambda: vmap(f, in_dims=(1.5,))(m)),
        raised(lambda: vmap(f, in_dims=None)(m)),
        raised(lambda: vmap(f, in_dims=(None,))(m)),
        raised(lambda: vmap(f)()),
        raised(lambda: vmap(f)(m, 3)),
        raised(lambda: vmap(f)(m, m[:1])),
        raised(lambda: vmap(f)(torch.tensor(1.0))),
        raised(lambda: vmap(f, out_dims="a")(m)),
        raised(lambda: vmap(f, randomness="other")),
    ]
    structures = [lambda: vmap(f, in_dims=(0, 0))(m), lambda: vmap(lambda x: (x, x), out_dims=(0,))(m)]
    return found + [raised(call).split(" has structure ")[0] for call in structures]


@case()
def results_that_do_not_fit(torch):
    vmap, m = torch.func.vmap, _m(torch)

    def number(x):
        return 3

    def nothing(x):
        return None

    return [
        raised(lambda: vmap(number)(m)),
        raised(lambda: vmap(nothing)(m)),
        raised(lambda: vmap(f, out_dims=None)(m)),
        vmap(lambda x: (x, torch.ones(1), 3), out_dims=(0, None, None))(m),
        vmap(lambda x: {"a": x}, out_dims={"a": 1})(m),
        list(vmap(lambda x: x * 2)(torch.ones(0, 3)).shape),
        list(vmap(lambda x: torch.stack([x, x]), out_dims=1)(torch.ones(0, 3)).shape),
    ]


@case()
def random_numbers(torch):
    vmap, m = torch.func.vmap, _m(torch)
    same = vmap(lambda x: torch.rand(2), randomness="same")(m)
    different = vmap(lambda x: torch.rand(2), randomness="different")(m)
    return [
        raised(lambda: vmap(lambda x: x * torch.rand(3))(m)),
        raised(lambda: torch.func.jacfwd(lambda x: x * torch.rand(3))(m[0])),
        bool((same[0] == same[1]).all()),
        bool((different[0] == different[1]).any()),
    ]


@case()
def derivatives_refuse(torch):
    func, v = torch.func, torch.tensor([1.0, 2.0, 3.0])

    def three(x):
        return 3

    return [
        raised(lambda: func.grad(lambda x: x)(v)),
        raised(lambda: func.grad(three)(v)),
        raised(lambda: func.grad(f, argnums=())(v)),
        raised(lambda: func.grad(f, argnums="a")(v)),
        raised(lambda: func.grad(f, argnums=(0, 0))(v, v)),
        raised(lambda: func.grad(f)(3.0)),
        raised(lambda: func.vjp(torch.sin, v)[1](v[:2])),
        raised(lambda: func.vjp(three, v)),
        raised(lambda: func.jvp(three, (v,), (v,))),
        raised(lambda: func.jvp(torch.sin, (v,), (v[:2],))),
        raised(lambda: func.jvp(torch.sin, (v,), (v, v))).split(" Got ")[0],
        raised(lambda: func.jvp(lambda x: torch.ones(2), (v,), (v,), strict=True)),
        raised(lambda: func.jacrev(three)(v)),
        raised(lambda: func.jacfwd(three)(v)),
        raised(lambda: func.jacrev(torch.sin, chunk_size=0)(v)),
        raised(lambda: func.jacfwd(torch.sin, randomness="other")(v)),
        raised(lambda: func.linearize(torch.sin, v)[1](v[:2])),
        raised(lambda: func.linearize(torch.sin, v)[1](v.double())),
        raised(lambda: func.functionalize(f, remove="other")(v)).split("\n")[0],
        func.functionalize(lambda x: x.clone().add_(1))(v),
    ]


@case()
def batch_statistics(torch):
    norm = torch.func.replace_all_batch_norm_modules_(torch.nn.Sequential(torch.nn.BatchNorm1d(2)))[0]
    x = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    return [norm.running_mean, norm.track_running_stats, norm.eval()(x)]


@case()
def rules_of_custom_functions(torch):
    """The `vmap` of a custom function is given the whole batch."""
    seen = []

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(x, factor):
            return x * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.factor = inputs[1]

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor, None

        @staticmethod
        def vmap(info, in_dims, x, factor):
            seen.append([info.batch_size, info.randomness, list(in_dims), list(x.shape)])
            return Scaled.apply(x, factor) * 10, in_dims[0]

    m = _m(torch)
    vmap = torch.func.vmap
    found = [vmap(Scaled.apply, in_dims=(1, None))(m, 2.0), vmap(Scaled.apply, in_dims=(0, None), out_dims=1)(m, 3.0)]
    x = m.clone().requires_grad_()
    vmap(Scaled.apply, in_dims=(0, None))(x, 2.0).sum().backward()
    return [*found, x.grad, seen]
