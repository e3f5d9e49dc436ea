"""Products, convolutions and poolings on the GPU against the CPU's: values, gradients, second gradients.

`RUSTGRAD_GPU_MATMUL=tiled` or `plain` (read once a process) runs the same tests on that variant of the kernel; the last
test does so for both, in processes of their own.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

import rustgrad as torch
from rustgrad.nn import functional as F

pytestmark = pytest.mark.gpu

FLOATS = ["float32", "float16", "bfloat16"]
# Of the largest value: rounding of the type, once.
TOLERANCE = {"float32": 2e-5, "float16": 2e-3, "bfloat16": 1.6e-2}


def values(shape, dtype, seed=0):
    rng = np.random.default_rng((seed, *shape))
    if dtype in FLOATS:
        return torch.tensor(rng.uniform(-1, 1, shape).astype(np.float32)).to(getattr(torch, dtype))
    high = 200 if dtype == "uint8" else 1000
    return torch.tensor(rng.integers(0, high, shape).astype(np.int64)).to(getattr(torch, dtype))


def numbers(x):
    return x.detach().cpu().float().numpy() if x.dtype.is_floating_point else x.cpu().numpy()


def close(got, want, what):
    assert got.shape == want.shape and got.dtype == want.dtype, what
    name = str(want.dtype).rsplit(".", 1)[-1]
    assert str(got.device).startswith("gpu"), what
    a, b = numbers(got), numbers(want)
    if name not in FLOATS:
        assert (a == b).all(), what
    elif a.size:
        assert (np.isnan(a) == np.isnan(b)).all(), what
        finite = np.isfinite(b)
        assert (a[~finite & ~np.isnan(b)] == b[~finite & ~np.isnan(b)]).all(), what
        a, b = a[finite], b[finite]
        room = TOLERANCE[name] * np.abs(b).max(initial=1.0)
        assert np.abs(a - b).max(initial=0) <= room, f"{what}: {np.abs(a - b).max()} > {room}"


def both(f, *xs, grad=True, twice=False, what=""):
    """`f` on the CPU and on the GPU, with gradients of all inputs, and of those again if `twice`."""
    results = []
    for device in ["cpu", "gpu"]:
        leaves = [x.detach().to(device) for x in xs]
        record = grad and all(x.dtype.is_floating_point for x in leaves)
        for x in leaves:
            x.requires_grad_(record)
        y = f(*leaves)
        out = [y]
        if record:
            g = values(y.shape, "float32", 7).to(y.dtype).to(device)
            g.requires_grad_(twice)
            grads = torch.autograd.grad(y, leaves, g, create_graph=twice)
            out += grads
            if twice:
                seeds = [values(v.shape, "float32", 8).to(v.dtype).to(device) for v in grads]
                out += torch.autograd.grad(grads, [*leaves, g], seeds, allow_unused=True, materialize_grads=True)
        results.append(out)
    for i, (want, got) in enumerate(zip(*results, strict=True)):
        close(got, want, f"{what} result {i}")


SIZES = [
    (1, 1, 1),
    (3, 5, 4),
    (4, 4, 4),
    (1, 300, 70),
    (300, 1, 70),
    (1, 1, 9000),
    (5, 7, 2100),
    (64, 64, 64),
    (63, 65, 17),
]
SIZES += [
    (65, 130, 100),
    (128, 256, 64),
    (8, 132, 33),
    (66, 8, 40),
    (2, 2, 0),
    (0, 3, 4),
    (100, 10, 128),
    (64, 128, 1028),
]


@pytest.mark.parametrize("m, n, k", SIZES)
def test_mm(m, n, k):
    a, b = values((m, k), "float32"), values((k, n), "float32", 1)
    both(lambda a, b: a @ b, a, b, what="nn")
    both(lambda a, b: a.t() @ b, a.t().contiguous(), b, what="tn")
    both(lambda a, b: a @ b.t(), a, b.t().contiguous(), what="nt")
    both(lambda a, b: a.t() @ b.t(), a.t().contiguous(), b.t().contiguous(), what="tt")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int32", "uint8"])
@pytest.mark.parametrize("m, n, k", [(3, 5, 4), (64, 128, 64), (1, 33, 70), (33, 1, 71), (70, 130, 600), (4, 4, 2000)])
def test_dtypes(m, n, k, dtype):
    a, b = values((m, k), dtype), values((k, n), dtype, 1)
    both(lambda a, b: a @ b, a, b)
    both(lambda a, b: a @ b.t(), a, b.t().contiguous())


RANKS = [((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (4,)), ((3, 4), (2, 4, 5))]
RANKS += [
    ((4,), (2, 4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((5, 1, 3, 4), (2, 4, 2)),
    ((2, 1, 3, 1, 5, 4), (1, 2, 1, 3, 4, 3)),
]
RANKS += [
    ((7, 64, 8), (7, 8, 64)),
    ((2, 3, 1, 8), (2, 3, 8, 16)),
    ((2, 3, 16, 8), (2, 3, 8, 1)),
    ((0, 3, 4), (0, 4, 5)),
]


@pytest.mark.parametrize("a, b", RANKS)
def test_ranks(a, b):
    both(torch.matmul, values(a, "float32"), values(b, "float32", 1), twice=True)


def test_strides():
    x, y = values((40, 70), "float32"), values((70, 90), "float32", 1)
    both(lambda x, y: x[:, ::2] @ y[1::2, 3:], x, y)
    both(lambda x, y: x[3:, 1:] @ y[1:, ::3], x, y)
    both(lambda x, y: x[:, :1].expand(40, 70) @ y, x, y)
    both(lambda x, y: x.view(2, 20, 70).transpose(0, 1) @ y, x, y)
    both(lambda x, y: x.view(20, 2, 70).permute(1, 0, 2) @ y.expand(2, 70, 90), x, y)
    both(lambda x, y: torch.mv(x.t()[::2], y[:40, 3]), x, y)
    both(lambda x, y: torch.dot(x[::2].reshape(-1)[::3], y.reshape(-1)[:467]), x, y)
    both(lambda x: torch.dot(x, x), values((100_000,), "float32"))
    both(lambda x, y: torch.inner(x, y), values((6, 3, 8), "float32"), values((5, 8), "float32", 1))


@pytest.mark.parametrize("dtype", [*FLOATS, "int32"])
@pytest.mark.parametrize("add", [(5,), (3, 1), (3, 5), (), (1, 5)])
def test_addmm(add, dtype):
    x, a, b = values(add, dtype), values((3, 4), dtype, 1), values((4, 5), dtype, 2)
    both(lambda x, a, b: torch.addmm(x, a, b, beta=2, alpha=3), x, a, b, twice=dtype == "float32")
    if dtype == "float32":
        a, b = values((3, 1600), dtype, 1), values((1600, 5), dtype, 2)
        both(lambda x, a, b: torch.addmm(x, a, b, beta=0.5, alpha=-2), x, a, b)


def test_added():
    x, a, b = values((2, 3, 8), "float32"), values((2, 3, 4), "float32", 1), values((2, 4, 8), "float32", 2)
    both(lambda x, a, b: torch.baddbmm(x, a, b, beta=0.5, alpha=2), x, a, b, twice=True)
    both(lambda x, a, b: torch.baddbmm(x[:1, :1], a, b), x, a, b)
    both(lambda x, a, b: torch.addmv(x[0, 0, :3], a[0], b[0, :, 0], beta=0.5), x, a, b)
    both(lambda x, a, b: torch.addmm(x[0], a[0, :, :0], b[0, :0], beta=3), x, a, b)
    nan = torch.full((3, 8), float("nan"))
    both(lambda x, a, b: torch.addmm(x, a[0], b[0], beta=0), nan, a, b, grad=False)
    y = x.to("gpu")[0].clone()
    y.addmm_(a[0].to("gpu"), b[0].to("gpu"))
    close(y, torch.addmm(x[0], a[0], b[0]), "addmm_")
    out = torch.empty((8, 3), device="gpu").t()
    torch.mm(a[0].to("gpu"), b[0].to("gpu"), out=out)
    close(out, a[0] @ b[0], "out=")


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "shape, out",
    [((3, 4), 5), ((64, 128), 10), ((2, 3, 8), 8), ((784,), 128), ((4, 784), 128), ((0, 4), 5), ((3, 0), 5)],
)
def test_linear(shape, out, dtype):
    x, w, b = values(shape, dtype), values((out, shape[-1]), dtype, 1), values((out,), dtype, 2)
    both(F.linear, x, w, b, twice=dtype == "float32")
    both(F.linear, x, w)


def test_nan_and_infinity():
    a = torch.tensor([[1.0, float("inf"), 0.0, 0.0], [float("nan"), 1.0, 0.0, 1.0]])
    both(lambda a, b: a @ b, a, torch.eye(4), grad=False)
    both(lambda a, b: a @ b, a[:, :3], torch.eye(3), grad=False)


def test_refusals():
    a = torch.ones((2, 2), dtype=torch.int64, device="gpu")
    with pytest.raises(NotImplementedError, match="int64 is not implemented on the GPU"):
        a @ a
    with pytest.raises(NotImplementedError, match="not implemented for 'Bool'"):
        a.bool() @ a.bool()


CONVS = [
    ((2, 3, 5, 6), (4, 3, 3, 3), {}),
    ((2, 3, 5, 6), (4, 3, 3, 2), {"stride": 2, "padding": 1}),
    ((2, 4, 7, 5), (6, 2, 3, 3), {"stride": (2, 1), "padding": (1, 2), "dilation": (2, 1), "groups": 2}),
    ((1, 3, 4, 4), (3, 1, 3, 3), {"padding": 1, "groups": 3}),
    ((3, 5, 6), (4, 3, 1, 1), {}),
    ((2, 8, 4, 4), (8, 8, 1, 1), {}),
    ((2, 4, 9, 9), (4, 4, 1, 1), {"stride": 3}),
    ((2, 3, 5, 6), (4, 3, 2, 3), {"padding": "same", "dilation": (1, 2)}),
    ((1, 2, 3, 3), (3, 2, 1, 1), {"padding": 2}),
    ((1, 2, 11, 13), (5, 2, 3, 4), {"stride": (3, 4), "padding": (2, 3), "dilation": (2, 3)}),
    ((1, 2, 12, 12), (5, 2, 2, 2), {"stride": (4, 3)}),
    ((1, 1, 20, 20), (8, 1, 5, 5), {"stride": 2, "padding": 4}),
    ((4, 16, 12, 12), (72, 16, 3, 3), {"padding": 1}),
    ((0, 3, 5, 6), (4, 3, 3, 3), {}),
]


@pytest.mark.parametrize("x, w, options", CONVS)
def test_conv2d(x, w, options):
    inputs = values(x, "float32"), values(w, "float32", 1), values(w[:1], "float32", 2)
    small = np.prod(x) < 5000
    both(lambda x, w, b: F.conv2d(x, w, b, **options), *inputs, twice=small)
    both(lambda x, w: F.conv2d(x, w, **options), *inputs[:2])
    if len(x) == 4 and x[0]:

        def last(x):
            return x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)

        both(lambda x, w, b: F.conv2d(last(x), w.transpose(2, 3).contiguous().transpose(2, 3), b, **options), *inputs)
        both(lambda x, w, b: F.conv2d(x[:, :, 1:, 1:][:, :, :, ::1], w, b[::1], **options), *inputs)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int32", "uint8"])
@pytest.mark.parametrize("x, w, options", CONVS[:2] + CONVS[5:6] + CONVS[12:13])
def test_conv2d_dtypes(x, w, options, dtype):
    both(lambda x, w, b: F.conv2d(x, w, b, **options), values(x, dtype), values(w, dtype, 1), values(w[:1], dtype, 2))


def test_large():
    """More results than a row of a grid, more columns than a dispatch takes, more work than one."""
    both(lambda a, b: a @ b, values((600_000, 3), "float32"), values((3, 2), "float32", 1), grad=False)
    both(lambda a, b: a @ b.t(), values((1, 8), "float32"), values((300_000, 8), "float32", 1), grad=False)
    both(lambda a, b: a @ b, values((70_000, 2, 3), "float32"), values((70_000, 3, 2), "float32", 1), grad=False)
    both(lambda a, b: a @ b, values((1024, 1100), "float32"), values((1100, 2100), "float32", 1), grad=False)
    both(F.conv2d, values((24, 1, 112, 112), "float32"), values((2, 1, 2, 2), "float32", 1))


def test_conv2d_long_sum():
    both(lambda x, w: F.conv2d(x, w, padding=1), values((8, 2, 32, 32), "float32"), values((4, 2, 3, 3), "float32", 1))


POOLS = [
    ((2, 3, 6, 5), {"kernel_size": 2}),
    ((2, 3, 6, 5), {"kernel_size": (3, 2), "stride": (2, 1), "padding": 1}),
    ((1, 2, 9, 9), {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2}),
    ((1, 2, 7, 6), {"kernel_size": 2, "stride": 3, "ceil_mode": True}),
    ((1, 2, 8, 8), {"kernel_size": 4, "stride": 1, "padding": 2}),
    ((3, 6, 4), {"kernel_size": 2}),
    ((4, 8, 28, 28), {"kernel_size": 2}),
    ((0, 3, 4, 4), {"kernel_size": 2}),
]


@pytest.mark.parametrize("dtype", [*FLOATS, "int32", "uint8", "int64"])
@pytest.mark.parametrize("shape, options", POOLS)
def test_max_pool2d(shape, options, dtype):
    x = values(shape, dtype)
    both(lambda x: F.max_pool2d(x, **options), x, twice=dtype == "float32")
    both(lambda x: F.max_pool2d(x, return_indices=True, **options)[1], x, grad=False)
    if len(shape) == 4 and shape[0]:
        last = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        both(lambda x: F.max_pool2d(x, **options), last)
        want, got = F.max_pool2d(last, **options), F.max_pool2d(last.to("gpu"), **options)
        assert got.stride() == want.stride()


def test_max_pool2d_special():
    inf, nan = float("inf"), float("nan")
    x = torch.tensor([1.0, nan, 3.0, inf, -inf, -inf, -inf, 2.0, nan, nan, 0.0, -0.0]).view(1, 1, -1, 1)
    for options in [{"kernel_size": (3, 1)}, {"kernel_size": (4, 1), "stride": (1, 1), "padding": (2, 0)}]:
        both(lambda x: F.max_pool2d(x, **options), x, grad=False)
        both(lambda x: F.max_pool2d(x, return_indices=True, **options)[1], x, grad=False)
    ties = torch.zeros((1, 1, 4, 4))
    both(lambda x: F.max_pool2d(x, 3, 1), ties)


def test_same_bits_again():
    x, w = values((8, 16, 20, 20), "float32").to("gpu"), values((24, 16, 3, 3), "float32", 1).to("gpu")
    w.requires_grad_(True)
    runs = []
    for _ in range(2):
        y = F.max_pool2d(F.conv2d(x, w, padding=1), 3, 2)
        runs.append([y.detach().cpu().numpy(), torch.autograd.grad((y * y).sum(), w)[0].cpu().numpy()])
    for a, b in zip(*runs, strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("variant", ["tiled", "plain"])
def test_each_variant(variant):
    if "RUSTGRAD_GPU_MATMUL" in os.environ:
        pytest.skip("in a test of a variant")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__]
    env = {**os.environ, "RUSTGRAD_GPU_MATMUL": variant}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
