"""The table of a model's layers."""

import pytest

import rustgrad as torch

nn = torch.nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2))
        self.fc = nn.Linear(8 * 13 * 13, 10)
        self.unused = nn.Linear(2, 2)
        self.blocks = nn.ModuleList([nn.Linear(10, 10), nn.Sequential(nn.Dropout())])
        self.again = nn.Sequential(self.fc)
        self.scale = nn.Parameter(torch.ones(3))
        self.fc.weight.requires_grad = False

    def forward(self, x, times=1):
        x = self.fc(self.conv(x).flatten(1))
        for _ in range(times):
            x = self.blocks[1](self.blocks[0](x))
        return x, {"again": x}


def test_the_table():
    assert str(torch.summary(Net(), (2, 1, 28, 28), times=2)).splitlines() == [
        "===========================================================",
        "Layer                  Output shape                  Params",
        "===========================================================",
        "Net                    ([2, 10], {again: [2, 10]})        3",
        "├─ conv: Sequential    [2, 8, 13, 13]                    --",
        "│  ├─ 0: Conv2d        [2, 8, 26, 26]                    80",
        "│  ├─ 1: ReLU          [2, 8, 26, 26]                    --",
        "│  └─ 2: MaxPool2d     [2, 8, 13, 13]                    --",
        "├─ fc: Linear          [2, 10]                       13,530",
        "├─ unused: Linear      --                                 6",
        "├─ blocks: ModuleList  --                                --",
        "│  ├─ 0: Linear        [2, 10] x2                       110",
        "│  └─ 1: Sequential    [2, 10] x2                        --",
        "│     └─ 0: Dropout    [2, 10] x2                        --",
        "└─ again: Sequential   --                                --",
        "   └─ 0: Linear        [2, 10]                      (again)",
        "===========================================================",
        "Total params: 13,729",
        "Trainable params: 209",
        "Non-trainable params: 13,520",
        "Params size (MB): 0.05",
        "Input size (MB): 0.01",
        "===========================================================",
    ]


def test_without_input_and_to_a_depth():
    table = torch.summary(Net(), depth=1)
    assert (table.total_params, table.trainable_params, table.param_bytes) == (13729, 209, 4 * 13729)
    lines = repr(table).splitlines()
    assert lines[4] == "├─ conv: Sequential    --                --"
    assert lines[8] == "└─ again: Sequential   --                --"
    assert "Input size" not in repr(table)


def test_the_model_stays_as_it_was():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))

        def forward(self, x):
            torch.rand(1)
            assert not torch.is_grad_enabled()
            if self.training:
                self.calls += 1
            return x

    net = nn.Sequential(Counts(), nn.Dropout(), nn.Linear(3, 2))
    net[1].eval()
    state = torch.get_rng_state().tolist()
    before = {name: value.tolist() for name, value in net.state_dict().items()}
    torch.summary(net, torch.ones(4, 3))
    assert [module.training for module in net.modules()] == [True, True, False, True]
    assert {name: value.tolist() for name, value in net.state_dict().items()} == before
    assert torch.get_rng_state().tolist() == state
    with pytest.raises(RuntimeError):
        torch.summary(net, torch.ones(4, 5))
    assert net.training
    assert not net._forward_hooks
    assert not net[0]._forward_hooks


def test_inputs():
    class Pair(nn.Module):
        def forward(self, a, b, scale=None):
            return a + b if scale is None else (a + b) * scale

    assert torch.summary(Pair(), [(2, 3), (3,)]).rows[0].output == "[2, 3]"
    table = torch.summary(Pair(), torch.ones(2, 3), (3,), scale=torch.ones(1, dtype=torch.float64))
    assert (table.rows[0].output, table.input_bytes) == ("[2, 3]", 4 * 9 + 8)
    assert torch.summary(nn.Linear(2, 1).double(), (1, 2)).input_bytes == 16
    assert torch.summary(nn.Embedding(5, 2), (1, 2), dtype=torch.int64).rows[0].output == "[1, 2, 2]"
    with pytest.raises(TypeError, match="summary expects a Module, but got int"):
        torch.summary(3)
