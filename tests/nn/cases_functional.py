"""What functions of nn give on PyTorch that are written over other ops, and what a recorded backward gives."""

from support import Cases, raised, warned

CASES = Cases()
case = CASES.case


def numbers(torch, *shape, scale=1.0):
    """A leaf of float64 whose elements are all different."""
    count = 1
    for n in shape:
        count *= n
    values = (torch.arange(count, dtype=torch.float64) * 0.7390851).sin() * scale
    return values.reshape(shape).clone().requires_grad_()


def differentiated(torch, function, *leaves):
    """Value, gradients, which of them require grad where backward is recorded, and second gradients."""
    out = function(*leaves)
    outs = [*out] if isinstance(out, (tuple, list)) else [out]
    recorded = [t for t in outs if t.requires_grad]
    weights = [torch.arange(t.numel(), dtype=t.dtype).reshape(t.shape) * 0.25 - 1.0 for t in recorded]
    first = torch.autograd.grad(recorded, leaves, weights, create_graph=True, allow_unused=True)
    kinds = ["none" if g is None else "recorded" if g.requires_grad else "constant" for g in first]
    again = [g for g in first if g is not None and g.requires_grad]
    second = None
    if again:
        weights = [torch.arange(t.numel(), dtype=t.dtype).reshape(t.shape) * 0.5 - 1.0 for t in again]
        second = torch.autograd.grad(again, leaves, weights, allow_unused=True)
        second = [None if g is None else g + torch.zeros(g.shape, dtype=g.dtype) for g in second]
    return [[t.detach() for t in outs], kinds, [None if g is None else g.detach() for g in first], second]


# --- one backward op, all of whose results are recorded


@case(rtol=1e-9, atol=1e-12)
def recorded_convolutions(torch):
    F, x = torch.nn.functional, numbers
    return [
        differentiated(torch, F.conv1d, x(torch, 2, 3, 6), x(torch, 4, 3, 3), x(torch, 4)),
        differentiated(torch, F.conv2d, x(torch, 1, 2, 4, 5), x(torch, 3, 2, 2, 3), x(torch, 3)),
        differentiated(torch, F.conv_transpose1d, x(torch, 2, 3, 4), x(torch, 3, 2, 3)),
        differentiated(torch, F.conv_transpose2d, x(torch, 1, 2, 3, 4), x(torch, 2, 3, 2, 3)),
    ]


@case(rtol=1e-9, atol=1e-12)
def recorded_pools(torch):
    F, x = torch.nn.functional, numbers
    return [
        differentiated(torch, lambda t: F.avg_pool1d(t, 3, 2, 1), x(torch, 1, 2, 7)),
        differentiated(torch, lambda t: F.avg_pool2d(t, 3, 2, 1, True, False), x(torch, 1, 2, 6, 5)),
        differentiated(torch, lambda t: F.avg_pool3d(t, 2, 1, divisor_override=3), x(torch, 1, 2, 3, 4, 3)),
        differentiated(torch, lambda t: F.adaptive_avg_pool1d(t, 3), x(torch, 1, 2, 7)),
        differentiated(torch, lambda t: F.adaptive_avg_pool2d(t, (None, 2)), x(torch, 1, 2, 3, 5)),
        differentiated(torch, lambda t: F.adaptive_avg_pool3d(t, 2), x(torch, 1, 2, 3, 4, 3)),
        differentiated(torch, lambda t: F.adaptive_max_pool1d(t, 3, True), x(torch, 1, 2, 7)),
        differentiated(torch, lambda t: F.adaptive_max_pool2d(t, (3, 2)), x(torch, 1, 2, 4, 5)),
        differentiated(torch, lambda t: F.adaptive_max_pool3d(t, 2), x(torch, 1, 2, 3, 4, 3)),
        differentiated(torch, lambda t: F.max_pool1d(t, 2), x(torch, 1, 2, 7)),
        differentiated(torch, lambda t: F.max_pool2d(t, 2), x(torch, 1, 2, 4, 5)),
        differentiated(torch, lambda t: F.max_pool3d(t, 2), x(torch, 1, 2, 4, 4, 3)),
    ]


@case(rtol=1e-8, atol=1e-11)
def recorded_norms_and_paddings(torch):
    F, x = torch.nn.functional, numbers
    inf = float("inf")
    found = [
        differentiated(torch, lambda t, mode=mode: F.pad(t, (1, 2), mode), x(torch, 1, 2, 4))
        for mode in ("reflect", "replicate", "circular", "constant")
    ]
    found += [differentiated(torch, lambda t, p=p: t.norm(p, 1), x(torch, 3, 4)) for p in (0, 1, 2, 3, inf, -inf)]
    found += [
        differentiated(torch, lambda t, p=p: torch.linalg.matrix_norm(t, p), x(torch, 3, 4)) for p in (1, -1, inf, -inf)
    ]
    found.append(differentiated(torch, lambda t, a, b: F.layer_norm(t, (4,), a, b), x(torch, 3, 4), *w(torch, 4)))
    found.append(differentiated(torch, lambda t, a, b: F.group_norm(t, 2, a, b), x(torch, 2, 4, 3), *w(torch, 4)))
    found.append(
        differentiated(
            torch, lambda t, a: F.batch_norm(t, None, None, a, None, True), x(torch, 2, 3, 4), w(torch, 3)[0]
        )
    )
    return found


def w(torch, n):
    return numbers(torch, n), numbers(torch, n, scale=0.5)


@case(rtol=1e-9, atol=1e-12)
def comparisons_are_no_functions(torch):
    x, y = numbers(torch, 3, 4), numbers(torch, 4)
    return [
        differentiated(torch, torch.maximum, x, y),
        differentiated(torch, torch.fmin, x, y),
        differentiated(torch, lambda t: t.clamp(-0.5, 0.5), x),
        differentiated(torch, lambda t: t.clamp_min(0.1), x),
        differentiated(torch, lambda t: torch.nn.functional.relu(t), x),
    ]


# --- connectionist temporal classification


def spoken(torch, dtype=None):
    return numbers(torch, 8, 3, 5, scale=2.0).to(dtype or torch.float64).log_softmax(2)


@case(rtol=1e-5, atol=1e-6)
def ctc(torch):
    F, targets = torch.nn.functional, torch.tensor([[1, 2, 2, 4], [3, 3, 0, 0], [1, 0, 0, 0]])
    found = []
    for how in ("none", "mean", "sum"):
        for dtype in (torch.float32, torch.float64):
            x = numbers(torch, 8, 3, 5, scale=2.0).detach().to(dtype).requires_grad_()
            loss = F.ctc_loss(x.log_softmax(2), targets, (8, 7, 6), (4, 2, 1), reduction=how)
            loss.sum().backward()
            found += [loss, x.grad]
    flat = torch.tensor([1, 2, 2, 4, 3, 3, 1])
    found.append(F.ctc_loss(spoken(torch), flat, torch.tensor([8, 7, 6]), torch.tensor([4, 2, 1]), reduction="none"))
    found.append(F.ctc_loss(spoken(torch), targets, (8, 7, 6), (0, 2, 1), blank=4, reduction="none"))
    for zero in (False, True):
        x = numbers(torch, 8, 3, 5).detach().requires_grad_()
        loss = F.ctc_loss(x.log_softmax(2), targets, (3, 7, 0), (4, 2, 0), reduction="none", zero_infinity=zero)
        loss[1:].sum().backward()
        found += [loss, x.grad]
    found.append(F.ctc_loss(spoken(torch)[:, 0], flat[:3], (8,), (3,), reduction="none"))
    found.append(torch.ctc_loss(spoken(torch), targets, (8, 7, 6), (4, 2, 1), 0, 2))
    found.append(torch.nn.CTCLoss(zero_infinity=True)(spoken(torch), targets, (8, 7, 6), (4, 2, 1)))
    return found


@case()
def ctc_refusals(torch):
    F, x, targets = torch.nn.functional, spoken(torch, torch.float32), torch.tensor([[1, 2], [3, 3], [1, 2]])
    good = (8, 8, 8), (2, 2, 2)

    def message(*args, **kwargs):
        return raised(F.ctc_loss, *args, **kwargs).split("\n")[0]

    return [
        message(x, targets, (9, 8, 8), good[1]),
        message(x, targets, (8, -1, 8), good[1]),
        message(x, targets, good[0], (3, 2, 2)),
        message(x, targets, good[0], (2, 2, -2)),
        message(x, targets, (8,), good[1]),
        message(x, targets, good[0], (2,)),
        message(x, targets, *good, blank=5),
        message(x, targets, *good, blank=-1),
        message(x, targets[:2], *good),
        message(x, torch.tensor([1, 2, 3]), *good),
        message(x.half(), targets, *good),
        message(x[:0], targets, *good),
        message(x, targets, torch.tensor([8.0, 8.0, 8.0]), torch.tensor([2, 2, 2])),
        message(x, targets, *good, reduction="x"),
    ]


# --- pools at places that are drawn


@case(rtol=1e-6)
def fractional_pools(torch):
    F, nn = torch.nn.functional, torch.nn
    torch.manual_seed(3)
    x, y = torch.randn(2, 3, 8, 9), torch.randn(2, 2, 7, 6, 8)
    samples = torch.rand(2, 3, 2)
    found = [
        F.fractional_max_pool2d(x, 2, (3, 4)),
        *F.fractional_max_pool2d(x, (2, 3), output_ratio=(0.5, 0.4), return_indices=True),
        *F.fractional_max_pool2d(x, 3, 1, return_indices=True, _random_samples=samples),
        *F.fractional_max_pool2d_with_indices(x[0], 2, 3),
        *F.fractional_max_pool3d(y, (2, 1, 3), (3, 4, 2), return_indices=True),
        F.fractional_max_pool3d(y[0].double(), 2, 3),
        nn.FractionalMaxPool2d(2, output_ratio=0.5)(x),
        nn.FractionalMaxPool3d(2, output_size=(2, 3, 4))(y),
        repr(nn.FractionalMaxPool2d(3, output_size=2)),
    ]
    leaf = x.clone().requires_grad_()
    F.fractional_max_pool2d(leaf, 2, 4, _random_samples=samples).square().sum().backward()
    return [*found, leaf.grad]


@case()
def fractional_pool_refusals(torch):
    F, nn, x = torch.nn.functional, torch.nn, torch.ones(1, 2, 6, 6)
    return [
        raised(F.fractional_max_pool2d, x, 2),
        raised(F.fractional_max_pool2d, x, 2, 6),
        raised(F.fractional_max_pool2d, x, 7, 3),
        raised(F.fractional_max_pool2d, x, (2, 2, 2), 3),
        raised(F.fractional_max_pool2d, x, 2, (3, 3, 3)),
        raised(F.fractional_max_pool2d, x[:, :0], 2, 3),
        raised(F.fractional_max_pool2d, x, 2, 3, _random_samples=torch.rand(1, 2, 3)),
        raised(F.fractional_max_pool2d, x, 2, 3, _random_samples=torch.rand(1, 2, 2, dtype=torch.float64)),
        raised(F.fractional_max_pool3d, x, 2),
        raised(nn.FractionalMaxPool2d, 2),
        raised(nn.FractionalMaxPool2d, 2, 3, 0.5),
        raised(nn.FractionalMaxPool3d, 2, output_ratio=(0.5, 0.5, 1.5)),
    ]


# --- distances of pairs, a layer with its loss


@case(rtol=1e-9, atol=1e-12)
def pdist(torch):
    F, x = torch.nn.functional, numbers(torch, 5, 3)
    found = []
    for p in (0.5, 1.0, 1.5, 2.0, 3.0, float("inf")):
        leaf = x.detach().clone().requires_grad_()
        distances = F.pdist(leaf, p)
        distances.square().sum().backward()
        found += [distances, leaf.grad]
    return [*found, raised(F.pdist, x[0]), raised(F.pdist, x, -1.0), raised(F.pdist, torch.ones(3, 2).long())]


@case(rtol=1e-5, atol=1e-6)
def linear_cross_entropy(torch):
    F, nn = torch.nn.functional, torch.nn
    torch.manual_seed(0)
    x, weight, bias = torch.randn(6, 4), torch.randn(5, 4), torch.randn(5)
    target, parts = torch.tensor([0, 1, 4, -100, 2, 2]), torch.rand(6, 5)
    chunks = nn.LinearCrossEntropyOptions(batch_chunk_size=4)
    found = [
        F.linear_cross_entropy(x, weight, target, linear_bias=bias),
        F.linear_cross_entropy(x, weight, parts, label_smoothing=0.1),
        F.linear_cross_entropy(x[0], weight, target[0]),
        F.linear_cross_entropy(x[:3], weight.view(5, 1, 4), target[:3].unsqueeze(1)),
    ]
    for how in ("mean", "sum", "none"):
        leaf = x.clone().requires_grad_()
        loss = F.linear_cross_entropy(leaf, weight, target, reduction=how, options=chunks)
        loss.sum().backward()
        found += [loss, leaf.grad]
    layer = nn.LinearCrossEntropyLoss(4, 5, out_features=(2, 3), bias=True)
    found += [layer(x, torch.randint(0, 5, (6, 2, 3))), repr(layer), repr(nn.LinearCrossEntropyOptions())]
    found += [raised(F.linear_cross_entropy, x[:, :3], weight, target), raised(F.linear_cross_entropy, x, bias, target)]
    return [*found, raised(nn.LinearCrossEntropyOptions, batch_chunk_size=0)]


# --- functions under their names in the package itself


@case(rtol=1e-5, atol=1e-6)
def native_functions(torch):
    torch.manual_seed(1)
    x, w, b = torch.randn(2, 4, 6), torch.randn(3, 4, 2), torch.randn(3)
    cell = [torch.randn(12, 4), torch.randn(12, 3), torch.randn(12), torch.randn(12)]
    states = torch.randn(2, 3), torch.randn(2, 3)
    return [
        torch.conv1d(x, w, b),
        torch.conv_transpose1d(x, torch.randn(4, 3, 2), b),
        torch.conv_tbc(x, torch.randn(2, 6, 3), b, 1),
        torch.group_norm(x, 2, torch.ones(4), torch.zeros(4)),
        torch.rms_norm(x, (6,)),
        torch.batch_norm(x, None, None, None, None, True, 0.1, 1e-5, True),
        torch.instance_norm(x, None, None, None, None, True, 0.1, 1e-5, True),
        torch.max_pool1d(x, 2),
        torch.avg_pool1d(x, 2),
        *torch.adaptive_max_pool1d(x, 3),
        torch.kl_div(x, x.abs(), 2),
        torch.cosine_embedding_loss(x[0], x[1], torch.ones(4), 0.1, 1),
        torch.triplet_margin_loss(x[0], x[1], x[1] + 1, reduction=2),
        *torch.lstm_cell(x[:, :, 0], states, *cell),
        torch.gru_cell(x[:, :, 0], states[0], *[t[:9] for t in cell]),
        torch.feature_dropout(x, 0.5, True),
        torch.nn.grad.conv1d_input((2, 4, 6), w, torch.ones(2, 3, 5)),
        torch.nn.grad.conv1d_weight(x, (3, 4, 2), torch.ones(2, 3, 5)),
    ]


@case()
def integers(torch):
    F = torch.nn.functional
    x = torch.arange(32).reshape(1, 2, 4, 4) - 9
    return [
        F.avg_pool1d(x[0], 2),
        F.avg_pool2d(x, 3, 2, 1),
        F.avg_pool3d(x.reshape(1, 2, 2, 2, 4), 2),
        F.conv_transpose2d(x, torch.arange(24).reshape(2, 3, 2, 2), stride=2, output_padding=1),
        F.conv_transpose1d(x[0], torch.arange(24).reshape(4, 3, 2), groups=2, dilation=2),
        F.conv_transpose3d(x.reshape(1, 2, 2, 2, 4), torch.arange(24).reshape(2, 1, 2, 2, 3), stride=2, padding=1),
        raised(F.avg_pool2d, x.int(), 2).split("\n")[0],
    ]


@case()
def pool_refusals(torch):
    F, x, y = torch.nn.functional, torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 4, 4)
    return [
        raised(F.avg_pool1d, x[0, 0, 0], 2),
        raised(F.avg_pool1d, x[0], 2, 0),
        raised(F.avg_pool1d, x[0], (2, 2)),
        raised(F.avg_pool2d, x[0, 0], 2),
        raised(F.avg_pool2d, y, 2),
        raised(F.avg_pool2d, x[:, :0], 2),
        raised(F.avg_pool2d, x, 2, -1),
        raised(F.avg_pool2d, x, 2, 1, 2),
        raised(F.avg_pool2d, x, 2, 1, -1),
        raised(F.avg_pool2d, x, 2, (1, 1, 1)),
        raised(F.avg_pool2d, x, 2, divisor_override=0),
        raised(F.avg_pool3d, y, 5),
        raised(F.avg_pool3d, y, (2, 2)),
        raised(F.avg_pool3d, y, 2, 1, 2),
        raised(F.adaptive_avg_pool2d, x.long(), 2),
        raised(F.adaptive_max_pool3d, y.long(), 2),
        raised(F.adaptive_avg_pool2d, x, -1),
    ]


@case()
def volumes_without_elements(torch):
    F = torch.nn.functional
    x = torch.ones(0, 3, 5, 5, 5, requires_grad=True)
    y, places = F.max_pool3d(x, 2, return_indices=True)
    y.sum().backward()
    back = F.max_unpool3d(y.detach(), places, 2)
    found = [list(y.shape), list(places.shape), str(places.dtype), list(x.grad.shape), list(back.shape)]
    found.append(list(F.max_unpool1d(torch.ones(0, 5, 3), torch.ones(0, 5, 3).long(), 2).shape))
    found.append(raised(F.max_unpool2d, torch.ones(1, 0, 3, 3), torch.ones(1, 0, 3, 3).long(), 2))
    found.append(raised(F.max_pool3d, torch.ones(0, 16, 50, 32), 2))
    full = torch.ones(1, 1, 4, 4, 4)
    found += [raised(F.max_pool3d, full, 2, stride) for stride in (0, (1, 0, 1))]
    found += [raised(F.max_pool3d, full, 0, 1), raised(F.max_pool3d, full, 2, dilation=0)]
    return found


@case()
def pooling_keeps_channels_last(torch):
    F = torch.nn.functional
    x = torch.arange(96.0).reshape(2, 3, 4, 4).to(memory_format=torch.channels_last)
    y, places = F.max_pool2d(x, 2, return_indices=True)
    volume = torch.arange(384.0).reshape(2, 3, 4, 4, 4).to(memory_format=torch.channels_last_3d)
    z, where = F.max_pool3d(volume, 2, return_indices=True)
    results = (y, places, F.max_unpool2d(y, places, 2), z, where, F.max_unpool3d(z, where, 2), F.max_pool3d(volume, 2))
    return [[list(t.stride()), t.sum().item()] for t in results]


@case()
def what_has_its_channels_last_gives_such(torch):
    F, found = torch.nn.functional, []
    image = torch.ones(1, 2, 3, 4).to(memory_format=torch.channels_last)
    volume = torch.ones(1, 2, 3, 4, 5).to(memory_format=torch.channels_last_3d)
    for mode in ("constant", "reflect", "replicate"):
        found += [list(F.pad(image, (1, 1, 1, 1), mode).stride()), list(F.pad(volume, (1,) * 6, mode).stride())]
    for mode in ("nearest", "nearest-exact", "trilinear"):
        found.append(list(F.interpolate(volume, scale_factor=2, mode=mode).stride()))
    part = torch.ones(2, 4, 4, 6).permute(0, 3, 1, 2)[:, :3]
    for x in (image, part, torch.ones(2, 3, 4, 4)):
        found += [list(F.adaptive_avg_pool2d(x, size).stride()) for size in (1, (1, 2), (None, 1))]
    found.append(list(F.adaptive_avg_pool3d(volume, 1).stride()))
    return found


@case(rtol=1e-6, atol=1e-9)
def batches_of_nothing_and_no_eps(torch):
    nn, found = torch.nn, []
    for shape in ((0, 5, 8), (5, 0, 8)):
        x = torch.ones(shape)
        attention, layer = nn.MultiheadAttention(8, 2), nn.TransformerEncoderLayer(8, 2, batch_first=True)
        found += [list(y.shape) for y in (*attention(x, x, x), attention(x, x, x, need_weights=False)[0], layer(x))]
    x = numbers(torch, 2, 3, 4)
    found += [nn.functional.instance_norm(x, eps=0), nn.InstanceNorm1d(3, eps=0, affine=True)(x.detach().float())]
    for pad, shape in (
        ("ReflectionPad1d", (3, 0, 4)),
        ("ReplicationPad2d", (0, 4, 4)),
        ("ReplicationPad3d", (2, 3, 4, 4, 0)),
    ):
        found.append(raised(getattr(nn, pad)(1), torch.ones(shape)))
    return [*found, list(nn.ReflectionPad1d(1)(torch.ones(0, 3, 4)).shape)]


@case()
def modules_of_complex_numbers(torch):
    layer = torch.nn.Linear(1, 1)
    caught, layer = warned(layer.to, torch.complex64)
    found = [[w[1].partition(".")[0] if isinstance(w, (list, tuple)) else str(w).partition(".")[0] for w in caught]]
    layer = warned(layer.to, torch.complex128)[1]
    return [*found, str(layer.weight.dtype).rpartition(".")[2], str(layer.double().weight.dtype).rpartition(".")[2]]
