"""nn.Module beyond names and reprs: state dicts in all forms, conversions, the tree, containers, lazy modules."""

import copy
import pickle
from collections import OrderedDict

from support import Cases, raised, warned

CASES = Cases()
case = CASES.case


def _one(torch):
    layer = torch.nn.Linear(2, 1)
    torch.nn.init.constant_(layer.weight, 2.0)
    torch.nn.init.constant_(layer.bias, 0.5)
    return layer


# --- state dicts


@case()
def state_dict_forms(torch):
    layer, log = torch.nn.Sequential(_one(torch)), []
    into = OrderedDict(other=torch.zeros(1))
    kept = layer.state_dict(keep_vars=True)
    given = layer.state_dict(destination=into, prefix="net.")
    plain = layer.state_dict()
    layer.register_state_dict_pre_hook(lambda m, prefix, keep: log.append([prefix, keep]))
    layer[0].register_state_dict_post_hook(lambda m, d, prefix, meta: log.append([list(d), prefix, meta["version"]]))
    layer[0]._register_state_dict_hook(lambda m, d, prefix, meta: log.append("older"))
    layer._register_state_dict_hook(lambda m, d, prefix, meta: {"replaced": d["0.bias"]})
    replaced = layer.state_dict()
    bad = _one(torch)
    bad.register_state_dict_post_hook(lambda *args: {})
    told, positional = warned(_one(torch).state_dict, None, "p.", True)
    return [
        [given is into, list(into), hasattr(into, "_metadata")],
        [type(plain).__name__, list(plain._metadata.items())],
        [kept["0.weight"] is layer[0].weight, kept["0.weight"].requires_grad, plain["0.weight"].requires_grad],
        [log, dict(replaced)],
        raised(bad.state_dict),
        [told[0].partition(",")[0], list(positional), positional["p.weight"].requires_grad],
    ]


@case()
def loading_forms(torch):
    nn = torch.nn
    layer, log = _one(torch), []
    layer._register_load_state_dict_pre_hook(lambda *args: log.append([len(args), args[1]]))
    layer._register_load_state_dict_pre_hook(lambda m, *args: log.append([m is layer, len(args)]), with_module=True)
    layer.register_load_state_dict_pre_hook(
        lambda m, d, prefix, meta, strict, missing, extra, errors: d.update(bias=torch.ones(1)) or extra.append("told")
    )

    def forgive(m, keys):
        log.append([list(keys.missing_keys), list(keys.unexpected_keys)])
        keys.unexpected_keys.clear()

    handle = layer.register_load_state_dict_post_hook(forgive)
    shown = [repr(layer.load_state_dict({"weight": torch.zeros(1, 2)})), dict(layer.state_dict()), log]
    handle.remove()
    shown.append(raised(layer.load_state_dict, {"weight": torch.zeros(1, 2)}))
    layer.register_load_state_dict_post_hook(lambda m, keys: 3)
    shown.append(raised(layer.load_state_dict, {}))

    scalar = nn.Module()
    scalar.p = nn.Parameter(torch.tensor(1.0))
    scalar.load_state_dict({"p": torch.tensor([4.0])})
    shown += [scalar.p, raised(scalar.load_state_dict, {"p": torch.tensor([4.0, 5.0])})]

    holder = nn.Module()
    holder.add_module("gone", None)
    holder.register_buffer("temp", torch.ones(1), persistent=False)
    keys = holder.load_state_dict({"gone.x": torch.ones(1), "temp": torch.ones(1), "y.z": torch.ones(1)}, strict=False)
    return [*shown, repr(keys)]


@case()
def loading_versions(torch):
    class Versioned(torch.nn.Linear):
        _version = 3

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
            seen.append([prefix, local_metadata.get("version"), local_metadata.get("assign_to_params_buffers")])
            if local_metadata.get("version", 1) < 3:
                state_dict[prefix + "weight"] = state_dict.pop(prefix + "old")
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    seen = []
    net = torch.nn.Sequential(Versioned(1, 1), torch.nn.ReLU())
    state = net.state_dict()
    net.load_state_dict(state)
    net.load_state_dict({"0.old": torch.ones(1, 1), "0.bias": torch.ones(1)}, assign=True)
    return [seen, dict(net.state_dict()), list(state._metadata.values()), net[0].weight.requires_grad]


@case()
def extra_state(torch):
    class Extra(torch.nn.Module):
        def __init__(self, value):
            super().__init__()
            self.value = value

        def get_extra_state(self):
            return self.value

        def set_extra_state(self, state):
            self.value = state

    one, two = torch.nn.Sequential(Extra(3)), torch.nn.Sequential(Extra(5))
    loaded = repr(two.load_state_dict(one.state_dict()))
    return [
        dict(one.state_dict()),
        [loaded, two[0].value],
        raised(two.load_state_dict, {}),
        raised(torch.nn.Sequential(torch.nn.ReLU()).load_state_dict, one.state_dict()),
        raised(torch.nn.ReLU().get_extra_state).partition(". ")[0].partition(".\n")[0],
    ]


# --- conversions


@case()
def forms_of_to(torch):
    nn = torch.nn
    layer = nn.Linear(2, 1)
    layer.register_buffer("count", torch.tensor(3))
    shown = []
    for args, kwargs in (
        ((), {}),
        ((None,), {}),
        (("cpu", None), {}),
        ((torch.float64, True), {}),
        ((torch.zeros(1, dtype=torch.float16), True), {}),
        ((), {"dtype": torch.bfloat16, "non_blocking": True}),
        ((), {"tensor": torch.zeros(1)}),
        ((float,), {}),
        ((), {"memory_format": torch.preserve_format, "device": "cpu"}),
    ):
        assert layer.to(*args, **kwargs) is layer
        shown.append([str(layer.weight.dtype), str(layer.count.dtype)])
    for args, kwargs in (
        (("a", "b"), {}),
        ((torch.float64, torch.float32), {}),
        ((), {"device": "cpu", "foo": 3}),
        (("cpu",), {"device": "cpu"}),
        ((), {"copy": True}),
        ((int,), {}),
    ):
        shown.append(raised(layer.to, *args, **kwargs).partition(" - got")[0])
    layer.type(torch.float64)
    shown.append([str(layer.weight.dtype), str(layer.count.dtype)])
    empty = layer.to_empty(device="cpu")
    shown.append([empty is layer, list(layer.weight.shape), layer.weight.requires_grad, str(layer.weight.dtype)])
    image = nn.Conv2d(3, 2, 2).to(memory_format=torch.channels_last)
    shown += [list(image.weight.stride()), list(image.bias.stride())]
    net = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    net._apply(lambda t: t.double(), recurse=False)
    shown.append([str(p.dtype) for p in net.parameters()])
    return shown


# --- the tree


@case()
def submodules_by_name(torch):
    nn = torch.nn
    net = nn.Sequential(OrderedDict(a=nn.Sequential(nn.Linear(1, 1)), b=nn.ReLU()))
    net.a.register_buffer("stat", torch.ones(1))
    net.a.plain = 3
    shown = [net.get_submodule("a.0") is net.a[0], net.get_submodule("") is net]
    net.set_submodule("a.0", nn.Tanh())
    net.set_submodule("a.new", nn.Sigmoid())
    shown.append(repr(net))
    for call in (
        lambda: net.set_submodule("", nn.ReLU()),
        lambda: net.set_submodule("a.stat", nn.ReLU()),
        lambda: net.set_submodule("a.plain", nn.ReLU()),
        lambda: net.set_submodule("a.0", 3),
        lambda: net.set_submodule("x.y", nn.ReLU()),
        lambda: net.set_submodule("a.none", nn.ReLU(), strict=True),
        lambda: net.get_submodule("a.plain"),
        lambda: net.get_submodule("a.stat.x"),
        lambda: net.get_parameter("a.stat"),
        lambda: net.get_parameter("a.none"),
        lambda: net.get_buffer("a.plain"),
        lambda: net.get_buffer("a.none"),
        lambda: net.get_buffer("c.x"),
    ):
        shown.append(raised(call).replace("<class 'int'>", "int"))
    return [*shown, net.get_buffer("a.stat")]


@case()
def members_once_or_every_time(torch):
    nn = torch.nn
    shared = nn.Linear(1, 1)
    shared.register_buffer("b", torch.ones(1))
    net = nn.ModuleDict({"x": shared, "y": nn.Sequential(shared, nn.ReLU()), "z": shared})
    memo = {net["y"]}
    return [
        [name for name, _ in net.named_modules(prefix="p")],
        [name for name, _ in net.named_modules(memo)],
        [len(list(net.modules())), len(list(net.modules(remove_duplicate=False)))],
        [name for name, _ in net.named_parameters("p", True, False)],
        [name for name, _ in net.named_buffers(remove_duplicate=False)],
        [name for name, _ in net.named_buffers("q")],
        [name for name, _ in net.named_children()],
        list(net.state_dict()),
    ]


@case()
def names_in_dir(torch):
    net = torch.nn.Sequential(torch.nn.ReLU())
    net.head = torch.nn.Linear(1, 1)
    names = dir(net)
    wanted = ["head", "0", "forward", "training", "_parameters", "_modules", "named_parameters", "weight"]
    return [[name for name in wanted if name in names], "weight" in dir(net.head), "bias" in dir(net.head)]


# --- attributes


@case()
def multiple_inheritance(torch):
    class Other:
        def __init__(self, x=0):
            self.x = x

    class Calls(torch.nn.Module, Other):
        call_super_init = True

    class Plain(torch.nn.Module, Other):
        pass

    return [Calls(x=3).x, Calls(4).x, hasattr(Plain(), "x"), raised(Plain, x=3), raised(Plain, 3)]


@case()
def kinds_of_attributes(torch):
    nn = torch.nn
    module = nn.Module()
    module.p = nn.Parameter(torch.ones(1))
    module.register_buffer("b", torch.ones(1), persistent=False)
    module.c = nn.ReLU()
    steps = []

    def note():
        steps.append(
            [list(module._parameters), list(module._buffers), list(module._modules), list(module.state_dict())]
        )

    note()
    module.b = nn.Parameter(torch.ones(1))
    note()
    module.c = nn.Parameter(torch.ones(1))
    note()
    module.c = nn.Parameter(torch.zeros(1))
    steps.append(raised(setattr, module, "c", nn.ReLU()))
    module.c = None
    note()
    module.x = 3
    module.x = nn.ReLU()
    module.x = None
    note()
    module.x = nn.Tanh()
    module.n = torch.ones(1)
    steps.append(raised(setattr, module, "n", nn.Buffer(torch.ones(1))))
    del module.n
    module.n = nn.Buffer(torch.ones(1))
    module.n = torch.zeros(1)
    module.m = nn.Buffer(torch.ones(1), persistent=False)
    note()
    module.m = nn.Buffer(torch.ones(1))
    note()
    del module.m, module.x, module.b
    note()
    steps += [raised(delattr, module, "x"), raised(getattr, module, "m"), sorted(module._non_persistent_buffers_set)]
    return steps


@case()
def copies(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(1, 1), nn.ModuleDict({"a": nn.LayerNorm(1)}))
    net[0].weight.grad = torch.ones(1, 1)
    log = []
    net.register_forward_pre_hook(lambda m, a: log.append(m))
    deep, pickled = copy.deepcopy(net), pickle.loads(pickle.dumps(net[1]))
    shallow = copy.copy(net)
    deep.new = nn.ReLU()
    deep[0](torch.ones(1, 1))
    return [
        repr(deep),
        repr(pickled),
        repr(shallow),
        [deep[0].weight is net[0].weight, shallow[0] is net[0], deep[0].weight.grad is None],
        [len(deep._forward_pre_hooks), deep.training],
        list(pickled.state_dict()),
    ]


# --- containers


@case()
def sequences_in_full(torch):
    nn = torch.nn
    a, b, c = nn.ReLU(), nn.Tanh(), nn.Sigmoid()
    seq = nn.Sequential(a, b)
    shown = [repr(seq.extend([c, a])), repr(seq.insert(-1, nn.SiLU())), repr(seq.append(c))]
    seq += nn.Sequential(b)
    seq[0] = nn.GELU()
    shown += [repr(seq), len(seq), repr(seq[1:3]), repr(seq.pop(-1)), repr(seq.pop(slice(0, 2))), repr(seq)]
    seq *= 2
    shown += [repr(seq), repr(seq * 2), repr(3 * nn.Sequential(a)), repr(nn.Sequential(a) + nn.Sequential(b))]
    named = nn.Sequential(OrderedDict(x=a, y=b))
    shown += [repr(named[:1]), repr(named * 2), [m is n for m, n in zip(named, (a, b))]]
    del named[0]
    shown.append(repr(named))
    named2 = nn.Sequential(OrderedDict(x=a, y=b, z=c))
    del named2[::2]
    shown.append(repr(named2))
    for call in (
        lambda: seq.insert(100, a),
        lambda: seq.insert(0, 3),
        lambda: seq.extend(3),
        lambda: seq.extend([3]),
        lambda: seq.append(None) and None,
        lambda: seq * 1.5,
        lambda: seq * -1,
        lambda: seq.__setitem__(20, a),
        lambda: seq.__delitem__(20),
        lambda: seq["a"],
        lambda: nn.Sequential(3),
    ):
        shown.append(raised(call))
    return shown


@case()
def lists_in_full(torch):
    nn = torch.nn
    a, b, c = nn.ReLU(), nn.Tanh(), nn.Sigmoid()
    lst = nn.ModuleList([a, b, c])
    shown = [repr(lst[::2]), repr(lst[-1]), len(lst), repr(lst + nn.ModuleList([a])), repr(lst.extend([a, a]))]
    lst.insert(0, nn.SiLU())
    shown += [repr(lst), repr(lst.pop(1)), repr(lst)]
    del lst[1:3]
    lst[0] = c
    shown += [repr(lst), [name for name, _ in lst.named_children()], repr(nn.ModuleList())]
    for call in (
        lambda: lst.extend(3),
        lambda: lst.append(3),
        lambda: lst[7],
        lambda: lst.__setitem__(9, a),
        lambda: lst.__setitem__(0, 3),
        lambda: lst(1),
    ):
        shown.append(raised(call))
    return shown


@case()
def dicts_in_full(torch):
    nn = torch.nn
    d = nn.ModuleDict([("a", nn.ReLU()), ("b", nn.Tanh())])
    d["c"] = nn.Sigmoid()
    d.update(nn.ModuleDict({"z": nn.SiLU()}))
    d.update(OrderedDict(b=nn.GELU()))
    d.update({"q": nn.ReLU(), "k": nn.ReLU()})
    shown = [repr(d), list(d), list(d.keys()), [k for k, _ in d.items()], len(list(d.values())), "a" in d]
    del d["a"]
    shown += [repr(d.pop("c")), len(d)]
    d.clear()
    shown.append(repr(d))
    for call in (
        lambda: d["x"],
        lambda: d.pop("x"),
        lambda: d.__delitem__("x"),
        lambda: d.update(3),
        lambda: d.update([3]),
        lambda: d.update([(1, 2, 3)]),
        lambda: d.update([("x", 3)]),
        lambda: d.__setitem__("a.b", nn.ReLU()),
        lambda: d.__setitem__(3, nn.ReLU()),
        lambda: d.__setitem__("keys", nn.ReLU()),
    ):
        shown.append(raised(call))
    return shown


@case()
def parameter_lists_in_full(torch):
    nn = torch.nn
    p = nn.Parameter(torch.ones(1))
    lst = nn.ParameterList([p, torch.zeros(2), "text", None])
    lst += [torch.ones(2, 2)]
    lst[1] = torch.ones(3)
    lst[2] = 5
    shown = [repr(lst), len(lst), lst[0] is p, repr(lst[:2]), [k for k, _ in lst.named_parameters()]]
    nested = nn.ParameterList(lst)
    shown += [repr(nested), list(nested.state_dict()), [type(x).__name__ for x in nested]]
    for call in (
        lambda: lst.extend(3),
        lambda: lst[9],
        lambda: lst.__setitem__(9, p),
        lambda: lst(),
    ):
        shown.append(raised(call))
    d = nn.ParameterDict({"b": torch.zeros(1), "a": p})
    d.setdefault("c", torch.ones(1)), d.setdefault("a", None)
    e = d | nn.ParameterDict({"z": torch.ones(1)})
    d |= nn.ParameterDict({"y": torch.ones(1)})
    shown += [list(d), list(e), list(reversed(d)), repr(d), d.get("none", 3), d.get("a") is p, list(d.copy())]
    shown += [list(d.fromkeys(["k", "l"], 0)), d.popitem()[0], list(d.keys()), len(list(d.items())), "b" in d]
    del d["b"]
    shown += [list(d.values()), d.pop("a") is p, len(d)]
    d.clear()
    for call in (lambda: d["x"], lambda: d.pop("x"), lambda: d.update(3), lambda: d.update([(1,)]), lambda: d(3)):
        shown.append(raised(call))
    return shown


# --- lazy modules


@case(rtol=1e-5, atol=1e-6)
def lazy_modules(torch):
    nn = torch.nn
    net = nn.Sequential(nn.LazyConv2d(3, 2, padding=1), nn.Flatten(), nn.LazyLinear(2, bias=False))
    shown = [repr(net), [repr(p) for p in net.parameters()], [repr(v) for v in net.state_dict().values()]]
    copied, pickled = copy.deepcopy(net), pickle.loads(pickle.dumps(net))
    torch.manual_seed(1)
    out = net(torch.ones(1, 2, 3, 3))
    out.sum().backward()
    shown += [out, repr(net), net[0].weight.grad, [type(m).__name__ for m in net], len(net[0]._forward_pre_hooks)]
    for other in (copied, pickled):
        torch.manual_seed(1)
        shown += [repr(other), other(torch.ones(1, 2, 3, 3))]
    fresh = nn.Sequential(nn.LazyConv2d(3, 2, padding=1), nn.Flatten(), nn.LazyLinear(2, bias=False))
    shown += [repr(fresh.load_state_dict(net.state_dict())), repr(fresh), fresh[2].has_uninitialized_params()]
    shown += [raised(fresh[2], torch.ones(1, 5)), fresh(torch.ones(1, 2, 3, 3)), repr(fresh)]
    one = nn.LazyConv1d(2, 3).to(torch.float64)
    one(torch.ones(4, 5, dtype=torch.float64))
    shown += [repr(one), str(one.weight.dtype), raised(nn.LazyConv2d(1, 1), torch.ones(2, 2))]
    shown += [raised(nn.LazyConv2d(4, 3, groups=2), torch.ones(1, 3, 5, 5))]
    return shown


@case()
def lazy_parameters(torch):
    nn = torch.nn
    param, buffer = nn.UninitializedParameter(dtype=torch.float64), nn.UninitializedBuffer()
    shown = [repr(param), repr(buffer), str(param.dtype), param.requires_grad, buffer.requires_grad]
    for call in (
        lambda: param.shape,
        lambda: buffer.shape,
        lambda: param.detach(),
        lambda: param.numel(),
        lambda: param + 1,
        lambda: param.zero_(),
        lambda: param[0],
    ):
        shown.append(raised(call).partition(" in <")[0])
    param.materialize((2, 3))
    buffer.materialize((1,), dtype=torch.float16)
    shown += [type(param).__name__, str(param.dtype), list(param.shape), param.requires_grad]
    shown += [type(buffer).__name__, str(buffer.dtype), list(buffer.shape)]

    class Partial(nn.modules.lazy.LazyModuleMixin, nn.Module):
        def __init__(self):
            super().__init__()
            self.p = nn.UninitializedParameter()

    class Nothing(Partial):
        def initialize_parameters(self, x):
            pass

    shown += [raised(Partial(), 3), raised(Nothing(), 3), nn.parameter.is_lazy(Partial().p)]
    started = nn.LazyLinear(1)
    started(torch.ones(1, 1))
    shown.append(raised(started.load_state_dict, nn.LazyLinear(1).state_dict()))
    return shown


@case(rtol=1e-5, atol=1e-5)
def conv1d_and_padding_modes(torch):
    torch.manual_seed(0)
    nn, shown = torch.nn, []
    x = torch.randn(2, 4, 7, requires_grad=True)
    for layer in (
        nn.Conv1d(4, 2, 3),
        nn.Conv1d(4, 4, 3, stride=2, padding=2, dilation=2, groups=2, bias=False),
        nn.Conv1d(4, 2, 4, padding="same"),
        nn.Conv1d(4, 2, 3, padding=2, padding_mode="reflect"),
        nn.Conv1d(4, 2, 3, padding=3, padding_mode="circular"),
        nn.Conv1d(4, 2, 4, padding="same", padding_mode="replicate"),
    ):
        x.grad = None
        out = layer(x)
        (out * torch.arange(out.numel()).view(out.shape)).sum().backward()
        shown += [repr(layer), list(out.shape), out.sum(-1), x.grad.sum((0, 1)), layer.weight.grad.sum(0)]
    image = torch.randn(1, 2, 4, 5)
    for mode in ("reflect", "circular", "replicate"):
        layer = nn.Conv2d(2, 1, (2, 3), padding=(1, 2), padding_mode=mode)
        shown += [layer(image), nn.Conv2d(2, 1, 3, padding="same", padding_mode=mode)(image)]
    shown += [nn.Conv1d(4, 2, 3)(torch.randn(4, 5)), raised(nn.Conv1d(4, 2, 3), torch.ones(3))]
    shown += [raised(nn.Conv1d(4, 2, 3), torch.ones(1, 3, 5)), raised(nn.Conv1d(4, 2, 3), torch.ones(1, 4, 2))]
    return shown


@case(rtol=1e-5, atol=1e-6)
def bilinear_and_unflatten(torch):
    torch.manual_seed(0)
    nn = torch.nn
    layer = nn.Bilinear(3, 2, 4)
    x, y = torch.randn(5, 3, requires_grad=True), torch.randn(5, 2, requires_grad=True)
    out = layer(x, y)
    out.pow(2).sum().backward()
    more = nn.Bilinear(2, 2, 1, bias=False)
    return [
        [repr(layer), dict(layer.state_dict()), out, x.grad, y.grad, layer.weight.grad, layer.bias.grad],
        more(torch.ones(2, 3, 2), torch.ones(2, 3, 2)),
        raised(nn.Bilinear, 0, 1, 1),
        raised(more, torch.ones(2, 3), torch.ones(2, 2)).partition(":")[0],
        [repr(nn.Unflatten(1, (2, 3))), list(nn.Unflatten(1, (2, 3))(torch.ones(2, 6)).shape)],
        [raised(nn.Unflatten, 1, 3), raised(nn.Unflatten, 1, (2, 1.5))],
    ]
