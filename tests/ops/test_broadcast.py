"""Elementwise ops over operands that are read row by row: broadcast, sliced, turned and cast ones, beside numpy's."""

import numpy as np
import pytest

import rustgrad as torch

SHAPES = [(0, 5), (1, 1), (1, 1023), (3, 1024), (2, 1025), (33, 31), (250, 400), (400, 250), (1030, 33), (7, 13, 40)]


def numbers(*shape, dtype="float32"):
    n = int(np.prod(shape))
    return (np.arange(n) * 7919 % 2003 / 16 - 60).astype(dtype).reshape(shape)


def operands(shape):
    """Arrays of numpy that broadcast to the shape, of every kind of stride."""
    *front, c = shape
    wide = numbers(*front, c + 3)
    yield "whole", numbers(*shape)
    yield "sliced", wide[..., 1 : c + 1]
    yield "stepped", numbers(*front, 2 * c)[..., ::2]
    yield "turned", np.moveaxis(numbers(c, *front), 0, -1)
    yield "row", numbers(c)
    yield "column", numbers(*front, 1)
    yield "first", numbers(front[0], *[1] * len(shape[1:]))
    yield "one", numbers(*[1] * len(shape))
    yield "doubles", numbers(*shape, dtype="float64")[..., :]
    yield "integers", numbers(c, dtype="int32")


def ours(a):
    """The same with the same strides."""
    steps = [s // a.itemsize for s in a.strides]
    base = a if a.base is None else a.base
    start = (a.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // a.itemsize
    flat = torch.from_numpy(base.reshape(-1).copy())
    return torch.as_strided(flat, a.shape, steps, start)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_broadcast_rows(shape):
    for (m, a), (n, b) in [(x, y) for x in operands(shape) for y in operands(shape)]:
        x, y = ours(a), ours(b)
        for f in ("add", "mul", "gt"):
            want = {"add": np.add, "mul": np.multiply, "gt": np.greater}[f](a, b, dtype=None)
            got = getattr(torch, f)(x, y)
            if want.dtype == np.float64 and got.dtype == torch.float32:
                want = {"add": np.add, "mul": np.multiply}[f](a.astype("float32"), b.astype("float32"))
            assert got.shape == want.shape and (got.numpy() == want).all(), (f, m, n)
            out = torch.full((*want.shape, 2), -1).to(got.dtype)[..., 0]
            getattr(torch, f)(x, y, out=out)
            assert (out.numpy() == want).all(), (f, m, n, "out")
        if m in ("whole", "sliced", "stepped", "turned"):
            want = a + b.astype("float32") if n == "doubles" else (a + b).astype("float32")
            assert (x.add_(y).numpy() == want).all(), (m, n, "in place")


@pytest.mark.parametrize("n", [5, 40, 300])
def test_squares_with_themselves(n):
    a = numbers(n, n)
    x = torch.from_numpy(a.copy())
    assert ((x + x.t()).numpy() == a + a.T).all()
    assert (x.t().add_(x.t()).numpy() == (a + a).T).all()
    x = torch.from_numpy(a.copy())
    assert (x[:, 1:].add_(x[:, :-1].clone()).numpy() == a[:, 1:] + a[:, :-1]).all()
    # A row and a column that are not written.
    x = torch.from_numpy(a.copy())
    assert (x[1:].add_(x[0]).numpy() == a[1:] + a[0]).all()
    b = np.vstack([a[:1], a[1:] + a[0]])
    assert (x[:, 1:].mul_(x[:, :1]).numpy() == b[:, 1:] * b[:, :1]).all()
