"""Operations counted by module and by op are PyTorch's: literal values are its."""

import pytest

import rustgrad as torch
from rustgrad import nn
from rustgrad.nn import functional as F
from rustgrad.utils import flop_counter
from rustgrad.utils.flop_counter import FlopCounterMode, register_flop_formula
from rustgrad.utils.module_tracker import ModuleTracker


class MLP(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.a = nn.Linear(10, width)
        self.b = nn.Sequential(nn.ReLU(), nn.Linear(width, 5, bias=False))

    def forward(self, x):
        return self.b(self.a(x))


class Block(nn.Module):
    def __init__(self, c, groups):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(c, c, 3, padding=1, bias=False, groups=groups), nn.BatchNorm2d(c)
        self.c2, self.b2 = nn.Conv2d(c, c, 3, 1, 1, groups=groups), nn.BatchNorm2d(c)
        self.d = nn.Conv2d(c, c, 1)

    def forward(self, x):
        return F.relu(self.b2(self.c2(F.relu(self.b1(self.c1(x))))) + self.d(x))


def counted(f, **options):
    with FlopCounterMode(display=False, **options) as counter:
        f()
    return {name: {str(op): n for op, n in ops.items()} for name, ops in counter.get_flop_counts().items()}


def q(*shape):
    return torch.randn(*shape, requires_grad=True)


def test_mlp_forward_and_backward_by_module():
    assert counted(lambda: MLP()(q(4, 10)).sum().backward()) == {
        "MLP": {"aten.addmm": 1600, "aten.mm": 5600},
        "MLP.a": {"aten.addmm": 1600, "aten.mm": 3200},
        "MLP.b": {"aten.mm": 2400},
        "MLP.b.1": {"aten.mm": 2400},
        "Global": {"aten.addmm": 1600, "aten.mm": 5600},
    }
    # A module whose input needs no gradient stays open until backward ends.
    assert counted(lambda: MLP()(torch.randn(4, 3, 10)).sum().backward())["MLP.a"] == {
        "aten.addmm": 4800,
        "aten.mm": 4800,
    }


@pytest.mark.parametrize(
    "groups, expected",
    [
        (1, {"Block.c1": [186624, 186624], "Block.c2": [186624, 373248], "Block.d": [20736, 580608]}),
        (4, {"Block.c1": [46656, 233280], "Block.c2": [46656, 233280], "Block.d": [20736, 508032]}),
    ],
)
def test_residual_block(groups, expected):
    found = counted(lambda: Block(8, groups)(torch.randn(2, 8, 9, 9).requires_grad_(groups > 1)).sum().backward())
    assert {name: [found[name]["aten.convolution"], found[name]["aten.convolution_backward"]] for name in expected} == (
        expected
    )
    assert found["Block"] == found["Global"]


@pytest.mark.parametrize(
    "layer, shape, forward, backward",
    [
        (lambda: nn.ConvTranspose2d(8, 4, 3, 2), (2, 8, 9, 9), 93312, 186624),
        (lambda: nn.ConvTranspose2d(8, 4, 3, 2, groups=2), (2, 8, 9, 9), 46656, 139968),
        (lambda: nn.Conv1d(8, 4, 3, 2), (2, 8, 9), 1536, 3072),
        (lambda: nn.ConvTranspose1d(8, 4, 3, 2), (2, 8, 9), 3456, 6912),
        (lambda: nn.Conv3d(8, 4, 3, 2, groups=2), (2, 8, 9, 9, 9), 110592, 331776),
        (lambda: nn.Conv2d(8, 4, 3, 2), (8, 9, 9), 9216, 18432),
    ],
)
def test_convolutions(layer, shape, forward, backward):
    found = counted(lambda: layer()(q(*shape)).sum().backward())
    assert found["Global"] == {"aten.convolution": forward, "aten.convolution_backward": backward}


@pytest.mark.parametrize(
    "f, expected",
    [
        (lambda: F.linear(q(4, 3), q(2, 3), q(2)), {"aten.addmm": 48, "aten.mm": 96}),
        (lambda: nn.Linear(1, 1)(q(7, 1)), {"aten.addmm": 14, "aten.mm": 28}),
        (lambda: q(2, 3, 4) @ q(2, 4, 5), {"aten.bmm": 720}),
        (lambda: q(7, 1, 3, 4) @ q(2, 4, 5), {"aten.bmm": 5040}),
        (lambda: q(2, 3, 4) @ q(4, 5), {"aten.mm": 720}),
        (lambda: torch.einsum("bij,bjk->bik", q(2, 3, 4), q(2, 4, 5)), {"aten.bmm": 720}),
        (lambda: torch.addmm(q(3, 5), q(3, 4), q(4, 5), beta=0.5, alpha=2), {"aten.addmm": 120, "aten.mm": 240}),
        (
            lambda: torch.baddbmm(q(2, 3, 5), q(2, 3, 4), q(2, 4, 5), beta=0.5),
            {"aten.baddbmm": 240, "aten.bmm": 480},
        ),
        (lambda: torch.inner(q(3, 4), q(2, 4)), {"aten.mm": 144}),
        (lambda: q(4) @ q(4), {}),
        (lambda: q(3, 4) @ q(4), {}),
        (lambda: torch.outer(q(3), q(5)), {}),
        (lambda: nn.GRU(4, 6)(q(5, 3, 4))[0], {"aten.addmm": 5400, "aten.mm": 10152}),
        # As where PyTorch runs its LSTM step by step.
        (lambda: nn.LSTM(4, 6)(q(5, 3, 4))[0], {"aten.addmm": 7200, "aten.mm": 13536}),
        (lambda: nn.MultiheadAttention(8, 2)(*[q(5, 2, 8)] * 3)[0], None),
    ],
)
def test_products(f, expected):
    found = counted(lambda: f().sum().backward()).get("Global", {})
    assert found == (expected if expected is not None else {"aten.addmm": 5120, "aten.bmm": 4800, "aten.mm": 10240})


def test_attention_counts_as_on_other_devices():
    name = "aten._scaled_dot_product_flash_attention_for_cpu"
    for mask in (None, torch.zeros(7, 5)):
        found = counted(
            lambda mask=mask: (
                F.scaled_dot_product_attention(q(2, 3, 7, 8), q(2, 3, 5, 8), q(2, 3, 5, 8), mask).sum().backward()
            )
        )
        assert found["Global"] == {name: 6720, name + "_backward": 16800}
    assert flop_counter.sdpa_flop_count((2, 3, 7, 8), (2, 3, 5, 8), (2, 3, 5, 8)) == 6720
    assert flop_counter.sdpa_backward_flop_count((2, 3, 7, 8), (2, 3, 7, 8), (2, 3, 5, 8), (2, 3, 5, 8)) == 16800
    with pytest.raises(AssertionError, match="must be a multiple"):
        flop_counter.sdpa_flop_count((2, 3, 7, 8), (2, 2, 5, 8), (2, 2, 5, 8))


def test_checkpoint_counts_what_is_computed_again():
    from rustgrad.utils.checkpoint import checkpoint

    found = counted(lambda: checkpoint(MLP(), q(4, 10), use_reentrant=False).sum().backward())
    assert found["Global"] == {"aten.addmm": 3200, "aten.mm": 5600}


def test_meta_tensors_count():
    with torch.device("meta"):
        found = counted(lambda: MLP()(torch.empty(4, 10)))
    assert found["Global"] == {"aten.addmm": 1600, "aten.mm": 800}


def test_table(capsys):
    with FlopCounterMode(depth=None) as counter:
        MLP(200)(torch.randn(400, 10)).sum().backward()
    assert capsys.readouterr().out == counter.get_table() + "\n"
    assert counter.get_table(1) == (
        "Module              FLOP    % Total\n"
        "-------------  ---------  ---------\n"
        "MLP            5600.000K    100.00%\n"
        " - aten.addmm  1600.000K     28.57%\n"
        " - aten.mm     4000.000K     71.43%"
    )
    with FlopCounterMode(display=False) as counter:
        MLP()(torch.randn(4, 10))
        torch.ones(2, 2) @ torch.ones(2, 2)
    assert counter.get_table(1).split("\n")[2:] == [
        "Global            2416    100.00%",
        " - aten.addmm     1600     66.23%",
        " - aten.mm         816     33.77%",
        " MLP              2400     99.34%",
        "  - aten.addmm    1600     66.23%",
        "  - aten.mm        800     33.11%",
    ]
    with FlopCounterMode(display=False) as counter:
        pass
    assert counter.get_table().split("\n")[2] == "Global         0         0%"


def test_counters_in_counters():
    with FlopCounterMode(display=False) as outer:
        torch.ones(2, 2) @ torch.ones(2, 2)
        with FlopCounterMode(display=False) as inner:
            torch.ones(3, 3) @ torch.ones(3, 3)
        assert (inner.get_total_flops(), outer.get_total_flops()) == (54, 70)
        torch.ones(2, 2) @ torch.ones(2, 2)
    torch.ones(2, 2) @ torch.ones(2, 2)
    assert (inner.get_total_flops(), outer.get_total_flops()) == (54, 86)


def test_formulas_of_programs():
    aten = torch.ops.aten
    mine = {aten.mm: lambda a, b, out_shape=None: a[0] * 100 + out_shape[1]}
    assert counted(lambda: torch.ones(2, 3) @ torch.ones(3, 4), custom_mapping=mine)["Global"] == {"aten.mm": 204}
    mine = {aten.add: lambda x, y, out_shape: 5, aten.relu: lambda x, out_shape: x.numel()}

    def f():
        x = torch.ones(3) + torch.ones(3)
        torch.add(x.relu(), x)

    assert counted(f, custom_mapping=mine)["Global"] == {"aten.add": 10, "aten.relu": 3}

    @torch.library.custom_op("flops::product", mutates_args=())
    def product(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x @ y

    assert counted(lambda: product(torch.ones(3, 3), torch.ones(3, 3))) == {}
    op = torch.ops.flops.product
    try:
        register_flop_formula(op, get_raw=True)(lambda x, y, out_val: x.shape[0] + out_val.shape[1])
        assert counted(lambda: product(torch.ones(2, 3), torch.ones(3, 4)))["Global"] == {"flops.product": 6}
        with pytest.raises(RuntimeError, match="duplicate registrations"):
            register_flop_formula(op)(lambda: 1)
    finally:
        flop_counter.flop_registry.pop(op, None)
    with pytest.raises(ValueError, match="expected each target to be OpOverloadPacket"):
        register_flop_formula(torch.add)(lambda: 1)


def test_module_tracker():
    seen = []
    with ModuleTracker() as tracker:
        assert tracker.parents == {"Global"} and not tracker.is_bw
        model = MLP()
        model.a.register_forward_hook(lambda *_: seen.append(set(tracker.parents)))
        out = model(torch.ones(1, 10))
        out.register_hook(lambda g: seen.append((set(tracker.parents), tracker.is_bw)))
        out.sum().backward()
        assert tracker.parents == {"Global"}
    assert seen == [{"Global", "MLP"}, ({"Global", "MLP", "MLP.b", "MLP.b.1"}, True)]


def test_callbacks_at_the_end_of_backward():
    engine = torch.autograd.Variable._execution_engine
    with pytest.raises(RuntimeError, match="Final callbacks can only be installed during backward pass"):
        engine.queue_callback(lambda: None)
    x, seen = torch.ones(2, requires_grad=True), []
    x.register_hook(lambda g: engine.queue_callback(lambda: seen.append(x.grad.tolist())))
    (x * 2).sum().backward()
    assert seen == [[2.0, 2.0]]

    def fail():
        raise KeyError("from a callback")

    y = (x * 2).sum()
    y.register_hook(lambda g: engine.queue_callback(fail))
    with pytest.raises(KeyError, match="from a callback"):
        y.backward()


def test_backward_ops_of_aten():
    aten = torch.ops.aten
    x, w = q(2, 3, 5, 5), q(4, 3, 3, 3)
    options = [1, 1], [0, 0], [1, 1], False, [0, 0], 1
    y = aten.convolution(x, w, None, *options)
    g = torch.randn(y.shape)
    dx, dw, db = aten.convolution_backward(g, x, w, [4], *options, [True, True, True])
    y.backward(g)
    assert torch.equal(dx, x.grad) and torch.equal(dw, w.grad) and torch.equal(db, g.sum((0, 2, 3)))
    assert aten.convolution_backward(g, x, w, None, *options, [False, False, False]) == (None, None, None)
