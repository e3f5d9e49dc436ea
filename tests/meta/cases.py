"""Tensors on `meta` as PyTorch has them: how they are made, shown, moved, mixed, saved and refused; modules without
memory."""

import copy
import io
import pickle

from support import Cases, first_sentence, raised, warned

CASES = Cases()
case = CASES.case


def first(torch, call):
    """The class and the first sentence of an error, or what the call gives."""
    try:
        return shown(torch, call())
    except Exception as error:
        return [type(error).__name__, first_sentence(str(error))]


def shown(torch, value):
    if isinstance(value, torch.Tensor):
        return [repr(value), list(value.stride()), value.device.type]
    if isinstance(value, (tuple, list)):
        return [shown(torch, item) for item in value]
    return value if isinstance(value, (bool, int, float, str, type(None))) else repr(value)


def meta(torch, *shape, **more):
    return torch.empty(*shape, device="meta", **more)


@case()
def reprs(torch):
    x = meta(torch, 2, 3, requires_grad=True)
    return [
        repr(t)
        for t in (
            meta(torch, 3),
            x,
            x * 2,
            meta(torch, 3, dtype=torch.int64),
            meta(torch, 3, dtype=torch.bool),
            meta(torch, 3, dtype=torch.complex64),
            meta(torch, ()),
            meta(torch, 0),
            meta(torch, 2, 0, dtype=torch.float64),
            torch.nn.Parameter(meta(torch, 2)),
        )
    ] + [str(meta(torch, 3)), f"{meta(torch, 3)}", meta(torch, 3).type(), repr(torch.nn.Linear(2, 3, device="meta"))]


@case()
def properties(torch):
    x = meta(torch, 4, 3)[1:].t()
    huge = meta(torch, 10**6, 10**6)
    return [
        *(x.is_meta, x.is_cpu, x.is_cuda, x.get_device(), x.data_ptr(), x.nbytes, x.storage_offset(), list(x.stride())),
        *(x.untyped_storage().nbytes(), x.untyped_storage().data_ptr(), x.untyped_storage().device.type),
        *(huge.nbytes, huge.numel(), huge.untyped_storage().nbytes(), x.is_pinned(), x.is_contiguous(), len(x)),
        *(str(x.device), repr(x.device), torch.device("meta:1").index, meta(torch, 1).device == torch.device("meta")),
        *(torch.empty(2, device="meta:1").device.index, torch.device("meta") == torch.device("meta:0")),
        first(torch, lambda: meta(torch, 2**62)),
        meta(torch, 2**62, dtype=torch.uint8).nbytes,
    ]


@case()
def creation(torch):
    like = torch.ones(2, 3).t()
    made = [
        *(torch.zeros(2, device="meta"), torch.ones(2, device="meta"), torch.full((2,), 3, device="meta")),
        *(torch.arange(3, device="meta"), torch.arange(0, 1, 0.25, device="meta"), torch.eye(3, device="meta")),
        *(torch.linspace(0, 1, 5, device="meta"), torch.logspace(0, 1, 5, device="meta")),
        *(torch.rand(2, device="meta"), torch.randn(2, device="meta"), torch.randint(0, 5, (3,), device="meta")),
        *(torch.randperm(4, device="meta"), torch.tensor([1.0, 2.0], device="meta"), torch.tensor(3, device="meta")),
        *(torch.as_tensor([1, 2], device="meta"), torch.zeros_like(like, device="meta"), like.to("meta")),
        *(torch.rand_like(like, device="meta"), torch.randn_like(meta(torch, 2)), like.new_empty(2, device="meta")),
        *(
            meta(torch, 2).new_zeros(3),
            meta(torch, 2).new_tensor([1.0]),
            torch.empty_strided((2, 3), (1, 2), device="meta"),
        ),
        *(
            torch.hann_window(4, device="meta"),
            torch.tril_indices(3, 3, device="meta"),
            torch.fft.fftfreq(4, device="meta"),
        ),
        *(
            torch.scalar_tensor(2.0, device="meta"),
            torch.bernoulli(meta(torch, 3)),
            torch.multinomial(meta(torch, 3), 2),
        ),
        *(torch.normal(meta(torch, 3), meta(torch, 3)), torch.poisson(meta(torch, 3))),
        *(torch.linspace(meta(torch, ()), 1, 5), torch.logspace(torch.tensor(0.5), meta(torch, ()), 5)),
    ]
    return shown(torch, made)


@case()
def no_numbers_are_drawn(torch):
    torch.manual_seed(1)
    x = meta(torch, 100)
    torch.randn(3, device="meta"), torch.rand_like(x), torch.randperm(4, device="meta"), torch.bernoulli(x)
    x.normal_(), x.uniform_(), x.random_(), x.exponential_(), x.bernoulli_(0.5)
    torch.nn.functional.dropout(x), torch.nn.functional.rrelu(x, training=True), torch.multinomial(x, 2)
    torch.nn.Linear(30, 30, device="meta"), torch.nn.functional.gumbel_softmax(x)
    torch.nn.init.trunc_normal_(x), torch.nn.init.orthogonal_(meta(torch, 3, 3))
    return torch.rand(3)


@case()
def default_device(torch):
    out = []
    with torch.device("meta"):
        out += [
            torch.empty(2),
            torch.tensor([1.0]),
            torch.randn(2),
            torch.nn.Linear(2, 3).weight,
            torch.ones(2, device="cpu"),
        ]
    out.append(torch.ones(1))
    torch.set_default_device("meta")
    try:
        out += [torch.zeros(2), torch.get_default_device().type]
    finally:
        torch.set_default_device(None)
    return shown(torch, [*out, torch.ones(1)])


@case()
def values_are_refused(torch):
    x, zero = meta(torch, 3), meta(torch, ())
    ints, mask = meta(torch, 3, dtype=torch.int64), meta(torch, 3, dtype=torch.bool)
    calls = [
        *(x.item, zero.item, lambda: bool(zero), lambda: bool(x), lambda: float(zero), lambda: int(zero)),
        *(
            lambda: complex(zero),
            x.tolist,
            zero.tolist,
            x.numpy,
            lambda: x.numpy(force=True),
            x.cpu,
            lambda: x.to("cpu"),
        ),
        *(lambda: torch.ones(3).copy_(x), lambda: x[mask], lambda: x[ints[0]], lambda: x[0 : ints[0]], x.nonzero),
        *(lambda: torch.nonzero(x, as_tuple=True), lambda: torch.where(mask), lambda: torch.argwhere(x)),
        *(lambda: x.masked_select(mask), lambda: torch.unique(x), lambda: torch.unique(meta(torch, 2, 2), dim=0)),
        *(lambda: torch.unique_consecutive(x), lambda: x.repeat_interleave(ints), lambda: torch.bincount(ints)),
        *(lambda: torch.nn.functional.one_hot(ints), lambda: torch.equal(x, x), lambda: torch.allclose(x, x)),
        *(lambda: torch.is_nonzero(zero), lambda: 1 in x, lambda: torch.tensor_split(x, ints)),
        *(
            x.pin_memory,
            x.__array__,
            x.__dlpack__,
            lambda: x.untyped_storage()[0],
            lambda: x.untyped_storage().tolist(),
        ),
        *(lambda: x.untyped_storage().cpu(), lambda: x.type("torch.DoubleTensor")),
        *(lambda: torch.distributions.Normal(x, x), lambda: torch.nn.functional.gaussian_nll_loss(x, x, x)),
        *(lambda: torch.nn.Linear(2, 3, device="meta").to("cpu"), lambda: torch.nn.Linear(2, 3, device="meta").cpu()),
        lambda: meta(torch, 2).set_(torch.ones(3)),
    ]
    return [first(torch, call) for call in calls]


@case()
def what_needs_no_values(torch):
    x, ints, mask = meta(torch, 3), meta(torch, 3, dtype=torch.int64), meta(torch, 3, dtype=torch.bool)
    square = meta(torch, 3, 3)
    calls = [
        *(lambda: x[ints], lambda: x[1:], lambda: x[0], lambda: x[torch.tensor([0, 1])], lambda: list(x)),
        *(lambda: x[torch.tensor([True, False, True])], lambda: x.repeat_interleave(2), lambda: torch.histc(x)),
        *(lambda: x.repeat_interleave(ints, output_size=7), lambda: torch.nn.functional.one_hot(ints, 5)),
        *(
            lambda: x.masked_fill(mask, 1.0),
            lambda: x.masked_scatter(mask, x),
            lambda: x.take(ints),
            lambda: x.put(ints, x),
        ),
        *(lambda: x.index_put((mask,), torch.tensor(1.0, device="meta")), lambda: torch.searchsorted(x, x), x.clone),
        *(
            lambda: torch.linalg.det(square),
            lambda: torch.linalg.matrix_exp(square),
            lambda: torch.linalg.cholesky(square),
        ),
        *(lambda: torch.nonzero_static(x, size=4).shape, lambda: torch.quantile(x, 0.5), lambda: torch.isin(x, x)),
        *(lambda: torch.sort(x)[1], lambda: torch.fft.rfft(x), lambda: torch.linalg.solve(square, x)),
        *(
            lambda: torch.nn.functional.binary_cross_entropy(x, x),
            lambda: torch.cdist(square, square),
            lambda: x.to("meta") is x,
        ),
        *(
            lambda: x.apply_(lambda v: v),
            lambda: x.map_(x, lambda a, b: a),
            lambda: x.resize_(5).untyped_storage().nbytes(),
        ),
    ]
    return [first(torch, call) for call in calls]


@case()
def mixed_with_the_cpu(torch):
    x, one = meta(torch, 3), torch.tensor(1.0)
    calls = [
        *(lambda: x + one, lambda: one + x, lambda: x.clone().add_(one), lambda: torch.where(x > 0, x, one)),
        *(lambda: x + torch.ones(3), lambda: meta(torch, ()) + torch.ones(3), lambda: torch.ones(3) == x),
        *(lambda: torch.cat([x, torch.ones(3)]), lambda: torch.cat([torch.ones(3), x])),
        *(lambda: torch.where(torch.tensor([True, False, True]), x, x), lambda: x.clone().copy_(torch.ones(3))),
        lambda: torch.add(torch.ones(3), torch.ones(3), out=meta(torch, 3)),
        lambda: torch.add(x, x, out=torch.ones(3)),
        lambda: torch.nn.Linear(2, 3)(meta(torch, 4, 2)),
        lambda: torch.nn.Linear(2, 3, device="meta")(torch.ones(4, 2)),
    ]
    return [first(torch, call) for call in calls]


@case()
def assignments(torch):
    out = []
    mask, ints = meta(torch, 3, dtype=torch.bool), meta(torch, 3, dtype=torch.int64)
    for key, value in [
        *((0, 1.0), (slice(1), 2), (mask, 1.0), (mask, meta(torch, 2)), (ints, 1.0), (ints, meta(torch, 3))),
        *((mask, torch.tensor(1.0)), (torch.tensor([0, 1]), 1.0), (slice(None), torch.ones(3))),
    ]:
        x = meta(torch, 3)
        x[key] = value
        out += [shown(torch, x), x._version]
    return out


@case()
def versions_and_writes(torch):
    x = meta(torch, 3)
    view = x[1:]
    x.add_(1), x.zero_(), x.normal_(), view.mul_(2), x.fill_(3)
    out = meta(torch, 0)
    torch.add(x, 1, out=out)
    y = meta(torch, 3, requires_grad=True)
    z = y * 1
    kept = z.exp()
    kept.add_(1)
    return [x._version, view._version, shown(torch, out), raised(lambda: kept.sum().backward()).split(":")[0]]


@case()
def backward(torch):
    x = meta(torch, 2, 3, requires_grad=True)
    w = meta(torch, 4, 3, requires_grad=True)
    y = torch.nn.functional.linear(x, w).relu().softmax(-1)
    y.sum().backward()
    (second,) = torch.autograd.grad((x * x * x).sum(), x, create_graph=True)
    third = torch.autograd.grad(second.sum(), x)
    moved = torch.ones(3, requires_grad=True).to("meta")
    return shown(torch, [y, x.grad, w.grad, second, third, moved])


@case()
def optimizers(torch):
    out = []
    for name, more in [
        ("SGD", {"lr": 0.1, "momentum": 0.9}),
        ("Adam", {}),
        ("AdamW", {}),
        ("RMSprop", {}),
        ("Adagrad", {}),
    ]:
        p = torch.nn.Parameter(meta(torch, 2, 3))
        optimizer = getattr(torch.optim, name)([p], **more)
        p.sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        state = optimizer.state[p]
        out.append([name, {k: shown(torch, v) for k, v in sorted(state.items()) if k != "step"}])
    return out


@case()
def modules(torch):
    nn = torch.nn
    layer = nn.Linear(2, 3, device="meta")
    empty = nn.Linear(2, 3, device="meta").to_empty(device="cpu")
    values = {"weight": torch.ones(3, 2), "bias": torch.zeros(3)}
    loaded = nn.Linear(2, 3, device="meta")
    keys = loaded.load_state_dict(values, assign=True)
    return [
        shown(torch, [layer.weight, layer(meta(torch, 4, 2)), nn.Linear(2, 3).to("meta").weight, layer.half().weight]),
        [list(empty.weight.shape), empty.weight.device.type, empty.weight.requires_grad, type(empty.weight).__name__],
        [repr(keys), loaded.weight, loaded.bias, loaded.weight.requires_grad],
        warned(lambda: nn.Linear(2, 3, device="meta").load_state_dict(values)),
        first(torch, lambda: nn.Linear(2, 3).load_state_dict(nn.Linear(2, 3, device="meta").state_dict())),
        [
            list(nn.utils.skip_init(nn.Linear, 2, 3).weight.shape),
            nn.utils.skip_init(nn.Linear, 2, 3).weight.device.type,
        ],
        shown(torch, nn.utils.skip_init(nn.Linear, 2, 3, device="meta").weight),
        shown(torch, copy.deepcopy(layer).weight),
    ]


@case()
def initialisers(torch):
    init = torch.nn.init
    names = "xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ orthogonal_ trunc_normal_ eye_ ones_"
    out = [getattr(init, name)(meta(torch, 3, 4)) for name in names.split()]
    return shown(torch, [*out, init.dirac_(meta(torch, 3, 4, 3)), init.sparse_(meta(torch, 3, 4), 0.1)])


@case()
def forward_of_layers(torch):
    nn = torch.nn
    x = meta(torch, 4, 5, 8)
    out = [
        nn.LSTM(8, 3, device="meta")(x)[0],
        nn.GRU(8, 3, device="meta")(x)[0],
        nn.BatchNorm1d(5, device="meta")(x),
        nn.LayerNorm(8, device="meta")(x),
        nn.Conv1d(5, 7, 3, device="meta")(x),
        nn.Embedding(9, 4, device="meta")(meta(torch, 2, 2, dtype=torch.int64)),
        nn.EmbeddingBag(9, 4, device="meta")(meta(torch, 2, 2, dtype=torch.int64)),
        nn.functional.cross_entropy(meta(torch, 2, 3), meta(torch, 2, dtype=torch.int64)),
        nn.functional.max_pool2d(meta(torch, 1, 2, 8, 8), 2),
        nn.functional.fractional_max_pool2d(meta(torch, 1, 1, 8, 8), 2, output_size=3),
    ]
    return [[list(t.shape), str(t.dtype), t.device.type, t.requires_grad] for t in out]


@case()
def saved(torch):
    tree = {"a": meta(torch, 3, 4)[1:].t(), "b": torch.ones(2), "p": torch.nn.Parameter(meta(torch, 3))}
    file = io.BytesIO()
    torch.save(tree, file)
    out = []
    for where in (None, "cpu", "meta"):
        file.seek(0)
        loaded = torch.load(file, map_location=where)
        out.append([shown(torch, t) for t in loaded.values()])
    file = io.BytesIO()
    torch.save(torch.nn.Linear(2, 3).state_dict(), file)
    file.seek(0)
    weights = torch.load(file, map_location="meta")
    file.seek(0)
    by_device = torch.load(file, map_location=torch.device("meta"))
    out += [shown(torch, [*weights.values(), *by_device.values()]), weights["bias"].untyped_storage().nbytes()]
    out.append(first(torch, lambda: torch.save(meta(torch, 3).untyped_storage(), io.BytesIO())))
    return out


@case()
def autocast_leaves_it_alone(torch):
    x = meta(torch, 3, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return shown(
            torch, [x @ x, torch.nn.Linear(3, 3, device="meta")(x), (torch.ones(3, 3) @ torch.ones(3, 3)).sum()]
        )


@case()
def storages(torch):
    x = meta(torch, 4)
    made = torch.UntypedStorage(16, device="meta")
    return [
        *(made.nbytes(), len(made), made.device.type, made.data_ptr(), made.clone().nbytes()),
        shown(torch, meta(torch, 0).set_(made, 1, (2,), (1,))),
        shown(torch, x.as_strided((2, 2), (1, 2))),
        shown(torch, x.view(torch.int16)),
        x.storage().size(),
    ]


@case()
def copies(torch):
    x = meta(torch, 3, 4, requires_grad=True)
    return shown(
        torch,
        [
            *(copy.deepcopy(x), copy.copy(x), pickle.loads(pickle.dumps(x)), x.detach(), x.data),
            copy.deepcopy(x).untyped_storage().nbytes(),
            pickle.loads(pickle.dumps(torch.nn.Parameter(meta(torch, 2)))),
        ],
    )
