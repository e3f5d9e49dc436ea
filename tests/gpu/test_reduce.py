"""Reductions on the GPU against the CPU's: any dims, any layout, edges of chunks and lanes, ties, NaN, gradients."""

import numpy as np
import pytest

import rustgrad as torch

pytestmark = pytest.mark.gpu

FLOATS = {torch.float32: 1e-5, torch.float16: 1e-3, torch.bfloat16: 8e-3}
INTEGERS = [torch.bool, torch.uint8, torch.int32, torch.int64]
SIZES = [1, 3, 63, 64, 65, 127, 128, 129, 255, 257, 4095, 4096, 4097, 16384, 16389, 100000]

LAYOUTS = {
    "contiguous": lambda n: n(6, 5, 40),
    "transposed": lambda n: n(40, 5, 6).permute(2, 1, 0),
    "steps": lambda n: n(6, 5, 120)[:, :, 1::3],
    "offset": lambda n: n(7, 6, 43)[1:, 1:, 3:],
    "expanded": lambda n: n(6, 1, 40).expand(6, 5, 40),
    "repeated inside": lambda n: n(6, 5, 1).expand(6, 5, 40),
    "one number": lambda n: n(1).expand(6, 5, 40),
    "long rows": lambda n: n(3, 2, 1000),
    "odd rows": lambda n: n(3, 2, 1003),
    "odd runs": lambda n: n(3, 9, 1003)[:, ::3, 1:1000],
    "images": lambda n: n(8, 12, 7, 7),
    "columns": lambda n: n(700, 12),
    "odd columns": lambda n: n(700, 11)[:, 1:],
    "many columns": lambda n: n(300, 520),
    "many rows": lambda n: n(5000, 9),
    "sliced rows": lambda n: n(33, 1200)[:, 4:1100],
    "four dims": lambda n: n(3, 40, 5, 64).transpose(1, 2),
}


def noise(*shape, dtype=torch.float32, low=-1.0):
    rng = np.random.default_rng(sum(shape) + len(shape))
    if dtype in FLOATS:
        return torch.tensor(rng.uniform(low, 1.0, shape).astype(np.float32)).to(dtype)
    top = {torch.bool: 2, torch.uint8: 256}.get(dtype, 5000)
    return torch.tensor(rng.integers(0 if top < 5000 else -5000, top, shape)).to(dtype)


def value(x):
    x = x.cpu()
    return (x.float() if x.dtype in FLOATS else x).detach().numpy()


def same(a, b, dtype=torch.float32, scale=1.0):
    """`a` of the GPU, `b` of the CPU."""
    for x, y in zip(a if isinstance(a, tuple) else [a], b if isinstance(b, tuple) else [b], strict=True):
        assert x.device.type == "gpu"
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        if x.dtype in FLOATS:
            t = FLOATS[dtype]
            np.testing.assert_allclose(value(x), value(y), rtol=t, atol=t * scale)
        else:
            np.testing.assert_array_equal(value(x), value(y))


def masks(ndim):
    return [tuple(d for d in range(ndim) if m >> d & 1) for m in range(1, 1 << ndim)]


def both(f, x, dtype=torch.float32, scale=1.0):
    same(f(moved(x)), f(x), dtype, scale)


def moved(x):
    """On the GPU with the strides and the offset that it has."""
    base = x._base if x._base is not None else x
    return base.to("gpu").as_strided(x.shape, x.stride(), x.storage_offset())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_dims_of_layouts(layout):
    x = LAYOUTS[layout](noise)
    for dims in masks(x.ndim):
        both(lambda t: t.sum(dims), x, scale=10)
        both(lambda t: t.var(dims, correction=0), x)
        both(lambda t: t.amax(dims, keepdim=True), x)
    for d in range(x.ndim):
        both(lambda t: tuple(t.max(d)), x)
    both(lambda t: t.argmin(), x)


@pytest.mark.parametrize("n", SIZES)
def test_sizes(n):
    x, y = noise(n, 3, low=0.0), noise(2, n, low=0.0)
    for t in (x, y, x.t(), y[0], noise(n + 3, low=0.0)[3:]):
        for f in (torch.sum, torch.mean, lambda t: t.var(correction=0), torch.amax, torch.argmax):
            both(f, t)
    for f in (
        lambda t: t.sum(0),
        lambda t: t.std(0, correction=0),
        lambda t: tuple(t.min(0)),
        lambda t: (t > 0.999).any(0),
    ):
        both(f, x, scale=3)
    for f in (lambda t: t.sum(1), lambda t: tuple(t.min(1)), lambda t: (t > 1e-4).all(1)):
        both(f, y, scale=3)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS], ids=str)
def test_dtypes(dtype):
    for shape in ((37, 1030), (5, 4, 64)):
        x = noise(*shape, dtype=dtype)
        for t in (x, x.transpose(0, 1), x[1:, ::2]):
            for dims in ((0,), (1,), tuple(range(t.ndim))):
                both(lambda v: v.sum(dims), t, dtype, scale=10)
                both(lambda v: (v.amax(dims), v.amin(dims)), t, dtype)
                both(lambda v: (v.any(dims), v.all(dims)), t, dtype)
                if dtype in FLOATS:
                    both(lambda v: (v.mean(dims), v.std(dims)), t, dtype)
            both(lambda v: tuple(v.max(1)), t, dtype)
            if dtype != torch.bool:
                both(lambda v: (v.argmax(), v.argmin(0)), t, dtype)
    if dtype not in FLOATS:
        both(lambda v: v.sum(0, dtype=torch.int32), x)
    both(lambda v: v.sum(dtype=torch.float32), x, scale=10)


def test_sums_are_as_exact_as_on_the_cpu():
    x = noise(1 << 20, low=0.0)
    true = x.numpy().astype(np.float64).reshape(1024, 1024)
    for dims in ((0,), (1,), (0, 1)):
        np.testing.assert_allclose(value(x.to("gpu").view(1024, 1024).sum(dims)), true.sum(dims), rtol=5e-7)
    x = 1e4 + noise(30000)
    np.testing.assert_allclose(value(x.to("gpu").var()), x.numpy().astype(np.float64).var(ddof=1), rtol=2e-4)
    x = torch.full((70000,), 2**40 + 1, device="gpu")
    assert x.sum().item() == 70000 * (2**40 + 1)


def test_nan_ties_infinities_zeros():
    nan, inf = float("nan"), float("inf")
    rows = [[1, nan, 3, nan], [2, 2, 1, 1], [-inf, -inf, -inf, -inf], [inf, 1, inf, 0], [-0.0, 0.0, -0.0, 0.0]]
    x = torch.tensor(rows)
    for t in (x, x.t().contiguous().t(), torch.cat([x] * 100, 1), torch.cat([torch.cat([x] * 5000, 1)] * 2)):
        for f in (torch.max, torch.min):
            both(lambda v: tuple(f(v, 1)), t)
            both(lambda v: tuple(f(v, 0)), t)
            both(f, t)
        for f in (torch.argmax, torch.argmin):
            both(f, t)
            both(lambda v: f(v, 1), t)
        for f in (torch.sum, torch.mean, torch.amax, torch.amin, torch.any, torch.all, torch.var):
            both(lambda v: f(v, 1), t)
    x = torch.tensor([-(2**62), 2**62, 2**62, 5, -(2**62)])
    both(lambda v: (*v.max(0), *v.min(0), v.amax(), v.sum()), x)


def test_empty_and_0d():
    for f in (torch.sum, torch.mean, torch.any, torch.all):
        both(f, torch.zeros(0, 3))
        both(lambda t: f(t, 0), torch.zeros(0, 3))
        both(lambda t: f(t, 1), torch.zeros(0, 3))
        both(f, torch.tensor(3.0))
    both(lambda t: (*t.max(0), t.amin(), t.argmax()), torch.tensor(3.0))
    both(lambda t: t.any(()), torch.tensor([0.0, float("nan"), 2.0]))
    with pytest.raises(IndexError):
        torch.zeros(0, 3, device="gpu").amax(0)


def grads(f, *xs):
    """Values, gradients, and gradients of a function of those."""
    xs = [x.detach().clone().requires_grad_() for x in xs]
    y = f(*xs)
    first = torch.autograd.grad((y * y).sum(), xs, create_graph=True)
    total = sum((g * g).sum() for g in first)
    second = torch.autograd.grad(total, xs, allow_unused=True) if total.requires_grad else ()
    return (y, *first, *[g for g in second if g is not None])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.sum(1),
        lambda x: x.mean((0, 2)),
        lambda x: x.var(1),
        lambda x: x.std((0, 1), keepdim=True),
        lambda x: x.amax(2),
        lambda x: x.max(),
        lambda x: x.cumprod(1),
        lambda x: x * x[:, :1],
        lambda x: torch.nn.functional.mse_loss(x, x * x),
        lambda x: torch.nn.functional.mse_loss(x, x[:1, :, 1:2].expand(x.shape), reduction="sum"),
    ],
    ids=["sum", "mean", "var", "std", "amax", "max", "cumprod", "broadcast", "mse_loss", "mse_loss of views"],
)
def test_gradients(f):
    x = noise(4, 8, 12, low=0.2)
    a, b = grads(f, x.to("gpu")), grads(f, x)
    same(a, b, scale=10)


def test_broadcast_gradients():
    x, y, z = noise(5, 40, 33), noise(40, 1), noise(1, 1, 33)
    f = lambda x, y, z: x * y + z * y  # noqa: E731
    same(grads(f, *(t.to("gpu") for t in (x, y, z))), grads(f, x, y, z), scale=300)


@pytest.mark.parametrize("n", [1, 5, 255, 1024, 1025, 3000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int32, torch.int64], ids=str)
def test_cumprod(n, dtype):
    one = {torch.int32: 1, torch.int64: 1}.get(dtype)
    x = noise(3, n) * 0.02 + 1 if one is None else noise(3, n, dtype=torch.int64) * 2 + 1
    x = x.to(dtype)
    tolerance = torch.bfloat16 if dtype == torch.bfloat16 else torch.float32
    for t in (x, x.t().contiguous().t(), x[:, ::2], x[0], x.flatten()[::3]):
        both(lambda v: v.cumprod(-1), t, tolerance, scale=3)
        both(lambda v: v.cumprod(0), t, tolerance, scale=3)
    both(lambda v: v.cumprod(0), torch.tensor([2.0, 0.0, 3.0, float("nan"), 4.0]))


def test_cumprod_gradients():
    x = noise(2, 2000) * 0.02 + 1
    x[0, 5], x[1, 7], x[1, 90] = 0.0, 0.0, 0.0
    same(grads(lambda t: t.cumprod(1), x.to("gpu"))[:2], grads(lambda t: t.cumprod(1), x)[:2], scale=2000)


@pytest.mark.parametrize(
    "size, stride, offset",
    [((6, 3), (1, 1), 0), ((4, 4), (0, 1), 2), ((3, 2, 4), (2, 1, 3), 1), ((2, 3), (0, 0), 5), ((5, 4), (3, 2), 0)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_views_that_overlap(size, stride, offset, dtype):
    def f(x):
        return x.as_strided(size, stride, offset) * 1.5

    x = noise(24, dtype=dtype)
    same(grads(f, x.to("gpu")), grads(f, x), dtype, scale=10)
    x = noise(24, dtype=dtype)

    def g(x):
        return (x[:6].unsqueeze(0).expand(2, 6).as_strided((2, 4), (0, 1), 1)) * 2.0

    same(grads(g, x.to("gpu")), grads(g, x), dtype, scale=10)


def test_out_and_repeatability():
    x = noise(300, 1000).to("gpu")
    room = torch.zeros(4, 300, device="gpu")
    torch.sum(x, 1, out=room[2])
    same(room[2].clone(), x.cpu().sum(1), scale=10)
    values, indices = torch.zeros(300, device="gpu"), torch.zeros(300, dtype=torch.int64, device="gpu")
    torch.max(x, 1, out=(values, indices))
    same((values, indices), tuple(x.cpu().max(1)))
    assert len({x.sum().item() for _ in range(5)}) == 1


def test_more_than_a_kernel_sees():
    """A float32 operand of 160 MB; lavapipe shows kernels 128 MiB."""
    x = torch.full((40, 1 << 20), 0.5, device="gpu")
    x[33, 77] = 7.0
    assert abs(x.sum().item() - (0.5 * 40 * (1 << 20) + 6.5)) <= 2
    assert x.argmax().item() == 33 * (1 << 20) + 77
    assert x.amax().item() == 7.0
    assert x.sum(0)[77].item() == 26.5
    assert x.sum(1)[33].item() == 0.5 * (1 << 20) + 6.5
    assert [v.item() for v in x.max(0).indices[76:78]] == [0, 33]
