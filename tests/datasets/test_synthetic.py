"""Points that are drawn."""

import math

import pytest

import rustgrad as torch
from rustgrad.datasets import moons, sines, spirals


@pytest.mark.parametrize("n", [2, 7, 200])
def test_moons(n):
    points, labels = moons(n, noise=0)
    assert (points.shape, points.dtype, labels.dtype) == ((n, 2), torch.float32, torch.int64)
    assert labels.sum().item() == n // 2
    for (x, y), label in zip(points.tolist(), labels.tolist()):
        centre = (1, 0.5) if label else (0, 0)
        assert math.hypot(x - centre[0], y - centre[1]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("n", "classes"), [(7, 3), (10, 1), (300, 2)])
def test_spirals(n, classes):
    points, labels = spirals(n, classes, noise=0)
    assert points.shape == (n, 2)
    assert sorted({*labels.tolist()}) == list(range(classes))
    for (x, y), label in zip(points.tolist(), labels.tolist()):
        radius = math.hypot(x, y)
        angle = radius * 1.5 * math.pi + 2 * math.pi * label / classes
        assert (x, y) == pytest.approx((radius * math.cos(angle), radius * math.sin(angle)), abs=1e-5)


def test_sines():
    x, y = sines(50, noise=0)
    assert x.shape == y.shape == (50, 1)
    assert x.abs().max().item() <= math.pi
    assert y.tolist() == x.sin().tolist()


@pytest.mark.parametrize("make", [moons, spirals, sines])
def test_draws(make):
    torch.manual_seed(1)
    first, again = make(20), make(20)
    assert first[0].tolist() != again[0].tolist()
    torch.manual_seed(1)
    assert make(20)[0].tolist() == first[0].tolist()
    state = torch.get_rng_state().tolist()
    own = [make(20, generator=torch.Generator().manual_seed(3))[1].tolist() for _ in range(2)]
    assert own[0] == own[1]
    assert torch.get_rng_state().tolist() == state
    with pytest.raises(ValueError, match="n should be at least"):
        make(0)
    with pytest.raises(ValueError, match="noise should be non-negative"):
        make(20, noise=-1)
