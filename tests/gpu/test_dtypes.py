"""The small and unsigned integers on the GPU: casts, arithmetic, reductions and moves as on the CPU, to the bit."""

import numpy as np
import pytest

import rustgrad as torch

pytestmark = pytest.mark.gpu

SMALL = ["int8", "int16"]
LIMITED = ["uint16", "uint32", "uint64"]
REAL = ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", *SMALL, *LIMITED]


def filled(name, n=37, seed=0):
    """Any bits."""
    info = np.iinfo(name)
    values = np.random.default_rng(seed).integers(info.min, info.max, n, name, endpoint=True)
    values[:4] = [info.min, info.max, 0, 1]
    return torch.tensor(values)


def same(gpu, cpu):
    assert gpu.device.type == "gpu" and gpu.dtype == cpu.dtype and gpu.shape == cpu.shape
    assert gpu.cpu().tolist() == cpu.tolist()


def both(f, *x):
    """A function on tensors of the CPU and on their copies there."""
    same(f(*(t.to("gpu") for t in x)), f(*x))


@pytest.mark.parametrize("name", [*SMALL, *LIMITED])
def test_moves(name):
    x = filled(name)
    for y in (x, x[1:30], x[::2], x[:36].reshape(4, 9).t(), x[:1].expand(5)):
        same(y.to("gpu"), y)
    both(lambda a: a.clone().fill_(3), x)
    both(lambda a: torch.cat([a, a[:3]]), x)
    both(lambda a: torch.where(a == a[1], a, a[:1]), x)
    both(lambda a, i: a.index_select(0, i), x, torch.tensor([3, 0, 36, 1, 1]))


@pytest.mark.parametrize("name", [*SMALL, *LIMITED])
def test_casts(name):
    x = filled(name)
    for other in REAL:
        both(lambda a: a.to(getattr(torch, other)), x)
    floats = torch.tensor(
        [0.9, -0.9, 127.5, 255.9, 300.0, -129.0, 32768.0, 70000.0, 3e9, -3e9, 9.3e18, 1.8e19, 2e19, -1e19]
    )
    edges = torch.tensor([float("inf"), float("-inf"), float("nan")])
    for y in (floats, edges, floats[:8].half(), floats.bfloat16()):
        both(lambda a: a.to(getattr(torch, name)), y)
    for y in (filled("int64", seed=1), filled("int32", seed=2), filled("uint32", seed=3), filled("uint64", seed=4)):
        both(lambda a: a.to(getattr(torch, name)), y)


@pytest.mark.parametrize("name", SMALL)
def test_arithmetic(name):
    x, y = filled(name), filled(name, seed=1)
    nonzero = torch.where(y == 0, torch.ones_like(y), y)
    for f in (torch.add, torch.sub, torch.mul, torch.maximum, torch.lt, torch.eq, torch.bitwise_xor):
        both(f, x, y)
    for f in (torch.floor_divide, torch.remainder, torch.fmod):
        both(f, x, nonzero)
    for n in (3, 300, -1):
        both(lambda a: a * n + n, x)
        both(lambda a: a.eq(n), x)
    shifts = torch.tensor([0, 1, 7, 9, 15, 31] * 6 + [3]).to(x.dtype)
    both(lambda a, b: (a << b) ^ (a >> b), x, shifts)
    both(lambda a: (-a).abs().square().float() / 3, x)
    # A 0-d tensor of a wider dtype is cast to the narrow one first.
    both(lambda a, b: torch.maximum(a, b), x, torch.tensor(300))
    for f in (torch.sum, torch.amax, torch.any, torch.argmin, lambda a: a.cumprod(0)):
        both(f, x)
    both(lambda a: a[:36].reshape(6, 6) @ a[1:37].reshape(6, 6), x)
    both(lambda a, i: torch.zeros_like(a).scatter_add(0, i, a), x, torch.tensor([0, 1, 1, 2] * 9 + [36]))
    both(lambda a: a.clone().add_(100).mul_(3), x)


@pytest.mark.parametrize("name", LIMITED)
def test_limited_arithmetic(name):
    x, y = filled(name), filled(name, seed=1)
    for f in (torch.mul, torch.eq, torch.ne, torch.bitwise_and, torch.bitwise_or, torch.bitwise_xor):
        both(f, x, y)
    both(lambda a: a * 300 * a, x)
    both(lambda a: a * 1.5, x)
    both(lambda a: (a * a).to(torch.float32) / 3, x)
    for f in (torch.sum, torch.any, torch.all, lambda a: a.cumprod(0)):
        both(f, x)
    with pytest.raises(NotImplementedError, match="add_stub"):
        x.to("gpu") + y.to("gpu")


@pytest.mark.parametrize("name", ["float64", "complex32", "complex128"])
def test_what_the_gpu_lacks(name):
    with pytest.raises(NotImplementedError, match=f"{name} is not available on the GPU"):
        torch.zeros(2, dtype=getattr(torch, name)).to("gpu")
