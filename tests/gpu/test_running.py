"""Running extremes and log-sum-exp on the GPU against the CPU's: dims, layouts, lines cut into chunks, NaN, ties."""

import numpy as np
import pytest

import rustgrad as torch

pytestmark = pytest.mark.gpu

LINES = [((5,), 0), ((3, 7), 0), ((3, 7), 1), ((2, 3, 4), -2), ((), 0)]
SHAPES = [*LINES, ((1100, 3), 0), ((3, 1200), 1), ((1, 70000), 1)]
DTYPES = [torch.float32, torch.float16, torch.int64, torch.int32, torch.uint8, torch.bool]
INF, NAN = float("inf"), float("nan")


def noise(shape, dtype=torch.float32):
    rng = np.random.default_rng(len(shape) + sum(shape))
    return torch.tensor(rng.integers(-9, 9, shape).astype(np.float32)).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["cummax", "cummin"])
def test_extremes(name, dtype):
    for shape, dim in SHAPES:
        x = noise(shape, dtype)
        for t, g in [(x, x.to("gpu"))] + ([(x.t(), x.to("gpu").t())] if x.ndim == 2 else []):
            want, got = getattr(t, name)(dim), getattr(g, name)(dim)
            assert torch.equal(got[0].cpu(), want[0])
            assert torch.equal(got[1].cpu(), want[1])


def test_nan_and_zeros():
    x = torch.tensor([1.0, -0.0, NAN, 3.0, INF, NAN, -INF])
    for name in ("cummax", "cummin"):
        want, got = getattr(x, name)(0), getattr(x.to("gpu"), name)(0)
        np.testing.assert_array_equal(got[0].cpu().numpy(), want[0].numpy())
        assert torch.equal(got[1].cpu(), want[1])
    for values in ([1000.0, 1000.0, -INF, 1001.0], [-INF, -INF, 0.0, INF, INF], [1.0, NAN, 2.0]):
        x = torch.tensor(values)
        np.testing.assert_allclose(x.to("gpu").logcumsumexp(0).cpu().numpy(), x.logcumsumexp(0).numpy(), rtol=2e-6)


@pytest.mark.parametrize("dtype, allowed", [(torch.float32, 2e-6), (torch.float16, 1e-3)], ids=str)
def test_logcumsumexp(dtype, allowed):
    for shape, dim in SHAPES:
        x = noise(shape, dtype)
        got, want = x.to("gpu").logcumsumexp(dim), x.logcumsumexp(dim)
        assert got.dtype == dtype
        np.testing.assert_allclose(got.cpu().float().numpy(), want.float().numpy(), rtol=allowed, atol=allowed)


@pytest.mark.parametrize("f", [lambda x: x.cummax(1)[0], lambda x: x.cummin(0)[0], lambda x: x.logcumsumexp(1)])
def test_gradients(f):
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.normal(size=(4, 1100)).astype(np.float32))
    w = torch.tensor(rng.normal(size=(4, 1100)).astype(np.float32))
    a, b = x.clone().requires_grad_(), x.to("gpu").requires_grad_()
    f(a).mul(w).sum().backward()
    f(b).mul(w.to("gpu")).sum().backward()
    np.testing.assert_allclose(b.grad.cpu().numpy(), a.grad.numpy(), rtol=1e-3, atol=1e-3)
