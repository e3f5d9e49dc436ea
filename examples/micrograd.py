"""A tour of micrograd: automatic differentiation of scalars in 80 lines, beside torch's.

    python -m rustgrad.as_torch examples/micrograd.py [--steps N] [--out FOLDER]

A `Value` is one number that remembers which numbers it was computed from, and the derivative with respect to each.
`backward` walks from the result to the inputs and multiplies and adds: the chain rule. The name and the idea are from
A. Karpathy's micrograd (2020). The tour differentiates a formula with both engines, then trains the same small network
twice, number by number and with tensors.
"""

import argparse
import math
import random
from pathlib import Path

import torch
from torch import nn


class Value:
    """A number, what it was computed from, and (after `backward`) the derivative of the result with respect to it."""

    def __init__(self, data, parents=(), slopes=()):
        self.data = data
        self.grad = 0.0
        self.parents = parents
        self.slopes = slopes  # d self / d parent, one for each parent

    # Five rules are enough; the other operators below are made of them.

    def __add__(self, other):
        other = lift(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = lift(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n):
        return Value(self.data**n, (self,), (n * self.data ** (n - 1),))

    def exp(self):
        y = math.exp(self.data)
        return Value(y, (self,), (y,))

    def tanh(self):
        y = math.tanh(self.data)
        return Value(y, (self,), (1 - y * y,))

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -lift(other)

    def __truediv__(self, other):
        return self * lift(other) ** -1

    __radd__, __rmul__ = __add__, __mul__  # with a number on the left

    def backward(self):
        """Set `grad` of everything that this value was computed from."""
        order, seen, todo = [], set(), [(self, False)]
        while todo:  # a loop and not a recursion: sums of many terms are deep
            value, finished = todo.pop()
            if finished:
                order.append(value)  # all that it was computed from stands before it
            elif id(value) not in seen:
                seen.add(id(value))
                todo.append((value, True))
                todo.extend((parent, False) for parent in value.parents)
        self.grad = 1.0
        for value in reversed(order):  # when a value is reached, its own derivative is complete
            for parent, slope in zip(value.parents, value.slopes):
                parent.grad += slope * value.grad


def lift(x):
    """A number as a Value."""
    return x if isinstance(x, Value) else Value(float(x))


def one_formula():
    """Both engines differentiate the same text."""
    text = "(a + b) * b - (a * b).tanh() / (2 + (-a).exp()) ** 2"
    a, b = Value(0.6), Value(-1.7)
    s, t = (torch.tensor(v.data, dtype=torch.float64, requires_grad=True) for v in (a, b))
    mine, theirs = eval(text, {"a": a, "b": b}), eval(text, {"a": s, "b": t})
    mine.backward()
    theirs.backward()
    print(f"f(a, b) = {text}")
    for name, x, y in (("f    ", mine.data, theirs), ("df/da", a.grad, s.grad), ("df/db", b.grad, t.grad)):
        print(f"  {name}   Value {x:+.12f}   torch {y.item():+.12f}")


def layer(weights, biases, inputs):
    """tanh(W x + b), number by number."""
    return [sum((w * x for w, x in zip(row, inputs)), b).tanh() for row, b in zip(weights, biases)]


def two_moons(n):
    """Points of two half circles that reach into each other, and the side of each: +1 or -1."""
    noise = random.Random(5)
    for i in range(n):
        angle, side = math.pi * (i // 2) / (n // 2 - 1), 1 - 2 * (i % 2)
        x, y = math.cos(angle), math.sin(angle)
        x, y = (x, y) if side > 0 else (1 - x, 0.5 - y)
        yield [x + noise.gauss(0, 0.08), y + noise.gauss(0, 0.08)], side


def train(steps, rate=0.3):
    """The same network from the same weights, trained by both engines. Returns torch's, the points, and their sides."""
    points, sides = zip(*two_moons(40))
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Tanh()).double()
    layers = [
        ([[Value(w) for w in row] for row in linear.weight.tolist()], [Value(b) for b in linear.bias.tolist()])
        for linear in (net[0], net[2])
    ]
    numbers = [v for weights, biases in layers for row in (*weights, biases) for v in row]
    inputs, targets = torch.tensor(points, dtype=torch.float64), torch.tensor(sides, dtype=torch.float64)
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    for step in range(steps):
        guesses = [layer(*layers[1], layer(*layers[0], point))[0] for point in points]
        loss = sum((guess - side) ** 2 / len(points) for guess, side in zip(guesses, sides))
        for v in numbers:
            v.grad = 0.0
        loss.backward()
        for v in numbers:
            v.data -= rate * v.grad

        tensor_loss = ((net(inputs).squeeze(1) - targets) ** 2).mean()
        optimizer.zero_grad()
        tensor_loss.backward()
        optimizer.step()
        if step % max(1, steps // 6) == 0 or step == steps - 1:
            print(f"  step {step:3d}   loss by Values {loss.data:.10f}   by tensors {tensor_loss.item():.10f}")
    apart = max(abs(v.data - p) for v, p in zip(numbers, torch.cat([p.detach().flatten() for p in net.parameters()])))
    print(f"{len(numbers)} weights; those of both networks differ by less than 1e-9: {bool(apart < 1e-9)}")
    return net, inputs, targets


def picture(path, net, inputs, targets):
    """The plane as the network divides it, and the points."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: pip install matplotlib")
        return
    x, y = torch.meshgrid(torch.linspace(-1.6, 2.6, 120), torch.linspace(-1.1, 1.6, 80), indexing="xy")
    with torch.no_grad():
        plane = net(torch.stack([x.flatten(), y.flatten()], 1).double()).view(x.shape)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.contourf(x.tolist(), y.tolist(), plane.tolist(), levels=20, cmap="RdBu", vmin=-1, vmax=1)
    axes.scatter(*inputs.T.tolist(), c=targets.tolist(), cmap="RdBu", edgecolors="black")
    axes.set(title="Two moons, learnt number by number")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(f"picture  {path}")


def main():
    parser = argparse.ArgumentParser(description="A tour of micrograd.")
    parser.add_argument("--steps", type=int, default=300, help="steps of training (default: 300)")
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="FOLDER", help="for the picture (default: out)"
    )
    options = parser.parse_args()
    one_formula()
    print("\nA network of 2, 8 and 1 units learns two moons, twice:")
    picture(options.out / "micrograd.png", *train(options.steps))


if __name__ == "__main__":
    main()
