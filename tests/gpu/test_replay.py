"""Every hand-written shader run by wgpu-py and compared with numpy. What rustgrad asks of the device is listened to and
done again by another binding: one submission per kernel, buffers that held rubbish before, none used twice. So a result
cannot rest on what the pool, the open batch or the order of our submissions happen to do.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gpu.wgpu_py import read, replay

import rustgrad as torch
import rustgrad.nn.functional as F
from rustgrad import _rustgrad

pytestmark = pytest.mark.gpu

SHADERS = Path(__file__).parents[2] / "shaders"
# Software adapters take another kernel for products than hardware, unless told.
FORCED = "RUSTGRAD_GPU_MATMUL"
SHARED = {"common", "complex", "floats", "math", "half", "i32", "i64"}
SEEN = []  # the texts that were replayed


def small(*shape, seed=0):
    """Whole numbers, so that sums are exact in any order."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float32)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def index(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, n, shape)


def there(x):
    return torch.from_numpy(np.ascontiguousarray(x)).to("gpu")


def leaf(x):
    return there(x).requires_grad_()


def compute(case):
    """The tensors that a case gives, as wgpu-py computes them, and as we do."""
    _rustgrad._gpu_trace(True)
    try:
        outs = case()
        outs = [t.detach() for t in (outs if isinstance(outs, (tuple, list)) else [outs])]
        places = [(_rustgrad._gpu_buffer(t), t.storage_offset(), t.stride()) for t in outs]
    finally:
        trace = _rustgrad._gpu_trace(False)
    SEEN.extend(event[2] for event in trace if event[0] == "launch")
    buffers = replay(trace)
    results = []
    for t, (number, offset, strides) in zip(outs, places):
        kind = np.dtype(str(t.dtype).split(".")[1])
        flat = np.frombuffer(read(buffers[number]), kind)[offset:]
        results.append(
            np.lib.stride_tricks.as_strided(flat, tuple(t.shape), [s * kind.itemsize for s in strides]).copy()
        )
    return results, [t.cpu().numpy() for t in outs]


def softmax(x, dim):
    e = np.exp(x.astype(np.float64) - x.max(dim, keepdims=True))
    return e / e.sum(dim, keepdims=True)


def layer_norm(x, w, b):
    x = x.astype(np.float64)
    u = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return u, u * w + b


def added(n, i, values):
    out = np.zeros((n, *values.shape[1:]))
    np.add.at(out, i, values)
    return out


def windows(x, k):
    """(n, c, h, w) as (n, c, h', w', k, k)."""
    return np.lib.stride_tricks.sliding_window_view(x, (k, k), (2, 3))


CASES = {}


def case(rtol=0.0):
    def register(fn):
        CASES[fn.__name__] = (fn, rtol)
        return fn

    return register


# Each gives what is computed on the GPU, and what numpy says it is.


@case()
def ranges():
    made = lambda: (torch.arange(3, 1000, 7, device="gpu"), torch.eye(5, 9, device="gpu"))  # noqa: E731
    return made, [np.arange(3, 1000, 7), np.eye(5, 9)]


@case()
def one_hot():
    i = index(9, 40)
    return lambda: F.one_hot(there(i), 9), [np.eye(9, dtype=np.int64)[i]]


@case()
def gather():
    x, i = normal(30, 7), index(30, 50)
    return lambda: there(x).index_select(0, there(i)), [x[i]]


def scattered(n, m, *rest):
    i, g = index(n, m), small(m, *rest)

    def run():
        x = leaf(small(n, *rest))
        x.index_select(0, there(i)).backward(there(g))
        return x.grad

    return run, [added(n, i, g)]


@case()
def scatter_by_loop():
    return scattered(30, 20, 4)


@case()
def scatter_sorted_in_a_tile():
    return scattered(30, 700)


@case()
def scatter_sorted_by_radix():
    return scattered(300, 70_000)


@case()
def overlapping_views():
    g = small(5, 4)

    def run():
        x = leaf(small(20))
        x.as_strided((5, 4), (2, 3)).backward(there(g))
        return x.grad

    return run, [added(20, (np.arange(5)[:, None] * 2 + np.arange(4) * 3).ravel(), g.ravel())]


@pytest.mark.parametrize("shape", [(3, 5), (5, 3000), (3000, 5), (2, 70_000), (300, 300)], ids=str)
@pytest.mark.parametrize("dim", [0, 1])
def test_reductions(shape, dim):
    x = small(*shape)
    for run, wanted in [
        (lambda: there(x).sum(dim), x.sum(dim)),
        (lambda: there(x).amax(dim), x.max(dim)),
        (lambda: there(x).argmax(dim), x.argmax(dim)),
        (lambda: there(x).sum(), x.sum()),
    ]:
        hold(run, [wanted], 0)


@case(1e-5)
def cumprod():
    x = np.exp(normal(3, 9000) / 50)
    return lambda: there(x).cumprod(1), [np.cumprod(x.astype(np.float64), 1)]


def product(m, k, n, turned=False):
    a, b = small(m, k), small(k, n, seed=1)
    run = lambda: there(a.T).t() @ there(b.T).t() if turned else there(a) @ there(b)  # noqa: E731
    return run, [a.astype(np.float64) @ b]


@case()
def products():
    return product(70, 90, 110)


@case()
def products_of_transposes():
    return product(65, 33, 70, turned=True)


@case()
def thin_products():
    return product(1, 3000, 40)


@case()
def products_with_vectors():
    a, v = small(300, 400), small(400, seed=1)
    return lambda: there(a) @ there(v), [a @ v]


@case()
def long_products():
    return product(16, 70_000, 16)


@case(1e-5)
def convolutions():
    x, w, b = small(2, 3, 9, 8), small(5, 3, 3, 3, seed=1), small(5, seed=2)
    g = small(2, 5, 7, 6, seed=3)
    forward = np.einsum("nchwij,ocij->nohw", windows(x, 3), w) + b[:, None, None]
    padded = np.pad(g, ((0, 0), (0, 0), (2, 2), (2, 2)))
    to_x = np.einsum("nohwij,ocij->nchw", windows(padded, 3), w[:, :, ::-1, ::-1])
    to_w = np.einsum("nchwij,nohw->ocij", windows(x, 3), g)

    def run():
        leaves = [leaf(v) for v in (x, w, b)]
        y = F.conv2d(*leaves)
        y.backward(there(g))
        return [y, *(v.grad for v in leaves)]

    return run, [forward, to_x, to_w, g.sum((0, 2, 3))]


@case()
def pooling():
    x, g = normal(2, 3, 6, 8), small(2, 3, 3, 4)
    parts = x.reshape(2, 3, 3, 2, 4, 2)
    most = parts.max((3, 5))
    back = (parts == most[:, :, :, None, :, None]) * g[:, :, :, None, :, None]

    def run():
        v = leaf(x)
        y = F.max_pool2d(v, 2)
        y.backward(there(g))
        return [y, v.grad]

    return run, [most, back.reshape(x.shape)]


@case(1e-6)
def means_and_maxima_over_windows():
    x, g = normal(2, 3, 6, 8), small(2, 3, 3, 4)
    parts = x.reshape(2, 3, 3, 2, 4, 2)
    spread = np.repeat(np.repeat(g, 2, 2), 2, 3)

    def run():
        v = leaf(x)
        mean = F.avg_pool2d(v, 2)
        mean.backward(there(g))
        return [mean, v.grad, F.adaptive_avg_pool2d(v, (3, 4)), F.adaptive_max_pool2d(v, (3, 4))]

    mean, most = parts.mean((3, 5)), parts.max((3, 5))
    return run, [mean, spread / 4, mean, most]


@case()
def order():
    x = np.random.default_rng(0).permutation(3 * 300).reshape(3, 300).astype(np.float32)
    edges = np.sort(normal(70))
    y = np.sort(x, 1)

    def run():
        v = there(x)
        values, places = torch.sort(v, 1)
        most, where = torch.topk(v, 5, 1)
        found = torch.searchsorted(there(edges), v[:, :40].contiguous())
        return [values, places, most, where, v.median(1).values, found]

    most = y[:, :-6:-1]
    return run, [y, np.argsort(x, 1), most, np.argsort(-x, 1)[:, :5], y[:, 149], np.searchsorted(edges, x[:, :40])]


@pytest.mark.parametrize(
    "shape, dim", [((7, 5), 1), ((3, 5000), 1), ((64, 300), 0), ((33, 64), 1), ((2, 70, 3), 1)], ids=str
)
@pytest.mark.parametrize("log", [False, True])
def test_softmax(shape, dim, log):
    x, g = normal(*shape), normal(*shape, seed=1)
    p = softmax(x, dim)
    back = p * (g - (g * p).sum(dim, keepdims=True)) if not log else g - p * g.sum(dim, keepdims=True, dtype=np.float64)

    def run():
        v = leaf(x)
        y = F.log_softmax(v, dim) if log else F.softmax(v, dim)
        y.backward(there(g))
        return [y, v.grad]

    hold(run, [np.log(p) if log else p, back], 2e-5)


@pytest.mark.parametrize("rows, n", [(5, 7), (3, 5000), (3000, 64)])
def test_layer_norm(rows, n):
    x, w, b, g = normal(rows, n), normal(n, seed=1), normal(n, seed=2), normal(rows, n, seed=3)
    u, y = layer_norm(x, w, b)
    h = g.astype(np.float64) * w
    deviation = np.sqrt(x.astype(np.float64).var(-1, keepdims=True) + 1e-5)
    back = (h - h.mean(-1, keepdims=True) - u * (h * u).mean(-1, keepdims=True)) / deviation

    def run():
        leaves = [leaf(v) for v in (x, w, b)]
        y = F.layer_norm(leaves[0], [n], *leaves[1:])
        y.backward(there(g))
        return [y, *(v.grad for v in leaves)]

    hold(run, [y, back, (g * u).sum(0), g.sum(0, dtype=np.float64)], 2e-5)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("n", [6, 3000])
def test_cross_entropy(reduction, n):
    x, t = normal(n, 10), index(10, n)
    p = softmax(x, 1)
    each = -np.log(p[np.arange(n), t])
    back = p - np.eye(10)[t]

    def run():
        v = leaf(x)
        y = F.cross_entropy(v, there(t), reduction=reduction)
        y.backward(torch.ones_like(y))
        return [y, v.grad]

    value = {"none": each, "sum": each.sum(), "mean": each.mean()}[reduction]
    hold(run, [value, back / n if reduction == "mean" else back], 2e-5)


@pytest.mark.parametrize("strided", [False, True])
def test_optimizers(strided):
    x, g = normal(12, 10), normal(12, 10, seed=1)

    def stepped(make, steps=2):
        def run():
            p = there(x.T).t().requires_grad_() if strided else leaf(x)
            optimizer = make([p])
            for _ in range(steps):
                p.grad = there(g)
                optimizer.step()
            return p

        return run

    x, g = x.astype(np.float32), g.astype(np.float32)
    hold(stepped(lambda p: torch.optim.SGD(p, lr=0.5)), [x - 2 * 0.5 * g], 1e-5)
    hold(stepped(lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.9)), [x - 0.5 * g * (1 + 1.9)], 1e-5)
    # With one gradient, Adam's means cancel their corrections: each step is lr along its sign.
    sign = g / (np.abs(g) + 1e-8)
    hold(stepped(lambda p: torch.optim.Adam(p, lr=0.1)), [x - 2 * 0.1 * sign], 1e-5)
    hold(stepped(lambda p: torch.optim.Adam(p, lr=0.1, amsgrad=True), steps=1), [x - 0.1 * sign], 1e-5)


def hold(run, wanted, rtol):
    theirs, ours = compute(run)
    for got, again, want in zip(theirs, ours, wanted):
        assert got.shape == np.shape(want)
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * max(1.0, float(np.abs(want).max(initial=0))))
        np.testing.assert_allclose(again, got, rtol=1e-6, atol=1e-6 * max(1.0, float(np.abs(want).max(initial=0))))


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    fn, rtol = CASES[name]
    hold(*fn(), rtol)


def test_the_product_that_hardware_chooses():
    if FORCED in os.environ:
        pytest.skip("in such a run")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, env=os.environ | {FORCED: "tiled"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


def test_every_shader_was_run():
    """Of each kernel's body most lines are in a text that was replayed. (Runs after the others of this file.)"""
    if len(set(SEEN)) < 30:
        pytest.skip("only with all tests of this file")
    forced, software = os.environ.get(FORCED) == "tiled", torch.gpu.is_software()
    missing = []
    for path in sorted(SHADERS.glob("*.wgsl")):
        if path.stem in SHARED or (software and forced != (path.stem == "matmul_tiled")):
            continue
        lines = [line.strip() for line in path.read_text().splitlines()]
        lines = [line for line in lines if len(line) > 3 and not line.startswith("//")]
        if not any(2 * sum(line in text for line in lines) > len(lines) for text in SEEN):
            missing.append(path.name)
    assert not missing
