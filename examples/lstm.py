"""An LSTM that hears the beginning of a wave and goes on by itself.

    python -m rustgrad.as_torch examples/lstm.py [--steps N] [--out FOLDER]

S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory" (1997). Each wave has a frequency, a phase and a height of
its own, and some noise. From each number the network says the next one; nothing but its memory can tell it how fast and
how high this wave goes. In the end it is given the first half of new waves, then its own answers only.
"""

import argparse
import math
import time
from pathlib import Path

import torch
from torch import nn

LENGTH, BATCH, NOISE = 80, 32, 0.02


def waves(count):
    """Noisy waves, (count, LENGTH, 1)."""
    frequency = 0.15 + 0.35 * torch.rand(count, 1)
    phase = 2 * math.pi * torch.rand(count, 1)
    height = 0.5 + 0.5 * torch.rand(count, 1)
    clean = height * torch.sin(frequency * torch.arange(LENGTH) + phase)
    return (clean + NOISE * torch.randn(count, LENGTH)).unsqueeze(2)


class Forecaster(nn.Module):
    """The next number after each, (batch, length, 1), from what was heard so far."""

    def __init__(self, hidden=32):
        super().__init__()
        self.memory = nn.LSTM(1, hidden, batch_first=True)
        self.change = nn.Linear(hidden, 1)

    def forward(self, x, state=None):
        """Guesses, and the state to go on with. The layers say the change: to repeat the last number is easy."""
        heard, state = self.memory(x, state)
        return x + self.change(heard), state

    @torch.no_grad()
    def go_on(self, x, count):
        """`count` more numbers after `x`, each heard as if it had been given."""
        guesses, state = self(x)
        answers = [guesses[:, -1:]]
        while len(answers) < count:
            guess, state = self(answers[-1], state)
            answers.append(guess)
        return torch.cat(answers, 1)


def train(model, steps):
    """Adam on the squared error of the next number. Returns the error of each batch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    errors = []
    for step in range(1, steps + 1):
        batch = waves(BATCH)
        guesses, _ = model(batch[:, :-1])
        error = nn.functional.mse_loss(guesses, batch[:, 1:])
        optimizer.zero_grad()
        error.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        errors.append(error.item())
        if step == 1 or step % max(1, steps // 10) == 0:
            print(f"step {step:4d}   error of the next number {math.sqrt(errors[-1]):.4f}", flush=True)
    return errors


def size(errors):
    """The root of the mean square."""
    return errors.pow(2).mean().sqrt().item()


def picture(path, errors, tests, answers):
    """The error while training, and how three new waves are continued."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: pip install matplotlib")
        return
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 2))
    axes = left.subplots()
    axes.plot(errors, color="#4f46e5", linewidth=0.8)
    axes.axhline(NOISE**2, color="gray", linestyle="--")
    axes.set(title="Squared error; dashed: the noise", xlabel="step", yscale="log")
    half = LENGTH // 2
    panels = right.subplots(3, 1, sharex=True)
    for axes, wave, answer in zip(panels, tests, answers):
        axes.plot(range(half), wave[:half].flatten().tolist(), color="black", label="heard")
        axes.plot(range(half, LENGTH), wave[half:].flatten().tolist(), color="gray", linestyle=":", label="the wave")
        axes.plot(range(half, LENGTH), answer.flatten().tolist(), color="#dc2626", label="its own")
    right.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(f"picture  {path}")


def main():
    parser = argparse.ArgumentParser(description="An LSTM that goes on with waves.")
    parser.add_argument("--steps", type=int, default=600, help="steps of training (default: 600)")
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="FOLDER", help="for the picture (default: out)"
    )
    options = parser.parse_args()
    torch.manual_seed(0)
    model = Forecaster()
    start = time.perf_counter()
    errors = train(model, options.steps)
    print(f"trained in {time.perf_counter() - start:.1f} s")

    tests, half = waves(100), LENGTH // 2
    with torch.no_grad():
        guesses, _ = model(tests[:, :-1])
    answers = model.go_on(tests[:, :half], LENGTH - half)
    # What else one could say: the number just heard; or, when nothing is heard any more, the middle, 0.
    off, still = size(guesses - tests[:, 1:]), size(tests[:, 1:] - tests[:, :-1])
    print(f"the next number of new waves: off by {off:.4f}; the last one again: {still:.4f}")
    for ahead in (1, 5, 10, 20, 40):
        wanted = tests[:, half + ahead - 1]
        off, middle = size(answers[:, ahead - 1] - wanted), size(wanted)
        print(f"{ahead:3d} steps ahead: off by {off:.4f}; the middle: {middle:.4f}")
    picture(options.out / "lstm.png", errors, tests, answers)


if __name__ == "__main__":
    main()
