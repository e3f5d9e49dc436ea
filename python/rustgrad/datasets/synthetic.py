"""Points drawn at random for small experiments: two moons, spirals, a noisy sine."""

import math

from .._rustgrad import Generator, Tensor, int64
from .._rustgrad.torch import cat, full, linspace, rand, randn, randperm, stack

__all__ = ["moons", "sines", "spirals"]


def _check(n: int, least: int, noise: float) -> None:
    if n < least:
        raise ValueError(f"n should be at least {least}, but got n={n}")
    if noise < 0:
        raise ValueError(f"noise should be non-negative, but got noise={noise}")


def _shuffled(classes: list[Tensor], noise: float, generator) -> tuple[Tensor, Tensor]:
    points = cat(classes)
    labels = cat([full((len(part),), label, dtype=int64) for label, part in enumerate(classes)])
    points = points + noise * randn(points.shape, generator=generator)
    order = randperm(len(points), generator=generator)
    return points.index_select(0, order), labels.index_select(0, order)


def moons(n: int = 200, noise: float = 0.1, *, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
    """Two half circles that reach into each other.

    Returns points, float32 (n, 2), and their labels, int64 (n,): 0 for the upper moon, 1 for the lower. `noise` is the
    standard deviation of what is added to each coordinate.
    """
    _check(n, 2, noise)
    upper, lower = linspace(0, math.pi, n - n // 2), linspace(0, math.pi, n // 2)
    parts = [
        stack([upper.cos(), upper.sin()], 1),
        stack([1 - lower.cos(), 0.5 - lower.sin()], 1),
    ]
    return _shuffled(parts, noise, generator)


def spirals(
    n: int = 300, classes: int = 3, noise: float = 0.02, *, turns: float = 0.75, generator: Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Arms of a spiral around the origin, one for each class, out to a distance of 1.

    Returns points, float32 (n, 2), and their labels, int64 (n,), below `classes`. Each arm goes around `turns` times.
    """
    _check(n, classes, noise)
    if classes < 1:
        raise ValueError(f"classes should be at least 1, but got classes={classes}")
    parts = []
    for label in range(classes):
        radius = linspace(0, 1, n // classes + (label < n % classes))
        angle = radius * (2 * math.pi * turns) + 2 * math.pi * label / classes
        parts.append(stack([radius * angle.cos(), radius * angle.sin()], 1))
    return _shuffled(parts, noise, generator)


def sines(n: int = 200, noise: float = 0.1, *, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
    """A sine with noise, to fit a curve to.

    Returns x, float32 (n, 1), drawn evenly from -pi to pi, and y = sin(x) + noise, float32 (n, 1).
    """
    _check(n, 1, noise)
    x = rand(n, 1, generator=generator) * (2 * math.pi) - math.pi
    return x, x.sin() + noise * randn(n, 1, generator=generator)
