"""The first programs that a course on automatic differentiation shows: what they print must come out digit for digit.

The numbers are PyTorch's, from the same seeds.
"""

import numpy as np

import rustgrad as torch
import rustgrad.nn as nn


def test_tensors_from_lists_and_arrays():
    t = torch.tensor([1.0, 2.0, 3.0])
    assert f"{t}, {t.dtype}, {t.shape}" == "tensor([1., 2., 3.]), rustgrad.float32, rustgrad.Size([3])"
    array = np.array([[1, 2], [3, 4]], dtype=np.float32)
    shared = torch.from_numpy(array)
    assert np.shares_memory(array, shared.numpy())
    array[0, 0] = 9
    assert shared[0, 0].item() == 9
    assert str(torch.zeros(2, 3)) == "tensor([[0., 0., 0.],\n        [0., 0., 0.]])"
    assert str(torch.eye(3)) == "tensor([[1., 0., 0.],\n        [0., 1., 0.],\n        [0., 0., 1.]])"
    assert torch.randn(2, 3).shape == (2, 3)


def test_dtypes_and_devices():
    whole = torch.tensor([1, 2, 3])
    assert str(whole.dtype) == "rustgrad.int64"
    assert str(torch.tensor([1.0, 2.0], dtype=torch.float64).dtype) == "rustgrad.float64"
    assert str(whole.float().dtype) == "rustgrad.float32"
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    assert f"{device} {whole.to(device).device}" == "cpu cpu"


def test_operations():
    a = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    b = torch.tensor([[5.0, 6.0], [7.0, 8.0]])
    assert str(a + b) == "tensor([[ 6.,  8.],\n        [10., 12.]])"
    assert str(a @ b) == "tensor([[19., 22.],\n        [43., 50.]])"
    assert str(a + 10) == "tensor([[11., 12.],\n        [13., 14.]])"
    assert str(a.sum(dim=1)) == "tensor([3., 7.])"
    assert str(a.view(4)) == "tensor([1., 2., 3., 4.])"
    assert str(a.view(1, 4)) == "tensor([[1., 2., 3., 4.]])"


def test_gradients_of_a_scalar_function():
    x = torch.tensor(2.0, requires_grad=True)
    y = torch.tensor(3.0, requires_grad=True)
    f = (x + y) * y
    f.backward()
    assert (f.item(), x.grad.item(), y.grad.item()) == (15.0, 3.0, 8.0)
    assert str(f.grad_fn).startswith("<MulBackward0 object at 0x")


def test_gradients_of_linear_regression():
    torch.manual_seed(42)
    weight = torch.randn(3, 2, requires_grad=True)
    bias = torch.randn(2, requires_grad=True)
    inputs = torch.randn(4, 3)
    targets = torch.randn(4, 2)
    loss = ((inputs @ weight + bias - targets) ** 2).mean()
    assert f"{loss.item():.4f}" == "4.3729"
    assert weight.grad is None
    loss.backward()
    assert str(weight.grad) == "tensor([[ 1.5130, -0.1619],\n        [ 0.9877, -0.4371],\n        [-2.4168, -0.0719]])"
    assert str(bias.grad) == "tensor([ 2.0992, -0.8098])"


def test_gradients_add_up_until_dropped():
    p = torch.tensor(2.0, requires_grad=True)
    seen = []
    for _ in range(2):
        (p**2).backward()
        seen.append(p.grad.item())
    p.grad = None
    (p**2).backward()
    assert [*seen, p.grad.item()] == [4.0, 8.0, 4.0]


class XorNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(2, 2)
        self.output = nn.Linear(2, 1)

    def forward(self, x):
        return torch.tanh(self.output(torch.tanh(self.hidden(x))))


XOR = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]


def test_a_module_and_its_parameters():
    model = XorNet()
    assert repr(model) == (
        "XorNet(\n"
        "  (hidden): Linear(in_features=2, out_features=2, bias=True)\n"
        "  (output): Linear(in_features=2, out_features=1, bias=True)\n"
        ")"
    )
    assert sum(p.numel() for p in model.parameters()) == 9
    assert [(name, str(p.shape), p.requires_grad) for name, p in model.named_parameters()] == [
        ("hidden.weight", "rustgrad.Size([2, 2])", True),
        ("hidden.bias", "rustgrad.Size([2])", True),
        ("output.weight", "rustgrad.Size([1, 2])", True),
        ("output.bias", "rustgrad.Size([1])", True),
    ]


def test_training_xor_with_sgd():
    torch.manual_seed(42)
    model = XorNet()
    inputs, targets = torch.tensor(XOR), torch.tensor([[-1.0], [1.0], [1.0], [-1.0]])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(500):
        loss = ((model(inputs) - targets) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert f"{loss.item():.6f}" == "0.001538"
    with torch.no_grad():
        answers = model(inputs)
    shown = [f"{inputs[i, 0]:.0f}{inputs[i, 1]:.0f} {answers[i, 0]:+.4f} {targets[i, 0]:+.0f}" for i in range(4)]
    assert shown == ["00 -0.9639 -1", "01 +0.9570 +1", "10 +0.9554 +1", "11 -0.9686 -1"]


def test_training_xor_with_sequential_and_adam():
    torch.manual_seed(42)
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    assert repr(model) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=8, bias=True)\n"
        "  (1): ReLU()\n"
        "  (2): Linear(in_features=8, out_features=1, bias=True)\n"
        ")"
    )
    assert sum(p.numel() for p in model.parameters()) == 33
    inputs, targets = torch.tensor(XOR), torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loss_fn = nn.MSELoss()
    for _ in range(1000):
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        answers = model(inputs)
    assert [f"{answers[i, 0]:.4f}" for i in range(4)] == ["0.0000", "1.0000", "1.0000", "0.0000"]
    assert loss.item() < 1e-6


def test_a_skip_connection():
    class Skip(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.first = nn.Linear(width, width)
            self.second = nn.Linear(width, width)

        def forward(self, x):
            return torch.relu(self.second(torch.relu(self.first(x)))) + x

    torch.manual_seed(0)
    x = torch.randn(4, 8)
    model = Skip(8)
    assert model(x).shape == (4, 8)
    assert (model(x) >= x).all()


def test_the_derivative_of_a_sigmoid():
    # f(x) = e^2x / (1 + e^2x)^2 is s(2x) (1 - s(2x)), so f'(x) = 2 s(2x) (1 - s(2x)) (1 - 2 s(2x)).
    x = torch.tensor(1.0, requires_grad=True)
    (torch.exp(2 * x) / (1 + torch.exp(2 * x)) ** 2).backward()
    s = torch.sigmoid(torch.tensor(2.0)).item()
    assert abs(x.grad.item() - 2 * s * (1 - s) * (1 - 2 * s)) < 1e-6
