"""Five exercises on tensors, gradients and modules, worked.

    python -m rustgrad.as_torch examples/exercises.py [--seeds N] [--out FOLDER]

They are the exercises that close a chapter which goes from scalar automatic differentiation to PyTorch: each question
is quoted as its function's first line, and the code below it is the answer.
"""

import argparse
from pathlib import Path

import torch
from torch import nn

XOR = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
ANSWERS = torch.tensor([[0.0], [1.0], [1.0], [0.0]])


def tensors():
    """1. Make a tensor of shape (2, 3, 4) of random integers from 0 to 9. What is it made of? Convert it to float32."""
    t = torch.randint(0, 10, (2, 3, 4))  # the upper end is not drawn
    print(t)
    print(f"shape {tuple(t.shape)}, dtype {t.dtype}, device {t.device}, {t.numel()} elements")
    print(f"after .float(): {t.float().dtype}; the tensor itself still has {t.dtype}")


def derivative():
    """2. Differentiate f(x) = e^2x / (1 + e^2x)^2 at x = 1, and compare with the derivative on paper.

    With s(u) = 1 / (1 + e^-u) we have s'(u) = s(u) (1 - s(u)) = e^u / (1 + e^u)^2, so f(x) is s'(2x) as it stands.
    (It is sometimes said to be 2 s'(2x). That is the derivative of s(2x), by the chain rule, and twice too large.)
    Then f'(x) = 2 s''(2x) = 2 s(2x) (1 - s(2x)) (1 - 2 s(2x)).
    """
    x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    f = torch.exp(2 * x) / (1 + torch.exp(2 * x)) ** 2
    f.backward()
    s = torch.sigmoid(2 * x.detach())
    print(f"f(1)  = {f.item():.10f}   s'(2) = {(s * (1 - s)).item():.10f}   2 s'(2) = {(2 * s * (1 - s)).item():.10f}")
    print(f"f'(1) = {x.grad.item():.10f}   on paper: {(2 * s * (1 - s) * (1 - 2 * s)).item():.10f}")


class Skip(nn.Module):
    """y = ReLU(W2 ReLU(W1 x + b1) + b2) + x: the input takes part twice, which no `nn.Sequential` can say."""

    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)

    def forward(self, x):
        return torch.relu(self.second(torch.relu(self.first(x)))) + x


def skip_connection():
    """3. Build a module with a skip connection, and test it on a random input of shape (4, 8)."""
    model, x = Skip(8), torch.randn(4, 8, requires_grad=True)
    y = model(x)
    print(f"{tuple(x.shape)} -> {tuple(y.shape)}; nothing falls below the input: {bool((y >= x).all())}")
    y.sum().backward()
    print(f"d(sum of y)/dx is 1 by the skip plus what the layers add: {x.grad.min():.4f} to {x.grad.max():.4f}")


def accumulation():
    """4. Show that gradients add up: differentiate theta^3 at 3 twice without zeroing, then mend it."""
    theta = nn.Parameter(torch.tensor(3.0))
    for turn in ("first", "second"):
        (theta**3).backward()
        print(f"after the {turn} backward: {theta.grad.item()}")
    theta.grad = None
    (theta**3).backward()
    print(f"with theta.grad = None before it: {theta.grad.item()}   (3 theta^2 = 27)")


class XorNet(nn.Module):
    """Two inputs, hidden ReLUs, one output. The output is linear: a ReLU there could be stuck at zero."""

    def __init__(self, hidden):
        super().__init__()
        self.hidden = nn.Linear(2, hidden)
        self.output = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.output(torch.relu(self.hidden(x)))


def train(hidden, seed, steps=500):
    """The loss of each step of a network that learns XOR."""
    torch.manual_seed(seed)
    model = XorNet(hidden)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(steps):
        loss = nn.functional.mse_loss(model(XOR), ANSWERS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def hidden_units(seeds):
    """5. Learn XOR with ReLU and the targets 0 and 1. How many hidden units make it reliable?"""
    runs = {}
    for hidden in (2, 4, 8, 16):
        runs[hidden] = [train(hidden, seed) for seed in range(seeds)]
        learnt = sum(losses[-1] < 0.01 for losses in runs[hidden])
        print(f"{hidden:2d} hidden units: {learnt:2d} of {seeds} networks learn it")
    print("Two units can say XOR, but most starts leave one of them dead. The more there are, the surer two are alive.")
    return runs


def picture(path, runs):
    """The losses of all networks, one panel for each number of hidden units."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: pip install matplotlib")
        return
    figure = Figure(figsize=(11, 3), layout="constrained")
    for axes, (hidden, losses) in zip(figure.subplots(1, 4, sharey=True), runs.items()):
        for line in losses:
            axes.plot(line, color="#059669" if line[-1] < 0.01 else "#dc2626", linewidth=0.7)
        axes.set(title=f"{hidden} hidden units", xlabel="step", yscale="log", ylim=(1e-6, 2))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(f"picture  {path}")


def main():
    parser = argparse.ArgumentParser(description="Five exercises, worked.")
    parser.add_argument("--seeds", type=int, default=20, help="networks of each size in exercise 5 (default: 20)")
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="FOLDER", help="for the picture (default: out)"
    )
    options = parser.parse_args()
    torch.manual_seed(42)
    for exercise in (tensors, derivative, skip_connection, accumulation):
        print(f"\n{exercise.__doc__.splitlines()[0]}")
        exercise()
    print(f"\n{hidden_units.__doc__}")
    picture(options.out / "exercises.png", hidden_units(options.seeds))


if __name__ == "__main__":
    main()
