"""nn.utils: norms and clipping, parametrizations, pruning, sequences, calls with other tensors; and nn.init's rest."""

import copy
import importlib
import pickle

from support import Cases, raised, warned

CASES = Cases()
case = CASES.case
INF = float("inf")


def _linear(torch, seed=0):
    torch.manual_seed(seed)
    return torch.nn.Linear(3, 2)


def _names(module):
    return [name for name, _ in module.named_parameters()], [name for name, _ in module.named_buffers()]


def _params(torch, *values, dtype=None):
    params = []
    for value in values:
        grad = torch.tensor(value, dtype=dtype)
        params.append(torch.zeros_like(grad).requires_grad_())
        params[-1].grad = grad
    return params


@case(rtol=1e-6)
def norms_of_every_order(torch):
    utils, shown = torch.nn.utils, []
    for order in (0, 1, 2, 3, 0.5, -1, INF, -INF):
        params = _params(torch, [1.0, 0.0, -3.0], [0.5, 4.0])
        shown += [utils.clip_grad_norm_(params, 1.0, order), [p.grad for p in params]]
        shown.append(utils.get_total_norm([p.grad for p in params], order))
    shown += [utils.get_total_norm(torch.ones(4)), utils.get_total_norm([]), utils.get_total_norm([torch.zeros(0)], 0)]
    return [*shown, utils.get_total_norm([torch.zeros(0)], 2)]


@case(rtol=1e-3)
def clipping_in_full(torch):
    utils = torch.nn.utils
    used = (p for p in _params(torch, [3.0]))
    list(used)
    told, total = warned(utils.clip_grad_norm_, used, 1.0)
    nan = float("nan")
    halves = _params(torch, [300.0, 4.0], [3.0], dtype=torch.float16)
    bad = _params(torch, [1.0, nan])
    mixed = _params(torch, [3.0], dtype=torch.float64) + _params(torch, [4.0])
    given = _params(torch, [3.0, 4.0])
    utils.clip_grads_with_norm_(given, 1.0, torch.tensor(5.0))
    return [
        [told, total],
        [utils.clip_grad_norm_(halves, 1.0), [p.grad for p in halves]],
        raised(utils.clip_grad_norm_, bad, 1.0, 3, True),
        raised(utils.clip_grad_norm_, _params(torch, [INF]), 1.0, error_if_nonfinite=True),
        [utils.clip_grad_norm_(mixed, 1.0), [p.grad for p in mixed]],
        [given[0].grad, raised(utils.clip_grads_with_norm_, given, 1.0, 5.0).partition(" received")[0]],
        warned(utils.clip_grad_norm, _params(torch, [3.0, 4.0]), 1.0),
        raised(utils.get_total_norm, [torch.ones(2, dtype=torch.int64)]).partition("\n")[0],
        raised(utils.vector_to_parameters, [1.0], given),
    ]


@case(rtol=1e-5, atol=1e-6)
def older_weight_norm(torch):
    utils, shown = torch.nn.utils, []
    for dim in (0, 1, None):
        layer = _linear(torch)
        told, same = warned(utils.weight_norm, layer, dim=dim)
        layer(torch.ones(1, 3)).sum().backward()
        shown += [told, same is layer, _names(layer), layer.weight, layer.weight_g.grad, layer.weight_v.grad]
    again = warned(lambda: raised(utils.weight_norm, layer))[1]
    utils.remove_weight_norm(layer)
    lazy = warned(lambda: raised(utils.weight_norm, torch.nn.LazyLinear(1)))[1]
    return [*shown, again, lazy, _names(layer), layer.weight, raised(utils.remove_weight_norm, layer)]


@case(rtol=1e-4, atol=1e-5)
def older_spectral_norm(torch):
    utils = torch.nn.utils
    layer = _linear(torch)
    utils.spectral_norm(layer, n_power_iterations=2)
    shown = [_names(layer), list(layer.state_dict()), dict(layer.state_dict()._metadata[""])]
    layer(torch.ones(1, 3)).sum().backward()
    shown += [layer.weight, layer.weight_orig.grad, layer.weight_u, layer.weight_v]
    layer.eval()(torch.ones(1, 3))
    other = utils.spectral_norm(_linear(torch, 1)).eval()
    shown += [layer.weight_u, repr(other.load_state_dict(layer.state_dict())), other(torch.ones(1, 3))]
    shown += [raised(utils.spectral_norm, layer), raised(utils.spectral_norm, layer, "bias", 0)]
    utils.remove_spectral_norm(layer)
    conv = utils.spectral_norm(torch.nn.Conv2d(2, 3, 2), dim=1)
    return [*shown, layer.weight, _names(layer), list(conv.weight_u.shape), raised(utils.remove_spectral_norm, layer)]


def _functions(torch):
    class Double(torch.nn.Module):
        def forward(self, x):
            return x * 2

        def right_inverse(self, x):
            return x / 2

    class Plus(torch.nn.Module):
        def forward(self, x):
            return x + 1

    class Product(torch.nn.Module):
        def forward(self, a, b):
            return a * b

        def right_inverse(self, x):
            return torch.ones(1, dtype=x.dtype) * 4, x / 4

    class Of(torch.nn.Module):
        def __init__(self, forward, inverse):
            super().__init__()
            self.there, self.inverse = forward, inverse

        def forward(self, x):
            return self.there(x)

        def right_inverse(self, x):
            return self.inverse(x)

    return Double, Plus, Product, Of


@case(rtol=1e-6)
def parametrize(torch):
    double, plus, product, _ = _functions(torch)
    pz = torch.nn.utils.parametrize
    layer = _linear(torch)
    before = layer.weight
    value = before.detach().clone()
    pz.register_parametrization(layer, "weight", double())
    shown = [repr(layer), _names(layer), (layer.weight - value).abs().max(), layer.parametrizations.weight.original]
    shown += [layer.parametrizations.weight.original is before, type(layer).__name__]
    layer.weight = torch.ones(2, 3)
    shown += [layer.weight, before, pz.type_before_parametrizations(layer) is torch.nn.Linear]
    pz.register_parametrization(layer, "weight", plus())
    pz.register_parametrization(layer, "bias", product())
    layer(torch.ones(1, 3)).sum().backward()
    shown += [layer.weight, before.grad, layer.parametrizations.bias.original1.grad, list(layer.state_dict())]
    with pz.cached():
        shown.append(layer.weight is layer.weight)
    shown += [layer.weight is layer.weight, raised(setattr, layer, "weight", value)]
    shown += [[pz.is_parametrized(layer), pz.is_parametrized(layer, "bias"), pz.is_parametrized(layer, "no")]]
    target = pz.transfer_parametrizations_and_params(layer, _linear(torch, 5))
    shown += [target.weight, repr(target)]
    pz.remove_parametrizations(layer, "weight")
    shown += [layer.weight is before, layer.weight, _names(layer)]
    shown += [raised(pz.remove_parametrizations, layer, "bias", leave_parametrized=False)]
    pz.remove_parametrizations(layer, "bias")
    shown += [repr(layer), _names(layer), type(layer) is torch.nn.Linear, list(layer.state_dict())]
    layer.double()
    layer.register_buffer("stat", torch.ones(1))
    pz.register_parametrization(layer, "stat", double())
    shown += [list(layer.state_dict()), layer.stat]
    pz.remove_parametrizations(layer, "stat", leave_parametrized=False)
    return [*shown, _names(layer), layer.stat]


@case()
def parametrize_refusals(torch):
    double, _, _, make = _functions(torch)
    pz, shown = torch.nn.utils.parametrize, []

    def same(x):
        return x

    def first(x):
        return x[:1]

    bad = [
        make(first, same),
        make(lambda x: x.double(), same),
        make(lambda x: 3, same),
        make(same, lambda x: 3),
        make(same, lambda x: [3]),
        make(same, lambda x: x.double()),
        make(same, first),
    ]
    for function in bad:
        layer = _linear(torch)
        shown += [raised(pz.register_parametrization, layer, "weight", function), repr(layer)]
    layer = _linear(torch)
    pz.register_parametrization(layer, "weight", double())
    shown += [raised(pz.register_parametrization, layer, "weight", function) for function in bad if function != bad[4]]
    shown += [raised(pz.register_parametrization, layer, "none", double()).partition("'Param")[0]]
    shown += [raised(pz.register_parametrization, layer, "in_features", double()).partition("'Param")[0]]
    shown += [raised(pz.remove_parametrizations, torch.nn.ReLU(), "x"), raised(pz.ParametrizationList, [], layer.bias)]
    shown += [raised(pickle.dumps, layer).partition(" See")[0], repr(layer)]
    pz.register_parametrization(layer, "bias", bad[0], unsafe=True)
    return [*shown, list(layer.bias.shape)]


@case(rtol=1e-4, atol=1e-5)
def parametrizations(torch):
    kinds = torch.nn.utils.parametrizations
    layer = kinds.weight_norm(_linear(torch))
    shown = [repr(layer), _names(layer), layer.weight]
    layer(torch.ones(1, 3)).sum().backward()
    shown += [p.grad for p in layer.parameters()]
    layer.weight = torch.ones(2, 3)
    shown += [layer.weight, layer.parametrizations.weight.original0]
    older = warned(torch.nn.utils.weight_norm, _linear(torch))[1]
    shown += [repr(layer.load_state_dict(older.state_dict())), layer.weight]
    layer = kinds.spectral_norm(_linear(torch))
    shown += [repr(layer), list(layer.state_dict()), layer.parametrizations.weight[0]._u, layer.weight]
    layer(torch.ones(1, 3)).sum().backward()
    shown += [layer.parametrizations.weight.original.grad, layer.eval().weight]
    layer.weight = torch.ones(2, 3)
    kinds.spectral_norm(layer, "bias")
    shown += [layer.weight, layer.bias]
    for call in (
        lambda: kinds.spectral_norm(_linear(torch), n_power_iterations=0),
        lambda: kinds.spectral_norm(_linear(torch), dim=4),
        lambda: kinds.spectral_norm(_linear(torch), "none"),
        lambda: kinds.weight_norm(_linear(torch), dim=3),
    ):
        shown.append(raised(call))
    return shown


@case(rtol=1e-6)
def pruning(torch):
    prune = importlib.import_module(f"{torch.__name__}.nn.utils.prune")
    layer = _linear(torch)
    prune.l1_unstructured(layer, "weight", 2)
    shown = [_names(layer), layer.weight_mask, layer.weight]
    prune.l1_unstructured(layer, "weight", 0.5)
    hook = next(iter(layer._forward_pre_hooks.values()))
    shown += [layer.weight_mask, [type(one).__name__ for one in hook], prune.is_pruned(layer)]
    layer(torch.ones(1, 3)).sum().backward()
    shown.append(layer.weight_orig.grad)
    prune.remove(layer, "weight")
    shown += [_names(layer), layer.weight, prune.is_pruned(layer), raised(prune.remove, layer, "weight")]
    for call in (
        lambda m: prune.random_unstructured(m, "weight", 0.4),
        lambda m: prune.random_structured(m, "weight", 1, 0),
        lambda m: prune.ln_structured(m, "weight", 1, 2, 1),
        lambda m: prune.ln_structured(m, "weight", 0.5, INF, -1),
        lambda m: prune.identity(m, "weight"),
        lambda m: prune.custom_from_mask(m, "weight", torch.tensor([[0, 1, 1], [1, 0, 1]])),
        lambda m: prune.l1_unstructured(m, "weight", 2, importance_scores=torch.arange(6.0).view(2, 3)),
        lambda m: prune.ln_structured(prune.l1_unstructured(m, "weight", 3), "weight", 0.34, 1, 1),
    ):
        shown.append(call(_linear(torch)).weight_mask)
    one, two = _linear(torch), torch.nn.Linear(4, 3)
    prune.global_unstructured([(one, "weight"), (two, "weight")], prune.L1Unstructured, amount=5)
    prune.global_unstructured([(one, "weight"), (two, "bias")], prune.RandomUnstructured, amount=0.5)
    shown += [one.weight_mask, two.weight_mask, two.bias_mask]
    return [*shown, prune.L1Unstructured(1).prune(torch.tensor([1.0, -3.0, 2.0]))]


@case()
def pruning_refusals(torch):
    prune, shown = importlib.import_module(f"{torch.__name__}.nn.utils.prune"), []
    for amount in (-1, 1.5, 7, "a", None):
        shown.append(raised(prune.l1_unstructured, _linear(torch), "weight", amount))
    layer = _linear(torch)
    for call in (
        lambda: prune.l1_unstructured(layer, "none", 1),
        lambda: prune.ln_structured(layer, "bias", 1, 2, 0),
        lambda: prune.ln_structured(layer, "weight", 1, 2, 5),
        lambda: prune.l1_unstructured(layer, "weight", 1, importance_scores=torch.ones(2, 2)),
        lambda: prune.custom_from_mask(layer, "weight", torch.ones(2, 2)),
        lambda: prune.global_unstructured(3, prune.L1Unstructured, amount=1),
        lambda: prune.global_unstructured([(layer, "weight")], prune.L1Unstructured, importance_scores=3, amount=1),
    ):
        shown.append(raised(call))
    return [*shown, sorted(_names(layer)[0]), len(layer._forward_pre_hooks)]


def _packed(p):
    return [p.data, p.batch_sizes, p.sorted_indices, p.unsorted_indices]


@case()
def packed_sequences(torch):
    rnn = torch.nn.utils.rnn
    x = torch.arange(24.0).view(4, 3, 2)
    shown = [_packed(rnn.pack_padded_sequence(x, [4, 3, 1]))]
    shown.append(_packed(rnn.pack_padded_sequence(x.transpose(0, 1), torch.tensor([4, 3, 1]), batch_first=True)))
    shown.append(_packed(rnn.pack_padded_sequence(x, [2, 4, 2], enforce_sorted=False)))
    leaf = x.clone().requires_grad_()
    packed = rnn.pack_padded_sequence(leaf, [1, 4, 3], enforce_sorted=False)
    for options in ({}, {"batch_first": True, "padding_value": -1.0}, {"total_length": 5}):
        shown.append(list(rnn.pad_packed_sequence(packed, **options)))
    (rnn.pad_packed_sequence(packed)[0] * x).sum().backward()
    shown += [leaf.grad, repr(rnn.pack_padded_sequence(torch.ones(2, 1), [1]))]
    double = packed.double()
    shown += [str(double.data.dtype), double.sorted_indices, packed.to("cpu") is packed, packed.is_cuda]
    shown += [copy.deepcopy(rnn.pack_sequence([x[0], x[0, :1]])).batch_sizes, list(packed._fields)]
    for call in (
        lambda: rnn.pack_padded_sequence(x, [1, 4, 3]).partition(". You")[0],
        lambda: rnn.pack_padded_sequence(x, [4, 3]),
        lambda: rnn.pack_padded_sequence(x, [4, 3, 0]),
        lambda: rnn.pack_padded_sequence(torch.zeros(0, 3), [0, 0, 0]),
        lambda: rnn.pad_packed_sequence(packed, total_length=3),
        lambda: rnn.PackedSequence(x),
    ):
        shown.append(raised(call))
    return shown


@case()
def padded_sequences(torch):
    rnn = torch.nn.utils.rnn
    parts = [torch.ones(3, 2), torch.ones(1, 2) * 2, torch.ones(2, 2) * 3]
    shown = [rnn.pad_sequence(parts), rnn.pad_sequence(parts, True, 5.0), rnn.pad_sequence(parts, True, 5.0, "left")]
    shown += [rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], True), rnn.pad_sequence(torch.ones(2, 3))]
    shown += [rnn.unpad_sequence(rnn.pad_sequence(parts), torch.tensor([3, 1, 2]))]
    packed = rnn.pack_sequence(parts, enforce_sorted=False)
    shown += [_packed(packed), rnn.unpack_sequence(packed), rnn.invert_permutation(torch.tensor([2, 0, 1]))]
    for call in (
        lambda: rnn.pad_sequence([]),
        lambda: rnn.pad_sequence(3),
        lambda: rnn.pad_sequence([3]),
        lambda: rnn.pad_sequence(parts, padding_side="top"),
        lambda: rnn.pad_sequence([torch.ones(3, 2), torch.ones(2, 3)]),
        lambda: rnn.pack_sequence(parts).partition(". You")[0],
    ):
        shown.append(raised(call).partition(" You")[0])
    return shown


@case()
def functional_calls(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(1, 1)
            torch.nn.init.constant_(self.inner.weight, 2.0)
            torch.nn.init.constant_(self.inner.bias, 3.0)
            self.register_buffer("count", torch.ones(1))
            self.tied = self.inner.weight

        def forward(self, x, k=0):
            self.count = self.count + 1
            return self.inner(x) + self.count + k + 10 * self.tied

    net, x, five = Net(), torch.ones(1, 1), torch.tensor([[5.0]])
    call = torch.func.functional_call
    weight = torch.ones(1, 1, requires_grad=True)
    call(net, {"inner.weight": weight}, (x,)).sum().backward()
    counts = {"inner.bias": torch.zeros(1), "count": torch.zeros(1)}
    shown = [weight.grad, net.inner.weight.grad, call(net, counts, x), counts, net.count]
    shown += [call(net, {"tied": five}, (x,)), call(net, {"tied": five}, (x,), tie_weights=False)]
    shown += [call(net, ({"inner.bias": torch.zeros(1)}, {"tied": five}), (x,), {"k": 100})]
    for tensors, options in (
        ({"tied": five, "inner.weight": five + 1}, {}),
        ({"none.x": five}, {}),
        ({"inner": five}, {}),
        ({"": five}, {}),
        ({"inner.weight": five}, {"strict": True}),
        ({"inner.weight": five, "more": five}, {"strict": True}),
        (({"count": five}, {"count": five}), {}),
        ({"inner.weight": 3}, {}),
        ({"inner.weight": torch.ones(2, 2)}, {}),
        (3, {}),
    ):
        text = raised(call, net, tensors, (x,), **options).replace("<class 'int'>", "int")
        shown.append(text.partition("\nhint: ")[0])
    params, buffers = torch.func.stack_module_state([Net(), Net()])
    shown += [params, buffers, [p.requires_grad and p.is_leaf for p in params.values()]]
    older = warned(torch.nn.utils.stateless.functional_call, net, {"tied": five}, (x,))
    return [*shown, older[0][0].partition(" as of")[0], net.inner.weight, raised(torch.func.stack_module_state, [])]


@case(rtol=1e-5, atol=2e-6)
def orthogonal_weights(torch):
    torch.manual_seed(3)
    init, new = torch.nn.init, torch.empty
    return [
        init.orthogonal_(new(3, 5)),
        init.orthogonal_(new(5, 3), gain=2.0),
        init.orthogonal_(new(4, 4)),
        init.orthogonal_(new(2, 2, 3, dtype=torch.float64)),
        init.orthogonal_(new(40, 34))[:2],
        init.orthogonal_(new(2, 2), generator=torch.Generator().manual_seed(1)),
        raised(init.orthogonal_, new(3)),
        torch.rand(1),
    ]


@case()
def older_names_of_init(torch):
    shown = []
    for name, args in (("uniform", ()), ("normal", ()), ("constant", (2.0,)), ("eye", ()), ("xavier_uniform", ())):
        torch.manual_seed(0)
        shown.append(warned(getattr(torch.nn.init, name), torch.empty(2, 2), *args))
    return shown


@case()
def failed_init_changes_nothing(torch):
    init, shown = torch.nn.init, []
    torch.manual_seed(0)
    for call in (
        lambda x: init.dirac_(x, 3),
        lambda x: init.dirac_(x, 1.5),
        lambda x: init.sparse_(x, 0.5),
        lambda x: init.trunc_normal_(x, "a"),
        lambda x: init.trunc_normal_(x, 0.0, -1.0),
        lambda x: init.trunc_normal_(x, 0.0, 1.0, 2.0, -2.0),
        lambda x: init.kaiming_uniform_(x, nonlinearity="none"),
    ):
        x = torch.full((4, 2, 3), 7.0)
        shown += [raised(call, x).partition(":")[0], x.sum()]
    return shown


@case()
def modules_without_drawing(torch):
    skip = torch.nn.utils.skip_init
    torch.manual_seed(0)
    layer = skip(torch.nn.Linear, 2, 3, dtype=torch.float64)
    return [repr(layer), str(layer.weight.dtype), torch.rand(1), raised(skip, torch.nn.ReLU)]
