"""What nodes show of themselves: saved tensors by name, calls, hooks on what is saved; whose hooks are to blame."""

from support import Cases, raised

CASES = Cases()
case = CASES.case


def _x(torch):
    return torch.tensor([1.0, 2.0, 3.0], requires_grad=True)


@case()
def names_of_saved_tensors(torch):
    x = torch.ones(2, 3, requires_grad=True)
    results = [x * x, x**2, x.exp(), x.softmax(1), x @ x.t(), x.sigmoid()]
    tensors = []
    for y in results:
        node = y.grad_fn
        names = [name for name in dir(node) if name.startswith("_saved_")]
        tensors.append([name for name in names if isinstance(getattr(node, name), torch.Tensor)])
    return tensors


@case()
def nodes_are_called(torch):
    x, y = _x(torch), _x(torch)
    node, double = (x * y).grad_fn, (x * 2).grad_fn
    g = torch.ones(3)
    return [
        list(node(g)),
        [double(g)[0], double(g)[1]],
        x.exp().grad_fn(g),
        raised(lambda: node()),
        raised(lambda: node(g, g)),
    ]


@case()
def hooks_on_one_saved_tensor(torch):
    x = _x(torch)
    y = x.exp()
    y.grad_fn._raw_saved_result.register_hooks(lambda t: t * 2, lambda t: t)
    kept = y.grad_fn._saved_result.detach()
    (g,) = torch.autograd.grad(y.sum(), x)
    z = x * x
    saved = z.grad_fn._raw_saved_self
    saved.register_hooks(lambda t: t, lambda t: t)
    return [
        type(saved).__name__,
        kept,
        g,
        raised(lambda: saved.register_hooks(lambda t: t, lambda t: t)).split(":")[0],
        raised(lambda: z.grad_fn._raw_saved_other.register_hooks(lambda t: t.mul_(2), lambda t: t)).split(":")[0],
        raised(lambda: torch.autograd.SavedTensor()).split(":")[0],
    ]


@case()
def order_in_which_tensors_are_saved(torch):
    a = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    b = torch.tensor([[1.0, 5.0], [7.0, 4.0]], requires_grad=True)
    seen = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (seen.append(t.detach()), t)[1], lambda t: t):
        a @ b, a * b, torch.pow(a, b), torch.atan2(a, b), a / b, a[0].dot(b[0]), torch.addcmul(a, a, b)
    return seen


@case()
def hooks_are_named(torch):
    def run(register):
        y = _x(torch) * _x(torch)
        register(y)
        return raised(lambda: y.sum().backward())

    def shorter(g):
        return g[:1]

    return [
        run(lambda y: y.register_hook(shorter)),
        run(lambda y: y.register_hook(lambda g: g.double())),
        run(lambda y: y.grad_fn.register_hook(lambda gi, go: (gi[0],))),
        run(lambda y: y.grad_fn.register_hook(lambda gi, go: gi[0])),
        run(lambda y: y.grad_fn.register_prehook(lambda go: 3)),
        raised(lambda: torch.ones(1).register_post_accumulate_grad_hook(lambda p: None)),
    ]


@case()
def prehooks_of_nodes_that_are_only_asked(torch):
    """Their hooks run, though the node does not; what is captured is what came to it."""
    a = torch.tensor(1.0, requires_grad=True)
    b = a.clone()
    log = []
    b.grad_fn.register_prehook(lambda go: (log.append("node"), (go[0] * 2,))[1])
    b.register_hook(lambda g: (log.append("tensor"), g * 3)[1])
    b.sum().backward(inputs=(b,))
    return [log, b.grad]


@case()
def versions(torch):
    x = torch.ones(4)
    found = []
    for write in (
        lambda: x.resize_(2, 2),
        lambda: x.resize_(3, 3),
        lambda: x.resize_(3, 3),
        lambda: x.t_(),
        lambda: x.zero_(),
    ):
        write()
        found.append(x._version)
    return found


def _view(torch, base, kind):
    class One(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, g):
            return g

    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x), x.view_as(x)

        @staticmethod
        def backward(ctx, g, h):
            return g

    if kind == "no_grad":
        with torch.no_grad():
            return base.view_as(base)
    if kind == "inference":
        with torch.inference_mode():
            return base.view_as(base)
    if kind == "unbind":
        return base.unbind()[0]
    return One.apply(base) if kind == "custom" else Two.apply(base)[0]


@case()
def views_that_must_not_be_written(torch):
    found = {}
    for kind in ("no_grad", "inference", "unbind", "custom", "several"):
        for requires_grad in (True, False):

            def view(kind=kind, requires_grad=requires_grad):
                base = torch.ones(2, 3, requires_grad=requires_grad).clone()
                return base, _view(torch, base, kind)

            def after_base(view=view):
                base, v = view()
                base.add_(1)
                return v.grad_fn

            found[f"{kind} {requires_grad}"] = [
                raised(lambda view=view: view()[1].add_(1)),
                raised(lambda view=view: view()[1].transpose_(0, 0)),
                raised(lambda view=view: (lambda v: v.view_as(v).add_(1))(view()[1])),
                raised(after_base),
            ]
    return found


@case()
def views_and_inference_mode(torch):
    def state(x):
        return [x.is_inference(), x.requires_grad, x.is_leaf, x._is_view()]

    x = torch.ones(3, requires_grad=True) * 1
    plain = torch.ones(3)
    with torch.inference_mode():
        own = torch.ones(3, requires_grad=True)
        found = [state(own.view(3)), state(own[0]), state(x.view(3)), state(plain.view(3)), state(plain[1:])]
        v = plain.view(3)
    v.add_(1)
    return [*found, state(own.view(3)), state(own[0]), state(own.unbind()[0]), plain]
