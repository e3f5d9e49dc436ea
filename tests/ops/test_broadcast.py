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


def test_small_operands_that_repeat():
    """The short way of small floats, beside numpy and, for the strides, the long way of integers."""
    rng = np.random.default_rng(5)
    for _ in range(600):
        shape = tuple(rng.choice([1, 2, 3, 8, 40], rng.integers(1, 5)))
        if np.prod(shape) > 20000:
            continue

        def smaller(shape=shape):
            kept = tuple(1 if rng.random() < 0.4 else s for s in shape)
            return kept[rng.integers(0, len(kept) + 1) :] if rng.random() < 0.4 else kept

        kind = rng.choice(["float32", "float64"])
        a, b, c = (numbers(*s, dtype=kind) for s in (shape, smaller(), smaller()))
        x, y, z = (torch.from_numpy(v.copy()) for v in (a, b, c))
        for p, q, m, n in ((x, y, a, b), (y, x, b, a), (y, z, b, c)):
            got = p - q
            assert (got.numpy() == m - n).all(), (m.shape, n.shape)
            assert got.stride() == (p.int() - q.int()).stride(), (m.shape, n.shape)
            assert ((p < q).numpy() == (m < n)).all(), (m.shape, n.shape)
        assert (torch.clamp(x, y, z).numpy() == np.minimum(np.maximum(a, b), c)).all(), (b.shape, c.shape)
        assert (torch.clamp(y, x, z).numpy() == np.minimum(np.maximum(b, a), c)).all(), (b.shape, c.shape)
        x.mul_(y).sub_(z)
        assert (x.numpy() == a * b - c).all(), (b.shape, c.shape)


def test_small_operands_that_repeat_have_gradients():
    for shape, other in (((2, 3), (3,)), ((2, 3), (2, 1)), ((4, 2, 3), (2, 1)), ((2, 3), ()), ((5,), (1, 1))):
        x = torch.from_numpy(numbers(*shape)).requires_grad_()
        y = torch.from_numpy(numbers(*other)).requires_grad_()
        (x * y).sum().backward()
        a, b = np.broadcast_arrays(x.detach().numpy(), y.detach().numpy())
        for t, wide in ((x, b), (y, a)):
            axes = tuple(range(wide.ndim - t.ndim))
            want = wide.sum(axes) if axes else wide
            kept = tuple(d for d, s in enumerate(t.shape) if s == 1)
            assert t.grad.shape == t.shape and (t.grad.numpy() == want.sum(kept, keepdims=True)).all(), (shape, other)


def test_small_operands_that_repeat_are_refused_as_large_ones():
    x = torch.ones(3, 3)
    two, three = torch.ones(2, 3), torch.ones(3)
    for bad in (lambda: x.add_(x[0]), lambda: x[0].add_(x), lambda: x + two, lambda: three.add_(x)):
        with pytest.raises(RuntimeError):
            bad()
    assert (x == 1).all()
    assert (torch.ones(0, 3) + torch.ones(3)).shape == (0, 3)
    assert (torch.ones(1) + torch.ones(0)).shape == (0,)
    # A dtype, or an order of dims, that is not the result's.
    assert (torch.ones(2, 3) + torch.ones(3, dtype=torch.float64)).dtype == torch.float64
    assert (torch.ones(2, 3) + torch.tensor(1.0, dtype=torch.float64)).dtype == torch.float32
    assert (torch.ones(3, 2).t() + torch.ones(3)).stride() == (1, 2)
