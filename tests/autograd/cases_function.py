"""`autograd.Function` as in PyTorch: contexts, what backward returns, marks, and messages."""

from support import Cases, raised, warned

CASES = Cases()
case = CASES.case


def _x(torch):
    return torch.tensor([1.0, 2.0], requires_grad=True)


def _made(torch, forward, backward=None, **more):
    """A Function of these two."""
    members = {"forward": staticmethod(forward), **more}
    if backward is not None:
        members["backward"] = staticmethod(backward)
    return type("Made", (torch.autograd.Function,), members)


def _power(torch):
    class Power(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, k=2):
            ctx.k, ctx.word = k, "kept"
            ctx.save_for_backward(x)
            return x**k

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * ctx.k * x ** (ctx.k - 1), None

    return Power


@case()
def context(torch):
    x = _x(torch)
    power = _power(torch)
    y = power.apply(x, 3)
    node = y.grad_fn
    y.sum().backward(retain_graph=True)
    out = [y, x.grad, repr(y), node.name(), type(node).__name__, type(node).__module__.split(".", 1)[1]]
    out += [node.word, node.k, node.saved_tensors, node.needs_input_grad, node.metadata, node is y.grad_fn]
    out += [node.next_functions[0][0].name(), node.next_functions[0][0].variable is x, len(node.next_functions)]
    out += [type(node)._forward_cls is power, isinstance(node, torch.autograd.function.FunctionCtx)]
    node.more = 3
    out.append([y.grad_fn.more, power.apply(x.detach(), 2).requires_grad, power.apply(x, k=3).requires_grad])
    with torch.no_grad():
        out.append(power.apply(x, 3).requires_grad)
    return out


@case(rtol=1e-6)
def derivatives_of_derivatives(torch):
    x = _x(torch)
    grad = torch.autograd.grad
    y = _power(torch).apply(x, 4)
    (first,) = grad(y.sum(), x, create_graph=True)
    (second,) = grad(first.sum(), x, create_graph=True)
    (third,) = grad(second.sum(), x)
    return [first, second, third]


@case()
def returned_gradients(torch):
    x, other = _x(torch), torch.tensor([3.0, 4.0])
    ones = torch.ones
    returns = [
        None,
        (None, None),
        ones(2),
        ones(3),
        ones(1),
        ones(2, dtype=torch.float64),
        3,
        "a",
        (ones(2), ones(2)),
        [ones(2)],
        (ones(2), None, None),
        ones(2, 2),
        ones(2, dtype=torch.int64),
    ]
    out = []
    for value in returns:
        made = _made(torch, lambda ctx, x: x * 1, lambda ctx, g, value=value: value)
        x.grad = None
        out.append([raised(made.apply(x).sum().backward), x.grad])
    two = _made(torch, lambda ctx, *args: args[0] * 1, lambda ctx, g: (ones(2), ones(2)))
    out.append(raised(two.apply(x, 3).sum().backward))
    out.append(raised(two.apply(x, other).sum().backward))
    return out


@case()
def outputs(torch):
    forwards = {
        "none": lambda x: None,
        "number": lambda x: 3,
        "list": lambda x: [x * 2],
        "tuple": lambda x: (x * 2, x * 3),
        "mixed": lambda x: (x * 2, 5, None, "s"),
        "input": lambda x: x,
        "view": lambda x: x.view(2, 1),
        "input twice": lambda x: (x, x),
        "views": lambda x: (x[:1], x[1:]),
        "detached": lambda x: x.detach(),
        "integers": lambda x: (x * 2, torch.tensor([1])),
    }
    out = {}
    for name, fn in forwards.items():
        made = _made(torch, lambda ctx, x, fn=fn: fn(x), lambda ctx, *g: sum(i for i in g if i is not None))
        result = made.apply(_x(torch))
        parts = result if isinstance(result, tuple) else (result,)
        out[name] = [
            [x, x.requires_grad, None if x.grad_fn is None else x.grad_fn.name(), x.output_nr]
            if isinstance(x, torch.Tensor)
            else x
            for x in parts
            if not isinstance(x, list)
        ]
    x = _x(torch)
    both = _made(torch, lambda ctx, x: (x * 2, x * 3), lambda ctx, g, h: g * 2 + h * 3)
    out["gradients"] = torch.autograd.grad(sum(o.sum() for o in both.apply(x)), x)
    same = _made(torch, lambda ctx, x: x, lambda ctx, g: g * 5)
    out["same"] = torch.autograd.grad(same.apply(x).sum(), x)
    out["write"] = raised(same.apply(x * 1).add_, 1).split(".")[0]
    return out


@case()
def marks(torch):
    x = _x(torch)
    seen = []

    def dirty(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    write = _made(torch, dirty, lambda ctx, g: g * 2)
    b = x * 1
    made = write.apply(b)
    out = [raised(write.apply, x), made is b, b, b._version, b.grad_fn.name()]
    made.sum().backward()
    out.append(x.grad.clone())
    base = x * 1
    part = write.apply(base[0:1])
    out += [base, part.grad_fn.name(), type(base.grad_fn).__name__, torch.autograd.grad(base.sum(), x)]

    def constant(ctx, x):
        a, b = x * 2, x * 3
        ctx.mark_non_differentiable(b)
        return a, b

    plain = _made(torch, constant, lambda ctx, g, h: (seen.append([g, h]), g)[1])
    a, b = plain.apply(x)
    a.sum().backward()
    out.append([a.requires_grad, b.requires_grad, b.grad_fn])

    def materialize(ctx, x, on):
        ctx.set_materialize_grads(on)
        return x * 2, x * 3

    pair = _made(torch, materialize, lambda ctx, g, h: (seen.append([g, h]), (g, None))[1])
    for on in (True, False):
        pair.apply(x, on)[0].sum().backward()
    return [*out, seen]


@case()
def separate_context(torch):
    seen = []

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(x, k):
            return x * k, x.sum()

        @staticmethod
        def setup_context(ctx, inputs, output):
            seen.append([inputs[1], len(output)])
            ctx.save_for_backward(inputs[0], None, output[0])
            ctx.k = inputs[1]

        @staticmethod
        def backward(ctx, g, h):
            a, nothing, b = ctx.saved_tensors
            seen.append([a, nothing, b, b.grad_fn.name(), ctx.needs_input_grad])
            return g * ctx.k + h, None

    x = _x(torch)
    first, second = Scaled.apply(x, 3)
    (first.sum() + second).backward()
    return [
        x.grad,
        seen,
        raised(first.sum().backward).split(".")[0],
        raised(lambda: first.grad_fn.saved_tensors).split(".")[0],
    ]


@case()
def grad_modes(torch):
    seen = []

    def forward(ctx, x):
        seen.append([torch.is_grad_enabled(), ctx.needs_input_grad, (x * 2).requires_grad])
        return x * 2

    made = _made(torch, forward, lambda ctx, g: (seen.append(torch.is_grad_enabled()), g)[1])
    x = _x(torch)
    made.apply(x).sum().backward()
    torch.autograd.grad(made.apply(x).sum(), x, create_graph=True)
    once = torch.autograd.function.once_differentiable
    single = _made(torch, lambda ctx, x: x * x, once(lambda ctx, g: (seen.append(torch.is_grad_enabled()), g * 2)[1]))
    (g,) = torch.autograd.grad(single.apply(x).sum(), x, create_graph=True)
    seen.append(g.requires_grad)
    weighted = (single.apply(x) * x).sum()
    (g,) = torch.autograd.grad(weighted, x, create_graph=True)
    seen.append(raised(g.sum().backward))
    return seen


@case()
def messages(torch):
    Function = torch.autograd.Function
    x, p = _x(torch), torch.tensor([3.0, 4.0])

    def say(method, value):
        def forward(ctx, x):
            getattr(ctx, method)(value)
            return x * 2

        return lambda: _made(torch, forward, lambda ctx, g: g).apply(x * 1)

    def fail(ctx, g):
        raise KeyError("oops")

    nothing = type("Nothing", (Function,), {})
    both = _made(torch, lambda ctx, x: x * 2, lambda ctx, g: g, vjp=staticmethod(lambda ctx, g: g))
    product = _made(torch, lambda ctx, x: x * 2, vjp=staticmethod(lambda ctx, g: g * 2))
    out = [
        raised(nothing.apply, x),
        raised(_made(torch, lambda ctx, x: x * 2).apply(x).sum().backward),
        raised(_made(torch, lambda ctx, x: x * 2, fail).apply(x).sum().backward),
        raised(both.apply(x).sum().backward),
        raised(product.apply(x).sum().backward),
        raised(say("save_for_backward", 3)),
        raised(say("mark_dirty", p)),
        raised(say("mark_non_differentiable", p)),
        [raised(Function.jvp, None, 1), raised(Function.backward, None, 1), raised(Function.forward, None, 1)],
        [raised(Function.vmap, 1, 2), raised(Function.setup_context, 1, 2, 3)],
        warned(_power(torch))[0],
    ]
    c = x * 1
    y = _power(torch).apply(c, 2)
    c.add_(1)
    out.append(raised(y.sum().backward).split(":")[:2])
    return out


@case(rtol=1e-6)
def once_differentiable_of_several(torch):
    from_once = torch.autograd.function.once_differentiable

    @from_once
    def backward(ctx, g):
        return g * 2, None, g * 3

    double = _made(torch, lambda ctx, x, n, y: x * 2 + y * 3, backward)
    x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    go = torch.ones((), requires_grad=True)
    grads = torch.autograd.grad(double.apply(x, 2, y).sum(), (x, y), go, create_graph=True)
    return [grads, [g.requires_grad for g in grads], raised((grads[0] + grads[1]).sum().backward)]
