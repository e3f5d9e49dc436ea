"""Quantized tensors and models: what PyTorch's x86 engine gives."""

import io
import re
import warnings

import support
from support import Cases

CASES = Cases()
case = CASES.case


def shown(torch, r):
    if isinstance(r, (tuple, list)):
        return [shown(torch, x) for x in r]
    if isinstance(r, torch.Tensor) and r.is_quantized:
        # Lines break elsewhere behind a library's longer name.
        return ["quantized", str(r.dtype), [*r.shape], r.int_repr().tolist(), " ".join(repr(r).split())]
    if isinstance(r, torch.Tensor):
        return [str(r.dtype), [*r.shape], r.requires_grad, r.tolist()]
    # PyTorch defines classes in files that this package does not have.
    return re.sub(r"<class 'torch\.ao\.quantization\.\w+\.|<class 'rustgrad\.ao\.quantization\.\w+\.", "<", repr(r))


def evaluated(torch, expressions):
    def straight(f, x):
        x = x.clone().requires_grad_()
        y = f(x)
        (y * torch.arange(1.0, y.numel() + 1).view(y.shape)).sum().backward()
        return [y, x.grad, y.grad_fn.name()]

    def saved(x):
        file = io.BytesIO()
        torch.save(x, file)
        file.seek(0)
        return torch.load(file, weights_only=False)

    x = torch.tensor([-1.0, 0.0, 0.55, 2.0])
    two = torch.tensor([[-1.0, 0.3], [1.0, 2.0]])
    scales, zeros = torch.tensor([0.1, 0.01]), torch.tensor([10, 0])
    names = {
        "torch": torch,
        "x": x,
        "two": two,
        "scales": scales,
        "zeros": zeros,
        "q": torch.quantize_per_tensor(x, 0.1, 10, torch.quint8),
        "c": torch.quantize_per_channel(two, scales, zeros, 0, torch.quint8),
        "straight": straight,
        "saved": saved,
        "tq": torch.ao.quantization,
    }

    def said(text):
        words = text.split("\n")[0]
        return "no such function" if "Could not run" in words else words

    return support.evaluated(expressions, names, lambda r: shown(torch, r), said)


def quiet(f):
    """PyTorch warns that its quantization moves to another package."""

    def run(torch):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return f(torch)

    run.__name__ = f.__name__
    return run


@case(1e-6)
@quiet
def tensors(torch):
    return evaluated(
        torch,
        """
q
c
q.int_repr(), q.q_scale(), q.q_zero_point(), q.dequantize(), q.dtype, q.qscheme(), q.is_quantized, q.shape
c.int_repr(), c.q_per_channel_scales(), c.q_per_channel_zero_points(), c.q_per_channel_axis(), c.qscheme()
c.dequantize()
torch.quantize_per_tensor(torch.tensor([0.05, 0.15, -0.25, 100.0, -100.0]), 0.1, 0, torch.qint8)
torch.quantize_per_tensor(torch.tensor([0.05, 0.15, -2.5e6]), 0.001, 0, torch.qint32)
torch.quantize_per_tensor(x, 0.1, 300, torch.quint8)
torch.quantize_per_tensor(x.double(), 0.1, 3, torch.quint8)
torch.quantize_per_tensor(x, 0.1, 0, torch.int8)
torch.quantize_per_tensor_dynamic(x, torch.quint8, False), torch.quantize_per_tensor_dynamic(x, torch.qint8, True)
torch.quantize_per_tensor_dynamic(x * 1e-7, torch.quint8, False)
torch.quantize_per_tensor_dynamic(x * 0, torch.quint8, False)
torch.dequantize(q), x.dequantize()
q[0], q.view(2, 2), q.clone(), q.reshape(2, 2).t(), q.flatten(), q[1:3], q.unsqueeze(0)
torch.relu(q), torch.cat([q, q]), q.max(), q == q, q.element_size(), q.type(), q.is_floating_point()
torch.nn.functional.max_pool2d(q.view(1, 1, 2, 2), 2), torch.nn.functional.relu(q)
q.float()
q.numpy()
q.tolist()
q.item()
q @ q
x.q_scale()
saved(q), saved(c), saved({"d": torch.qint8})["d"]
torch.qint8, torch.quint8, torch.qint32, torch.per_tensor_affine, torch.per_channel_symmetric
""",
    )


@case(1e-6)
@quiet
def fake(torch):
    return evaluated(
        torch,
        """
straight(lambda t: torch.fake_quantize_per_tensor_affine(t, 0.1, 3, 0, 15), x)
straight(lambda t: torch.fake_quantize_per_tensor_affine(t, torch.tensor([0.1]), torch.tensor([3]), 0, 255), x)
straight(lambda t: torch.fake_quantize_per_channel_affine(t, scales, zeros, 0, 0, 255), two)
straight(lambda t: torch.fake_quantize_per_channel_affine(t, scales, zeros.int(), 1, -128, 127), two)
straight(tq.FakeQuantize(), x), straight(tq.default_weight_fake_quant(), x)
straight(tq.FusedMovingAvgObsFakeQuantize(), x), straight(tq.get_default_qat_qconfig('x86').weight(), two)
tq.FakeQuantize()
tq.get_default_qat_qconfig('x86').activation()
tq.get_default_qat_qconfig('fbgemm')
tq.get_default_qconfig('fbgemm'), tq.get_default_qconfig(), tq.get_default_qconfig('qnnpack')
tq.default_qconfig, tq.default_dynamic_qconfig, tq.default_qat_qconfig, tq.default_fake_quant
tq.get_default_qconfig('gpu')
tq.QConfig(activation=tq.MinMaxObserver(), weight=tq.MinMaxObserver)
""",
    )


@case(1e-5)
@quiet
def observers(torch):
    tq = torch.ao.quantization
    torch.manual_seed(4)
    data = [torch.randn(6, 5), torch.randn(6, 5) * 3 - 1, torch.rand(6, 5) * 9]
    kinds = [
        tq.MinMaxObserver,
        tq.MinMaxObserver.with_args(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric),
        tq.MinMaxObserver.with_args(qscheme=torch.per_tensor_symmetric),
        tq.MinMaxObserver.with_args(quant_min=0, quant_max=15),
        tq.MovingAverageMinMaxObserver,
        tq.MovingAverageMinMaxObserver.with_args(averaging_constant=0.3, reduce_range=True),
        tq.PerChannelMinMaxObserver,
        tq.PerChannelMinMaxObserver.with_args(ch_axis=1, dtype=torch.qint8, qscheme=torch.per_channel_symmetric),
        tq.MovingAveragePerChannelMinMaxObserver,
        tq.HistogramObserver,
        tq.HistogramObserver.with_args(bins=128, reduce_range=True),
        tq.HistogramObserver.with_args(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric),
    ]
    found = []
    for kind in kinds:
        observer = kind()
        empty = observer.calculate_qparams()
        for x in data:
            assert observer(x) is x
        scale, zero = observer.calculate_qparams()
        found.append([str(empty), scale.tolist(), zero.tolist(), str(zero.dtype), list(observer.state_dict())])
    return found


@case(1e-5)
@quiet
def dynamic(torch):
    nn, tq = torch.nn, torch.ao.quantization
    torch.manual_seed(0)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(5, 6, 2, bidirectional=True, batch_first=True)
            self.fc = nn.Linear(12, 4)

        def forward(self, x):
            return self.fc(self.lstm(x)[0])

    model, x = Model(), torch.randn(3, 4, 5)
    small = tq.quantize_dynamic(model, {nn.Linear, nn.LSTM}, dtype=torch.qint8)
    y = small(x)
    file = io.BytesIO()
    torch.save(small.state_dict(), file)
    file.seek(0)
    other = tq.quantize_dynamic(Model())
    other.load_state_dict(torch.load(file, weights_only=False))
    gru = torch.quantization.quantize_dynamic(nn.Sequential(nn.GRU(5, 6)), {nn.GRU})
    plain = tq.quantize_dynamic(nn.Sequential(nn.Linear(64, 33), nn.ReLU(), nn.Linear(33, 2, bias=False)))
    named = tq.quantize_dynamic(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3)), {"0"})
    half = tq.quantize_dynamic(nn.Sequential(nn.Linear(4, 3)), {nn.Linear}, dtype=torch.float16)
    return [
        [repr(m) for m in (small, gru, plain, named, half, small.fc)],
        [y.tolist(), y.requires_grad, bool((other(x) == y).all())],
        [h.tolist() for h in small.lstm(x)[1]],
        gru(torch.rand(2, 3, 5))[0].tolist(),
        plain(torch.randn(5, 64)).tolist(),
        half(torch.randn(2, 4)).tolist(),
        [small.fc.weight().int_repr().tolist(), small.fc.weight().q_scale(), small.fc.bias().tolist()],
        list(small.state_dict()),
        {k: [*v.shape] for k, v in small.lstm.get_weight().items()},
    ]


def _model(torch):
    nn, tq = torch.nn, torch.ao.quantization
    return nn.Sequential(
        tq.QuantStub(),
        nn.Conv2d(1, 3, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 6, 2, groups=3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 4),
        nn.ReLU(),
        nn.Linear(4, 2),
        tq.DeQuantStub(),
    )


FUSED = [["1", "2", "3"], ["5", "6"], ["9", "10"]]


@case(1e-4, 0.02)
@quiet
def static(torch):
    tq = torch.ao.quantization
    found = []
    for qconfig in (tq.get_default_qconfig("fbgemm"), tq.default_qconfig):
        torch.manual_seed(1)
        model = _model(torch)
        images = torch.randn(16, 1, 12, 12)
        model(images)
        model.eval()
        model.qconfig = qconfig
        fused = tq.fuse_modules(model, FUSED)
        prepared = tq.prepare(fused)
        prepared(images)
        converted = tq.convert(prepared)
        found += [repr(fused), converted(images).tolist(), list(converted.state_dict())]
        found += [[type(m).__name__ for m in converted], (converted(images) - fused(images)).abs().max().item() < 0.1]
        found += [converted[1].weight().int_repr().tolist(), float(converted[0].scale), converted[9].zero_point]
    return found


@case(1e-4, 0.03)
@quiet
def layers(torch):
    """Layers that are rounded to a scale of their own, and functions of quantized tensors."""
    nn, tq = torch.nn, torch.ao.quantization
    torch.manual_seed(0)
    found = []
    kinds = [nn.Dropout(0.2), nn.BatchNorm2d(3), nn.ReLU6(), nn.Hardswish(), nn.LeakyReLU(0.1), nn.ELU(), nn.Sigmoid()]
    for layer in [*kinds, nn.LayerNorm(4), nn.ReLU(), nn.GELU(), nn.Tanh()]:
        model = nn.Sequential(tq.QuantStub(), layer, tq.DeQuantStub()).eval()
        model.qconfig = tq.default_qconfig
        prepared = tq.prepare(model)
        x = torch.randn(2, 3, 4, 4)
        prepared(x)
        converted = tq.convert(prepared)
        y = converted(x)
        found.append([repr(converted[1]), type(converted[1]).__name__, y.flatten()[:8].tolist()])
    return found


@case(1e-4)
@quiet
def packed_sequences(torch):
    nn, found = torch.nn, []
    torch.manual_seed(0)
    for more in ({}, {"bidirectional": True, "num_layers": 2}):
        for kind in (nn.LSTM, nn.GRU):
            layer = torch.ao.quantization.quantize_dynamic(nn.Sequential(kind(4, 5, **more)), {kind})[0]
            lengths = torch.tensor([3, 5, 2])
            packed = nn.utils.rnn.pack_padded_sequence(torch.randn(5, 3, 4), lengths, enforce_sorted=False)
            y, states = layer(packed)
            states = states if isinstance(states, tuple) else (states,)
            found.append([y.data.tolist(), y.batch_sizes.tolist(), [s.tolist() for s in states]])
    return found


@case(1e-4)
@quiet
def functional(torch):
    """A residual addition by FloatFunctional."""
    nn, tq = torch.nn, torch.ao.quantization
    torch.manual_seed(1)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.conv, self.dequant = tq.QuantStub(), nn.Conv2d(2, 2, 1), tq.DeQuantStub()
            self.add = torch.ao.nn.quantized.FloatFunctional()

        def forward(self, x):
            x = self.quant(x)
            return self.dequant(self.add.add_relu(self.conv(x), x))

    block = Block().eval()
    block.qconfig = tq.default_qconfig
    prepared = tq.prepare(block)
    x = torch.randn(2, 2, 3, 3)
    prepared(x)
    converted = tq.convert(prepared)
    wrapped = tq.QuantWrapper(nn.Linear(2, 2))
    return [
        [type(m).__name__ for m in prepared.modules()],
        repr(converted),
        converted(x).tolist(),
        repr(wrapped),
        torch.rand(1).tolist(),
    ]


@case(1e-3, 1e-3)
@quiet
def trained(torch):
    """Training with rounded weights, then conversion."""
    tq = torch.ao.quantization
    torch.manual_seed(2)
    model = _model(torch).train()
    model.qconfig = tq.get_default_qat_qconfig("x86")
    fused = tq.fuse_modules_qat(model, FUSED)
    prepared = tq.prepare_qat(fused)
    images, wanted = torch.randn(32, 1, 12, 12), torch.randn(32, 2)
    optimizer = torch.optim.SGD(prepared.parameters(), 0.05)
    losses = []
    for _ in range(6):
        loss = ((prepared(images) - wanted) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    prepared.apply(tq.disable_observer)
    prepared.apply(torch.ao.nn.intrinsic.qat.freeze_bn_stats)
    before = prepared[1].bn.running_mean.tolist()
    prepared.train()(images * 2)
    assert prepared[1].bn.running_mean.tolist() == before
    converted = tq.convert(prepared.eval())
    kinds = [type(m).__name__ for m in converted]
    return [[type(m).__name__ for m in prepared], losses, kinds, list(prepared.state_dict())[:12]]


@case()
@quiet
def refused(torch):
    nn, tq = torch.nn, torch.ao.quantization
    found = []
    for f in (
        lambda: tq.fuse_modules(nn.Sequential(nn.Conv2d(1, 1, 1), nn.Sigmoid()).eval(), ["0", "1"]),
        lambda: tq.prepare_qat(nn.Sequential(nn.Linear(1, 1)).eval()),
    ):
        try:
            f()
            found.append("no error")
        except Exception as error:
            found.append(type(error).__name__)
    return found
