"""What modules and initialisers give on PyTorch: weights, outputs, gradients, reprs and messages."""

import copy
import pickle
from collections import OrderedDict

from support import Cases, raised

CASES = Cases()
case = CASES.case

# --- initialisers: the same draws, bit for bit


@case()
def init_uniform(torch):
    torch.manual_seed(1)
    return [torch.nn.init.uniform_(torch.empty(3, 5), -0.3, 2.5), torch.nn.init.uniform_(torch.empty(7))]


@case()
def init_normal(torch):
    torch.manual_seed(1)
    return [torch.nn.init.normal_(torch.empty(3, 5), 1.0, 0.5), torch.nn.init.normal_(torch.empty(5, 7))]


@case()
def init_xavier(torch):
    torch.manual_seed(2)
    init = torch.nn.init
    return [init.xavier_uniform_(torch.empty(4, 3, 2, 2), gain=1.7), init.xavier_normal_(torch.empty(4, 6))]


@case()
def init_kaiming(torch):
    torch.manual_seed(3)
    init, new = torch.nn.init, torch.empty
    return [
        init.kaiming_uniform_(new(4, 3)),
        init.kaiming_uniform_(new(4, 3, 3), a=0.2, mode="fan_out"),
        init.kaiming_normal_(new(4, 5), nonlinearity="relu"),
        init.kaiming_normal_(new(6, 5), mode="fan_out", nonlinearity="linear"),
    ]


@case()
def init_trunc_normal(torch):
    torch.manual_seed(4)
    init, new = torch.nn.init, torch.empty
    return [
        init.trunc_normal_(new(5, 3)),
        init.trunc_normal_(new(30), 1.0, 2.0, -1.0, 1.5),
        init.trunc_normal_(new(20, dtype=torch.float64), 0.5, 1.0, 0.0, 1.0),
        init.trunc_normal_(new(20), 0.0, 1.0, 1.5, 3.0),
        init.trunc_normal_(new(20), 0.0, 1.0, -0.1, 0.1),
    ]


@case()
def init_constants(torch):
    init, new = torch.nn.init, torch.empty
    return [
        init.constant_(new(2, 2), 3.5),
        init.zeros_(new(3)),
        init.ones_(new(3)),
        init.eye_(new(3, 2)),
        init.dirac_(new(4, 2, 3), 2),
        init.dirac_(new(2, 2, 3, 3)),
    ]


@case()
def init_sparse(torch):
    torch.manual_seed(5)
    return torch.nn.init.sparse_(torch.empty(6, 3), 0.4)


@case()
def init_generator(torch):
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(7)
    drawn = [torch.nn.init.normal_(torch.empty(4), generator=generator) for _ in range(2)]
    return [*drawn, torch.rand(2)]


@case()
def init_gains(torch):
    gain = torch.nn.init.calculate_gain
    names = ["linear", "conv2d", "sigmoid", "tanh", "relu", "selu", "leaky_relu"]
    return [float(gain(name)) for name in names] + [gain("leaky_relu", 0.3), raised(gain, "swish")]


@case()
def init_messages(torch):
    init, new = torch.nn.init, torch.empty
    return [
        raised(init.xavier_uniform_, new(3)),
        raised(init.kaiming_uniform_, new(3, 3), mode="fan"),
        raised(init.eye_, new(3)),
        raised(init.dirac_, new(3)),
        raised(init.sparse_, new(3), 0.1),
    ]


# --- layers: what they draw, compute and hand back


def _trained(torch, layer, *inputs):
    out = layer(*inputs)
    (out * torch.arange(out.numel(), dtype=out.dtype).reshape(out.shape)).sum().backward()
    grads = [x.grad for x in inputs if x.requires_grad]
    return [dict(layer.state_dict()), out, grads, [p.grad for p in layer.parameters()]]


@case(rtol=1e-5, atol=1e-6)
def linear(torch):
    torch.manual_seed(0)
    nn = torch.nn
    return [
        _trained(torch, nn.Linear(3, 2), torch.randn(4, 3, requires_grad=True)),
        _trained(torch, nn.Linear(3, 2, bias=False), torch.randn(3, requires_grad=True)),
        _trained(torch, nn.Linear(2, 3, dtype=torch.float64), torch.randn(2, 2, 2).double()),
    ]


@case(rtol=1e-5, atol=1e-5)
def conv2d(torch):
    torch.manual_seed(0)
    nn, x = torch.nn, torch.randn(2, 4, 6, 5, requires_grad=True)
    return [
        _trained(torch, nn.Conv2d(4, 3, 3, padding=1), x),
        _trained(torch, nn.Conv2d(4, 2, (3, 2), stride=(2, 1), dilation=(1, 2)), x),
        _trained(torch, nn.Conv2d(4, 4, 3, groups=2, bias=False), x),
        _trained(torch, nn.Conv2d(4, 1, 3, padding="same"), x),
    ]


@case(rtol=1e-5, atol=1e-6)
def layer_norm(torch):
    torch.manual_seed(0)
    nn = torch.nn
    return [
        _trained(torch, nn.LayerNorm(5), torch.randn(3, 5, requires_grad=True)),
        _trained(torch, nn.LayerNorm((2, 3), eps=0.1, bias=False), torch.randn(4, 2, 3, requires_grad=True)),
        _trained(torch, nn.LayerNorm([3], elementwise_affine=False), torch.randn(2, 3, requires_grad=True)),
    ]


@case(rtol=1e-6)
def embedding(torch):
    torch.manual_seed(0)
    nn = torch.nn
    rows = torch.tensor([[1, 2], [4, 1]])
    given = torch.arange(6.0).reshape(3, 2)
    return [
        _trained(torch, nn.Embedding(5, 3), rows),
        _trained(torch, nn.Embedding(5, 3, padding_idx=-1), rows),
        nn.Embedding.from_pretrained(given)(torch.tensor([2, 0])),
        nn.Embedding.from_pretrained(given).weight.requires_grad,
        raised(nn.Embedding, 5, 3, padding_idx=5),
    ]


@case(rtol=1e-6)
def dropout(torch):
    torch.manual_seed(0)
    layer, x = torch.nn.Dropout(0.4), torch.arange(1.0, 13.0).reshape(3, 4)
    drawn = [layer(x), layer(x)]
    return [*drawn, layer.eval()(x), raised(torch.nn.Dropout, 1.5)]


@case(rtol=1e-6, atol=5e-7)  # gelu far to the left is a difference of near equals
def activations(torch):
    nn = torch.nn
    layers = [
        nn.ReLU(),
        nn.Tanh(),
        nn.Sigmoid(),
        nn.GELU(),
        nn.GELU("tanh"),
        nn.SiLU(),
        nn.Softmax(1),
        nn.LogSoftmax(0),
    ]
    x = torch.linspace(-3, 3, 8).reshape(2, 4)
    y = x.clone()
    nn.ReLU(inplace=True)(y)
    return [*(_trained(torch, layer, x.clone().requires_grad_()) for layer in layers), y]


@case(rtol=1e-6)
def pooling(torch):
    torch.manual_seed(0)
    nn, x = torch.nn, torch.randn(2, 2, 6, 5, requires_grad=True)
    return [
        _trained(torch, nn.MaxPool2d(2), x),
        _trained(torch, nn.MaxPool2d((3, 2), stride=(1, 2), padding=1), x),
        list(nn.MaxPool2d(2, return_indices=True)(x)),
    ]


@case(rtol=1e-5, atol=1e-7)
def losses(torch):
    torch.manual_seed(0)
    nn = torch.nn
    x, y = torch.randn(4, 3), torch.randn(4, 3)
    target, weight = torch.tensor([0, 2, 1, 2]), torch.tensor([0.2, 0.5, 0.3])
    return [
        nn.MSELoss()(x, y),
        nn.MSELoss(reduction="sum")(x, y),
        nn.MSELoss(reduction="none")(x, y),
        nn.CrossEntropyLoss()(x, target),
        nn.CrossEntropyLoss(weight, ignore_index=1)(x, target),
        nn.CrossEntropyLoss(label_smoothing=0.1, reduction="none")(x, target),
        nn.CrossEntropyLoss()(x, y.softmax(1)),
        nn.NLLLoss(weight)(x.log_softmax(1), target),
    ]


# --- modules: names, order, reprs, messages


def _net(torch):
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(2, 2)
            self.register_buffer("mean", torch.zeros(2))
            self.register_buffer("scratch", torch.ones(1), persistent=False)
            self.scale = nn.Parameter(torch.ones(1))
            self.b = self.a
            self.nothing = None
            self.register_parameter("absent", None)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([Block(), Block()])
            self.head = nn.Sequential(OrderedDict([("norm", nn.LayerNorm(2)), ("act", nn.ReLU())]))
            self.by_name = nn.ModuleDict({"x": nn.Identity(), "y": nn.Tanh()})
            self.free = nn.ParameterList([torch.zeros(2), torch.ones(1, 3)])
            self.table = nn.ParameterDict({"k": torch.zeros(2)})

    torch.manual_seed(0)
    return Net()


@case()
def names(torch):
    net = _net(torch)
    return [
        [name for name, _ in net.named_parameters()],
        [name for name, _ in net.named_parameters(prefix="net", recurse=False)],
        [name for name, _ in net.named_parameters(remove_duplicate=False)],
        [name for name, _ in net.named_buffers()],
        [name for name, _ in net.named_children()],
        [(name, type(module).__name__) for name, module in net.named_modules()],
        [name for name, _ in net.named_modules(remove_duplicate=False)],
        list(net.state_dict()),
        [len(list(net.parameters())), len(list(net.modules())), len(list(net.children()))],
        list(net.blocks[0]._parameters),
        list(net.blocks[0]._buffers),
        list(net.blocks[0]._modules),
    ]


@case()
def reprs(torch):
    nn = torch.nn
    twice = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU(), nn.Sequential(nn.Tanh()), nn.Sequential()])
    layers = [
        nn.Conv2d(1, 2, 3),
        nn.Conv2d(4, 4, (3, 5), stride=2, padding=(1, 2), dilation=2, groups=2, bias=False),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.MaxPool2d(2),
        nn.MaxPool2d((3, 2), stride=1, padding=1, ceil_mode=True),
        nn.Flatten(),
        nn.Identity(3, x=4),
        nn.ReLU(),
        nn.ReLU(inplace=True),
        nn.SiLU(),
        nn.GELU(),
        nn.GELU("tanh"),
        nn.Softmax(dim=-1),
        nn.LogSoftmax(1),
        nn.Dropout(0.25),
        nn.LayerNorm((2, 3)),
        nn.LayerNorm(4, bias=False),
        nn.Embedding(10, 3),
        nn.Embedding(10, 3, padding_idx=2, max_norm=1.0, norm_type=1.0, scale_grad_by_freq=True),
        nn.CrossEntropyLoss(),
        nn.MSELoss(),
        nn.Linear(2, 3, bias=False),
    ]
    return [
        repr(_net(torch)),
        repr(twice),
        repr(nn.Sequential()),
        *map(repr, layers),
        repr(nn.Parameter(torch.ones(2))),
    ]


@case()
def assignment_messages(torch):
    nn = torch.nn

    class Early(nn.Module):
        def __init__(self, value):
            self.value = value

    layer = nn.Linear(2, 2)
    layer.register_buffer("seen", torch.zeros(1))
    layer.sub = nn.ReLU()
    return [
        raised(Early, layer),
        raised(Early, nn.Parameter(torch.zeros(1))),
        raised(setattr, layer, "weight", torch.zeros(2, 2)),
        raised(setattr, layer, "weight", 3),
        raised(setattr, layer, "seen", "text"),
        raised(setattr, layer, "sub", 3),
        raised(layer.register_parameter, "a.b", None),
        raised(layer.register_parameter, "", None),
        raised(layer.register_parameter, "forward", None),
        raised(layer.register_parameter, "p", torch.zeros(1)),
        raised(layer.register_parameter, 3, None),
        raised(layer.register_buffer, "a.b", None),
        raised(layer.register_buffer, "weight", torch.zeros(1)),
        raised(layer.register_buffer, "x", 3),
        raised(layer.add_module, "a.b", None),
        raised(layer.add_module, "weight", nn.ReLU()),
        raised(layer.add_module, "x", 3),
        raised(layer.get_submodule, "nope"),
        raised(layer.get_submodule, "weight"),
        raised(layer.get_parameter, "sub"),
        raised(layer.get_buffer, "weight"),
        raised(getattr, layer, "nope"),
        raised(delattr, layer, "nope"),
        raised(nn.Module(), 3),
        raised(layer.train, 1),
        raised(layer.to, torch.int64),
        raised(nn.Module, 3),
        raised(nn.Module, x=3),
    ]


@case()
def load_messages(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1, bias=False))
    good = net.state_dict()
    missing = {k: v for k, v in good.items() if k != "0.bias"}
    extra = {**good, "0.more": torch.zeros(1), "1.x.y": torch.zeros(1), "z": torch.zeros(1)}
    wrong = {**good, "0.weight": torch.zeros(3, 3), "1.weight": 5}
    return [
        repr(net.load_state_dict(good)),
        raised(net.load_state_dict, missing),
        raised(net.load_state_dict, extra),
        raised(net.load_state_dict, {**missing, **wrong, "q": torch.zeros(1)}).replace("<class 'int'>", "int"),
        repr(net.load_state_dict(missing, strict=False)),
        [list(keys) for keys in net.load_state_dict(extra, strict=False)],
        raised(net.load_state_dict, [1]),
    ]


@case()
def state_round_trip(torch):
    net, other = _net(torch), _net(torch)
    for p in net.parameters():
        torch.nn.init.constant_(p, 2.0)
    net.blocks[0].mean.add_(3)
    other.load_state_dict(net.state_dict())
    copied = copy.deepcopy(net)
    pickled = pickle.loads(pickle.dumps(torch.nn.Linear(2, 2)))
    return [
        dict(other.state_dict()),
        list(net.state_dict()._metadata),
        [a is b for a, b in zip(net.parameters(), copied.parameters())],
        copied.blocks[0].a is copied.blocks[0].b,
        dict(copied.state_dict()),
        [repr(pickled), isinstance(pickled.weight, torch.nn.Parameter), pickled.weight.requires_grad],
    ]


@case()
def containers(torch):
    nn = torch.nn
    a, b, c = nn.Linear(1, 2), nn.Linear(2, 3), nn.ReLU()
    seq = nn.Sequential(a, b).append(c)
    lst = nn.ModuleList([a, b])
    lst.insert(1, c)
    lst += [nn.Tanh()]
    shown = [repr(seq[1:]), seq[-1] is c, len(seq), [m is n for m, n in zip(seq, (a, b, c))]]
    seq.insert(0, nn.Tanh())
    del seq[1]
    shown += [repr(seq), repr(seq + nn.Sequential(a)), repr(2 * nn.Sequential(c)), repr(seq.pop(0)), repr(seq)]
    del lst[0]
    lst[0] = nn.Sigmoid()
    shown += [repr(lst), repr(lst[::2]), repr(lst + [a]), raised(lst.__getitem__, 9), raised(seq.__getitem__, -9)]
    named = nn.ModuleDict([["x", a], ["y", b]])
    named.update({"z": c, "x": nn.Tanh()})
    shown += [list(named), "y" in named, repr(named.pop("y")), list(named.keys()), len(named), raised(named.update, 3)]
    params = nn.ParameterList([torch.zeros(1), 5])
    params.append(torch.ones(2))
    shown += [repr(params), len(params), repr(params[1:]), raised(params, 3), raised(params.extend, torch.ones(2))]
    table = nn.ParameterDict({"b": torch.zeros(1), "a": torch.ones(2)})
    table["c"] = 3
    shown += [
        list(table),
        repr(table),
        [k for k, _ in table.named_parameters()],
        raised(table.__setitem__, 3, 4).partition(" Open")[0],
    ]
    shown += [raised(nn.ModuleList([a]), 3), raised(seq.__add__, 3), raised(seq.__mul__, 0), raised(seq.append, 3)]
    return shown


@case()
def hooks(torch):
    nn, log = torch.nn, []
    layer = nn.Linear(1, 1)
    nn.init.constant_(layer.weight, 2.0)
    nn.init.constant_(layer.bias, 0.0)

    def note(name, result=None):
        def hook(*args):
            log.append((name, len(args)))
            return result(*args) if result else None

        return hook

    before = layer.register_forward_pre_hook(note("pre", lambda m, args: args[0] + 1))
    layer.register_forward_pre_hook(note("first"), prepend=True)
    layer.register_forward_pre_hook(note("kw"), with_kwargs=True)
    after = layer.register_forward_hook(note("post", lambda m, args, out: out * 10))
    layer.register_forward_hook(note("post kw"), with_kwargs=True)
    always = layer.register_forward_hook(note("always"), always_call=True)
    x = torch.ones(1)
    outs = [layer(x), raised(layer, None)]
    before.remove()
    outs.append(layer(x))
    with after:
        outs.append(layer(x))
    always.remove()
    outs.append(layer(x))
    return [outs[0], *outs[2:], log]


@case()
def modes_and_grads(torch):
    net = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Dropout())
    net.eval()
    net(torch.ones(1, 2)).sum().backward()
    grads = [p.grad for p in net.parameters()]
    net.zero_grad(set_to_none=False)
    zeros = [p.grad for p in net.parameters()]
    net.zero_grad()
    net.requires_grad_(False)
    order = []
    net.apply(lambda m: order.append(type(m).__name__))
    return [
        [m.training for m in net.modules()],
        [m.training for m in net.train().modules()],
        grads,
        zeros,
        [p.grad for p in net.parameters()],
        [p.requires_grad for p in net.parameters()],
        order,
    ]


@case()
def conversions(torch):
    net = torch.nn.Linear(2, 1)
    net.register_buffer("count", torch.tensor(3))
    net(torch.ones(1, 2)).sum().backward()
    same = [id(p) for p in net.parameters()]
    dtypes = []
    for change in (
        net.double,
        net.half,
        net.bfloat16,
        net.float,
        lambda: net.to(torch.float64),
        lambda: net.to("cpu"),
        lambda: net.to(torch.zeros(1)),
        lambda: net.to("cpu", torch.float16),
        lambda: net.to(device="cpu", dtype=torch.float32),
    ):
        assert change() is net
        dtypes.append([str(p.dtype) for p in net.parameters()] + [str(net.count.dtype), str(net.weight.grad.dtype)])
    return [dtypes, same == [id(p) for p in net.parameters()]]


@case(rtol=1e-6)
def clipping(torch):
    utils = torch.nn.utils
    shown = []
    for kind in (2.0, 1.0, 3.0, float("inf")):
        params = [torch.zeros(3, requires_grad=True), torch.zeros(2, 2, requires_grad=True), torch.zeros(1)]
        params[0].grad = torch.tensor([3.0, -4.0, 1.0])
        params[1].grad = torch.tensor([[1.0, 2.0], [0.5, -6.0]])
        shown += [utils.clip_grad_norm_(params, 2.0, kind), params[0].grad, params[1].grad]
        shown += [utils.clip_grad_norm_(params, 1e3, kind), params[1].grad]
        utils.clip_grad_value_(params, 0.25)
        shown.append(params[1].grad)
    params[0].grad[0] = float("nan")
    shown += [raised(utils.clip_grad_norm_, params, 1.0, error_if_nonfinite=True), utils.clip_grad_norm_([], 1.0)]
    vector = utils.parameters_to_vector([torch.arange(3.0), torch.ones(2, 2)])
    targets = [torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(2, 2))]
    utils.vector_to_parameters(vector, targets)
    return [*shown, vector, *targets]
