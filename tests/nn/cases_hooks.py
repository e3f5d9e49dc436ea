"""Hooks of modules as PyTorch calls them: which, in which order, with what, and what their results change."""

from collections import OrderedDict

from support import Cases, raised, warned

CASES = Cases()
case = CASES.case


def _grads(values):
    return [None if g is None else g for g in values]


def _layer(torch, value=2.0):
    layer = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(layer.weight, value)
    torch.nn.init.constant_(layer.bias, 0.5)
    return layer


@case()
def full_backward_hooks(torch):
    layer, log = _layer(torch), []
    layer.register_full_backward_hook(lambda m, gi, go: log.append(["a", _grads(gi), _grads(go)]))
    handle = layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * 10,))
    layer.register_full_backward_hook(lambda m, gi, go: log.append(["b", _grads(gi), _grads(go)]))
    layer.register_full_backward_hook(lambda m, gi, go: log.append(["first", _grads(gi)]), prepend=True)
    x = torch.ones(3, 2, requires_grad=True)
    layer(x).sum().backward()
    handle.remove()
    layer(x * 2).pow(2).sum().backward()
    return [log, x.grad, layer.weight.grad]


@case()
def full_backward_pre_hooks(torch):
    layer, log = _layer(torch), []
    layer.register_full_backward_pre_hook(lambda m, go: log.append(["one", _grads(go)]))
    layer.register_full_backward_pre_hook(lambda m, go: (go[0] * 3,))
    layer.register_full_backward_pre_hook(lambda m, go: log.append(["zero", _grads(go)]), prepend=True)
    layer.register_full_backward_hook(lambda m, gi, go: log.append(["hook", _grads(gi), _grads(go)]))
    x = torch.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    return [log, x.grad, layer.weight.grad]


def _two(torch):
    class Two(torch.nn.Module):
        def forward(self, x, scale, y, *, z=None):
            return x * scale, y * 2, "text", (x + y).detach()

    return Two()


@case()
def backward_hooks_with_several_tensors(torch):
    log = []
    two = _two(torch)
    two.register_full_backward_pre_hook(lambda m, go: log.append(_grads(go)))
    two.register_full_backward_hook(lambda m, gi, go: log.append([_grads(gi), _grads(go)]))
    x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    a, b, text, c = two(x, 3.0, y)
    (a.sum() + 5 * b.sum()).backward()
    a, b, text, c = two(x, 3.0, y)
    b.sum().backward()
    a, b, text, c = two(x.detach(), 3.0, y)
    (a.sum() + b.sum()).backward()
    return [log, x.grad, y.grad, [text, c.requires_grad]]


@case()
def backward_hooks_where_no_input_requires_grad(torch):
    layer, log = _layer(torch), []
    layer.register_full_backward_hook(lambda m, gi, go: log.append([_grads(gi), _grads(go)]))
    told, _ = warned(lambda: layer(torch.ones(1, 2)).sum().backward())
    layer.register_full_backward_hook(lambda m, gi, go: (torch.ones(1, 2),))
    return [log, told, raised(lambda: warned(lambda: layer(torch.ones(1, 2)).sum().backward()))]


@case()
def backward_hooks_of_wrong_length(torch):
    layer, x = _layer(torch), torch.ones(1, 2, requires_grad=True)
    handle = layer.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0]))
    shown = [raised(lambda: layer(x).sum().backward())]
    handle.remove()
    layer.register_full_backward_pre_hook(lambda m, go: (go[0], go[0]))
    return [*shown, raised(lambda: layer(x).sum().backward()), x.grad]


@case()
def backward_hooks_and_grad_modes(torch):
    layer, log = _layer(torch), []
    layer.register_full_backward_hook(lambda m, gi, go: log.append("ran"))
    with torch.no_grad():
        out = layer(torch.ones(1, 2))
    x = torch.ones(1, 2, requires_grad=True)
    y = layer(x)
    y.register_hook(lambda g: g * 7)
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    return [log, out.requires_grad, x.grad, y.grad_fn is not None]


@case()
def backward_hook_on_other_outputs(torch):
    class Mapped(torch.nn.Module):
        def forward(self, x):
            return {"y": x * 2}

    module, log = Mapped(), []
    module.register_full_backward_hook(lambda m, gi, go: log.append("ran"))
    told, out = warned(module, torch.ones(1, requires_grad=True))
    out["y"].sum().backward()
    return [told, log]


@case()
def regular_backward_hooks(torch):
    layer, log = _layer(torch), []
    layer.register_backward_hook(lambda m, gi, go: log.append([_grads(go), len(gi)]))
    x = torch.ones(3, 2, requires_grad=True)
    told, out = warned(layer, x)
    out.sum().backward()

    class Square(torch.nn.Module):
        def forward(self, x):
            return x * x

    square = Square()
    square.register_backward_hook(lambda m, gi, go: log.append([_grads(gi), _grads(go)]))
    square.register_backward_hook(lambda m, gi, go: (gi[0] * 2, gi[1]))
    more, out = warned(square, x * 1)
    out.sum().backward()
    return [log, [len(told), len(more)], x.grad]


@case()
def kinds_of_backward_hooks_exclude_each_other(torch):
    one, other = _layer(torch), _layer(torch)
    one.register_full_backward_hook(lambda *a: None)
    other.register_backward_hook(lambda *a: None).remove()
    return [
        raised(one.register_backward_hook, lambda *a: None),
        raised(other.register_full_backward_hook, lambda *a: None),
    ]


@case()
def hooks_with_keywords(torch):
    class Scale(torch.nn.Module):
        def forward(self, x, factor=1.0):
            return x * factor

    module, log = Scale(), []
    module.register_forward_pre_hook(lambda m, a, k: log.append([len(a), dict(k)]), with_kwargs=True)
    module.register_forward_pre_hook(lambda m, a, k: (a, {"factor": k["factor"] + 1}), with_kwargs=True)
    bad = Scale()
    bad.register_forward_pre_hook(lambda m, a, k: "odd", with_kwargs=True)
    module.register_forward_hook(lambda m, a, k, out: out + k["factor"], with_kwargs=True)
    return [module(torch.ones(1), factor=3.0), log, raised(bad, torch.ones(1))]


@case()
def always_called_hooks(torch):
    class Picky(torch.nn.Module):
        def forward(self, x):
            if x.ndim == 0:
                raise ValueError("too small")
            return x + 1

    module, log = Picky(), []

    def hook(name, always=False, fails=False):
        def run(m, args, out):
            log.append([name, out])
            if fails:
                raise KeyError(name)

        return module.register_forward_hook(run, always_call=always)

    hook("a"), hook("b", True)
    outs = [module(torch.ones(1)), raised(module, torch.tensor(1.0))]
    failing = hook("c", True, True)
    hook("d", True)
    told, text = warned(raised, module, torch.tensor(1.0))
    outs.append([told, text])
    outs.append(raised(module, torch.ones(1)))
    failing.remove()
    return [outs, log]


@case()
def global_hooks(torch):
    module = torch.nn.modules.module
    log = []
    handles = [
        module.register_module_forward_pre_hook(lambda m, a: log.append(["pre", type(m).__name__])),
        module.register_module_forward_hook(lambda m, a, out: log.append(["post", type(m).__name__])),
        module.register_module_forward_hook(
            lambda m, a, k, out: log.append(["kw", len(k)]) or out * 2, with_kwargs=True
        ),
        module.register_module_full_backward_pre_hook(lambda m, go: log.append(["before", type(m).__name__])),
        module.register_module_full_backward_hook(lambda m, gi, go: log.append(["back", type(m).__name__, len(gi)])),
        module.register_module_forward_hook(lambda m, a, out: log.append(["always", out]), always_call=True),
    ]
    net = torch.nn.Sequential(_layer(torch), torch.nn.ReLU())
    net[0].register_forward_pre_hook(lambda m, a: log.append(["own", type(m).__name__]))
    net[0].register_forward_hook(lambda m, a, out: log.append(["own", out]))
    x = torch.ones(1, 2, requires_grad=True)
    out = net(x)
    out.sum().backward()
    shown = [out, x.grad, raised(module.register_module_backward_hook, print).partition(" Open")[0]]
    raised(net[1], None)
    for handle in handles:
        handle.remove()
    count = len(log)
    net[1](x)
    return [*shown, log, count == len(log)]


@case()
def registration_hooks(torch):
    module, nn, log = torch.nn.modules.module, torch.nn, []
    handles = [
        module.register_module_parameter_registration_hook(lambda m, name, p: log.append(["p", name, p is None])),
        module.register_module_buffer_registration_hook(lambda m, name, b: log.append(["b", name, b is None])),
        module.register_module_module_registration_hook(
            lambda m, name, child: log.append(["m", name, type(child).__name__])
        ),
        module.register_module_parameter_registration_hook(
            lambda m, name, p: nn.Parameter(p.detach() * 0 + 5) if name == "five" else None
        ),
    ]
    holder = nn.Module()
    holder.five = nn.Parameter(torch.ones(1))
    holder.none = None
    holder.register_parameter("absent", None)
    holder.register_parameter("given", nn.Parameter(torch.ones(1)))
    holder.given = nn.Parameter(torch.zeros(1))
    holder.buffer = nn.Buffer(torch.ones(1))
    holder.register_buffer("count", torch.ones(1))
    holder.count = torch.zeros(1)
    holder.register_buffer("missing", None)
    holder.child = nn.ReLU()
    holder.add_module("other", nn.Tanh())
    holder.add_module("nobody", None)
    holder.child = None
    for handle in handles:
        handle.remove()
    holder.later = nn.ReLU()
    return [log, dict(holder.named_parameters()), list(holder._modules)]


@case()
def handles_of_hooks(torch):
    layer = _layer(torch)
    handle = layer.register_forward_hook(lambda m, a, out: out * 0)
    x = torch.ones(1, 2)
    with handle:
        inside = layer(x)
    handle.remove()
    shown = [inside, layer(x), len(layer._forward_hooks)]
    layer.register_forward_hook(lambda m, a, out: out * 0)
    layer._forward_hooks.clear()
    return [*shown, layer(x), len(layer._backward_hooks), len(layer._forward_pre_hooks)]


@case()
def a_handle_is_made_for_hooks_of_ones_own(torch):
    hooks, extra, more = OrderedDict(), OrderedDict(), OrderedDict()
    make = torch.utils.hooks.RemovableHandle
    first, second = make(hooks), make(hooks, extra_dict=[extra, more])
    third = make(hooks, extra_dict=extra)
    for handle in (first, second, third):
        for table in (hooks, extra, more):
            table[handle.id] = "hook"
    found = [second.id - first.id, third.id - second.id, first.hooks_dict_ref() is hooks, len(third.extra_dict_ref)]
    first.remove()
    found.append([len(hooks), len(extra), len(more)])
    with second:
        pass
    third.remove()
    third.remove()
    found.append([len(hooks), len(extra), len(more)])
    del hooks
    return [*found, first.hooks_dict_ref() is None]
