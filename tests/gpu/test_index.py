"""Indexing on the GPU: results, gradients and refusals are the CPU's, to the bit where elements only move or add."""

import os
import subprocess
import sys

import numpy as np
import pytest

import rustgrad as torch

pytestmark = pytest.mark.gpu

FLOATS = [torch.float32, torch.float16, torch.bfloat16]
ALL = [*FLOATS, torch.int64, torch.int32, torch.uint8, torch.bool]


def numpy(t):
    t = t.detach().cpu()
    return (t.float() if t.dtype == torch.bfloat16 else t).numpy()


def same(gpu, cpu, rtol=0.0):
    assert gpu.device.type == "gpu" and gpu.dtype == cpu.dtype and gpu.shape == cpu.shape
    np.testing.assert_allclose(numpy(gpu), numpy(cpu), rtol, rtol)


def random(shape, dtype=torch.float32, seed=0):
    rng = np.random.default_rng(seed)
    if dtype in FLOATS:
        return torch.tensor(rng.standard_normal(shape).astype(np.float32)).to(dtype)
    return torch.tensor(rng.integers(0, 2 if dtype == torch.bool else 100, shape)).to(dtype)


def indices(shape, n, seed=1):
    return torch.tensor(np.random.default_rng(seed).integers(0, n, shape))


def views(x):
    """Tensors of the values of x under several layouts."""
    yield x
    yield x.transpose(0, -1).contiguous().transpose(0, -1)
    wide = torch.zeros([*x.shape[:-1], 2 * x.shape[-1] + 1], dtype=x.dtype)
    wide[..., 1::2] = x
    yield wide[..., 1::2]


def on_gpu(x):
    """The same layout there."""
    if x.is_contiguous():
        return x.to("gpu")
    order = sorted(range(x.ndim), key=lambda d: -x.stride(d))
    back = [order.index(d) for d in range(x.ndim)]
    t = x.permute(order)
    if t.is_contiguous():
        return t.to("gpu").permute(back)
    wide = torch.zeros([*x.shape[:-1], 2 * x.shape[-1] + 1], dtype=x.dtype).to("gpu")
    wide[..., 1::2] = x.contiguous().to("gpu")
    return wide[..., 1::2]


def both(f, *inputs, grad=True, rtol=0.0):
    """f on both devices; gradients, and gradients of gradients, too. Returns what has the GPU's results."""
    results = []
    for move in (on_gpu, lambda x: x):
        x = [move(t).detach() for t in inputs]
        for t in x:
            t.requires_grad_(grad and t.is_floating_point())
        y = f(*x)
        out = [y]
        leaves = [t for t in x if t.requires_grad]
        if leaves:
            weight = move(random(list(y.shape), y.dtype, 7))
            weight.requires_grad_()
            first = torch.autograd.grad(y, leaves, weight, create_graph=True, allow_unused=True)
            for g in (g for g in first if g is not None):
                out.append(g)
                out += torch.autograd.grad(g, weight, move(random(list(g.shape), g.dtype, 8)), retain_graph=True)
        results.append(out)
    for a, b in zip(*results, strict=True):
        same(a, b, rtol)
    return results[0]


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_gather(dtype, dim):
    x = random((5, 6, 7), dtype)
    index = indices((4, 5, 6), 5)
    for a in views(x):
        for i in views(index):
            both(lambda a, i: torch.gather(a, dim, i), a, i)


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("shape", [(9, 8), (9, 64), (9, 7), (9, 1), (3, 5, 8)])
def test_index_select(dtype, shape):
    x = random(shape, dtype)
    for a in views(x):
        for dim in range(len(shape)):
            for n in (0, 1, 13):
                both(lambda a, i: torch.index_select(a, dim, i), a, indices((n,), shape[dim]))
    both(lambda a, i: torch.index_select(a, 0, i), x, indices((6,), shape[0]).to(torch.int32))
    both(lambda a, i: torch.index_select(a, 0, i[::2]), x, indices((6,), shape[0]))


def test_small():
    both(lambda a, i: torch.gather(a, 0, i), random(()), indices((), 1))
    both(lambda a, i: torch.gather(a, 0, i), random(()), indices((1,), 1))
    both(lambda a, i: torch.index_select(a, 0, i), random(()), indices((1,), 1))
    both(lambda a, i: torch.gather(a, 0, i), random((3, 4)), indices((0, 4), 3))
    both(lambda a, i: torch.scatter_add(a, 0, i, a), random(()), indices((), 1))
    both(lambda a, i, s: torch.scatter_add(a, 0, i, s), random((3, 4)), indices((0, 4), 3), random((2, 4)))


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_scatter_add(dtype, dim):
    x, src, index = random((5, 6, 7), dtype), random((5, 6, 7), dtype, 3), indices((4, 6, 5), 5)
    for a in views(x):
        for s in views(src):
            both(lambda a, i, s: torch.scatter_add(a, dim, i, s), a, index, s)
    for i in views(index):
        both(lambda a, i, s: torch.scatter_add(a, dim, i, s), x, i, src)

    def inplace(a, i, s):
        a = a.clone()
        a[1:].scatter_add_(dim, i[1:] % 4, s[1:])
        return a

    both(inplace, x, index, src)


@pytest.mark.parametrize("n", [1, 2, 3, 63, 64, 65, 255, 257, 1025, 4095, 4096, 4097, 9000, 100_000])
@pytest.mark.parametrize("size", [1, 2, 7, 300, 70_000])
def test_scatter_add_of_many(n, size):
    """Sorted in a workgroup, and by passes of a radix sort: bits are those of a loop in index order."""
    both(lambda a, i, s: a.scatter_add(0, i, s), random((size,)), indices((n,), size), random((n,), seed=2), grad=False)


@pytest.mark.parametrize("shape", [(3, 5000), (40, 300), (700, 3), (2, 4096), (1000, 1)])
@pytest.mark.parametrize("dim", [0, 1])
def test_scatter_add_of_slices(shape, dim):
    index = indices(shape, 50)
    size = list(shape)
    size[dim] = 50
    for dtype in (torch.float32, torch.int64, torch.float16):
        src = random(shape, dtype)
        both(lambda a, i, s: a.scatter_add(dim, i, s), random(size, dtype), index, src, grad=False)


def test_scatter_add_to_far_places():
    """A size so large that index and place do not fit one word together."""
    index = indices((4000,), 3_000_000)
    index[::3] = 2_999_999
    both(lambda i, s: torch.zeros(3_000_000, device=s.device).scatter_add(0, i, s), index, random((4000,)), grad=False)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (2, 3, 4), (0,), (40, 130)])
@pytest.mark.parametrize("width", [1, 3, 4, 64])
def test_embedding(dtype, shape, width):
    weight, index = random((50, width), dtype), indices(shape, 50)
    f = torch.nn.functional.embedding
    both(lambda i, w: f(i, w), index, weight)
    both(lambda i, w: f(i, w, padding_idx=3), index % 5, weight)
    both(lambda i, w: f(i, w, padding_idx=-1, scale_grad_by_freq=True), index % 4 + 46, weight)
    both(lambda i, w: f(i, w), index.to(torch.int32), weight)


def test_embedding_runs_the_same_each_time():
    weight, index = random((1000, 32)), indices((64, 64), 1000)
    grads = [both(lambda i, w: torch.nn.functional.embedding(i, w), index, weight)[1] for _ in range(3)]
    assert all(numpy(g).tobytes() == numpy(grads[0]).tobytes() for g in grads)


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (0,), (1000,)])
def test_one_hot(shape):
    x = indices(shape, 7)
    f = torch.nn.functional.one_hot
    both(lambda x: f(x, 9), x)
    if x.numel():
        both(f, x)
        both(lambda x: f(x.transpose(0, -1)) if x.ndim > 1 else f(x), x)
        with pytest.raises(RuntimeError, match="smaller than num_classes"):
            f(x.to("gpu"), 1)
        with pytest.raises(RuntimeError, match="non-negative"):
            f(x.to("gpu") - 9)


@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("gather", lambda x, i: torch.gather(x, 0, i.unsqueeze(1))),
        ("index_select", lambda x, i: torch.index_select(x, 0, i)),
        ("embedding", lambda x, i: torch.nn.functional.embedding(i, x)),
        ("scatter_add", lambda x, i: torch.scatter_add(x, 0, i.unsqueeze(1), x[:4])),
    ],
)
@pytest.mark.parametrize("bad", [5, -1, 1 << 40, -(1 << 40)])
def test_bad_indices_are_reported_at_the_next_read(name, f, bad):
    x, i = random((5, 3)).to("gpu"), torch.tensor([1, bad, 2, 0]).to("gpu")
    y = f(x, i)
    with pytest.raises((IndexError, RuntimeError), match=f"{name}: index {bad} is out of bounds .*size 5"):
        y.cpu()
    y = f(x, i.clamp(0, 4))
    assert np.isfinite(numpy(y)).all()
    if name != "scatter_add":
        with pytest.raises((IndexError, RuntimeError), match="size 0"):
            f(x[:0], i)


def test_checked_indices_are_reported_at_once():
    program = (
        "import rustgrad as torch\n"
        "x = torch.zeros(3, device='gpu')\n"
        "try:\n    x.gather(0, torch.tensor([3], device='gpu'))\n"
        "except (IndexError, RuntimeError) as e:\n    print(e)\n"
    )
    environment = os.environ | {"RUSTGRAD_GPU_CHECK": "1"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert "gather: index 3 is out of bounds" in run.stdout


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_join(dtype, dim):
    a, b = random((3, 4), dtype), random((3, 4), dtype, 5)
    for x in views(a):
        both(lambda x, b: torch.cat([x, b, x], dim), x, b)
        both(lambda x, b: torch.stack([x, b], dim), x, b)
        both(lambda x, b: torch.cat([x.t(), b.t()[:, :3]], dim), x, b)
    both(lambda x, b: torch.cat([x, b.to(torch.float32)], dim), a, b)
    both(lambda x, b: torch.hstack([x, b]), a, b)
    both(lambda x, b: torch.vstack([x[0], b, x[:0]]), a, b)


VIEWS = [
    lambda x: x[1],
    lambda x: x[-1, ..., None],
    lambda x: x[:, 1:3],
    lambda x: x[::2, None, ::3],
    lambda x: x[..., 1],
    lambda x: x[None],
    lambda x: x[1:1],
    lambda x: x.select(1, 2),
    lambda x: x.narrow(1, 1, 2),
    lambda x: x.narrow(1, torch.tensor(1, device=x.device), 2),
    lambda x: x.permute(2, 0, 1),
    lambda x: x.transpose(0, 2),
    lambda x: x.movedim(0, -1),
    lambda x: x.swapaxes(0, 1),
    lambda x: x.mT,
    lambda x: x.view(-1, 2),
    lambda x: x.view(4, 12),
    lambda x: x.reshape(2, 24),
    lambda x: x.flatten(1),
    lambda x: x.unflatten(2, (2, 1)),
    lambda x: x.unsqueeze(1),
    lambda x: x[:1].squeeze(0),
    lambda x: x.unbind(1)[1],
    lambda x: x.split(3, 1)[1],
    lambda x: x.split([1, 5], 1)[1],
    lambda x: x.chunk(4, 1)[2],
    lambda x: x.as_strided((2, 2), (1, 5), 3),
    lambda x: x.detach(),
    lambda x: x[torch.tensor(2, device=x.device)],
]


@pytest.mark.parametrize("k", range(len(VIEWS)))
def test_views(k):
    x = random((4, 6, 2))
    f = VIEWS[k]
    y = f(x.to("gpu"))
    assert y.device.type == "gpu" and y.stride() == f(x).stride() and y.storage_offset() == f(x).storage_offset()
    if y.requires_grad or k != len(VIEWS) - 2:
        both(f, x)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.transpose(0, 1).reshape(-1),
        lambda x: x.transpose(0, 2).contiguous(),
        lambda x: x.ravel(),
        lambda x: x.t() if x.ndim < 3 else x[0].t(),
        lambda x: x.as_strided((5, 4), (2, 1), 1),
        lambda x: x.as_strided((3, 4), (0, 2), 1),
        lambda x: x.as_strided((3, 4), (0, 2), 1).as_strided((4,), (3,), 2),
        lambda x: x.clone().as_strided((5, 4), (2, 3), 1) * 2,
    ],
)
def test_copies_and_overlaps(f):
    both(f, random((4, 6, 2)))


def test_view_as_another_dtype():
    x = random((4, 6)).to("gpu")
    assert x.view(torch.int32).cpu().tolist() == x.cpu().view(torch.int32).tolist()
    assert x.view(torch.uint8)[1:, 4:].cpu().tolist() == x.cpu().view(torch.uint8)[1:, 4:].tolist()
    with pytest.raises(RuntimeError, match="float64"):
        x.view(torch.float64)


WRITES = [
    lambda x, v: x.__setitem__(1, v[0]),
    lambda x, v: x.__setitem__((slice(None), slice(1, 4)), v[:, 1:4]),
    lambda x, v: x.__setitem__((..., 0), v[0, :, 0]),
    lambda x, v: x.__setitem__((slice(None, None, 2), None, slice(1, None, 3)), v[::2, 1::3].unsqueeze(1)),
    lambda x, v: x.__setitem__(slice(0, 0), v[:0]),
    lambda x, v: x.__setitem__((slice(1, 3), 2), v[0, 0]),
    lambda x, v: x.__setitem__((1, slice(None)), v[0, :1, :1]),
    lambda x, v: x.__setitem__(Ellipsis, 3),
    lambda x, v: x.__setitem__((2, 1), -1.5),
    lambda x, v: x.__setitem__(1, True),
    lambda x, v: x.__setitem__(1, torch.tensor([1, 2])),
    lambda x, v: x.__setitem__((0, slice(None)), torch.from_numpy(np.ones((6, 2)))),
    lambda x, v: x.__setitem__(slice(1, 3), v[1:3].to(torch.float32)),
    lambda x, v: x[1:, ::2].fill_(2),
    lambda x, v: x[:, 1].zero_(),
    lambda x, v: x[:, 1:3].copy_(v[:, 2:4]),
    lambda x, v: x[1].add_(v[2]),
    lambda x, v: x.t_() if x.ndim < 3 else x.transpose_(0, 1),
]


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("k", range(len(WRITES)))
@pytest.mark.parametrize("where", ["gpu", "cpu"])
def test_writes(dtype, k, where):
    x, v = random((4, 6, 2), dtype), random((4, 6, 2), dtype, 4)
    if dtype == torch.bool and k == 16:
        pytest.skip("bool does not add")
    for a in views(x):
        expected, got = a.clone(), on_gpu(a).clone()
        WRITES[k](expected, v)
        WRITES[k](got, v.to(where) if k != 16 else v.to("gpu"))
        same(got, expected)


@pytest.mark.parametrize("k", [0, 1, 2, 5, 6, 7, 8, 13, 14, 15, 16])
def test_gradients_of_writes(k):
    def f(x, v):
        y = x * 2
        WRITES[k](y, v)
        return y[1:] * y[1:]

    # What was broadcast is summed in an order of each device's own.
    both(f, random((4, 6, 2)), random((4, 6, 2), seed=4), rtol=1e-5)


def test_gradient_to_a_written_cpu_tensor():
    v = random((6, 2)).requires_grad_()
    x = torch.zeros(4, 6, 2, device="gpu")
    x[2] = v
    (x * 3).backward(torch.ones(4, 6, 2, device="gpu"))
    assert v.grad.device.type == "cpu" and (v.grad == 3).all()


def test_reads_and_writes_across_devices():
    v = random((4, 6))
    x = torch.zeros(4, 6)
    x[:, ::2] = v.to("gpu")[:, ::2]
    assert (x[:, ::2] == v[:, ::2]).all() and (x[:, 1::2] == 0).all()
    x = v.to("gpu")
    assert [row.tolist() for row in x] == v.tolist() and len(x) == 4
    assert x[1, 2].item() == v[1, 2].item() and float(x[-1, -1]) == float(v[-1, -1])
    x[0] = v[:1, :1].double()
    assert (x.cpu()[0] == v[0, 0]).all()
    x[:, None] = v[0]
    assert (x.cpu() == v[0]).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64, torch.int32, torch.uint8])
def test_ranges(dtype):
    for args in [(5,), (0,), (1000,), (3, 90), (9, -3, -2), (0, 200, 3), (1 << 20,)]:
        if dtype == torch.uint8 and args == (9, -3, -2):
            continue
        same(torch.arange(*args, dtype=dtype, device="gpu"), torch.arange(*args, dtype=dtype))
    same(torch.arange(5 << 40, (5 << 40) + 9, 2, device="gpu"), torch.arange(5 << 40, (5 << 40) + 9, 2))
    same(torch.arange(0, 1, 0.1, device="gpu"), torch.arange(0, 1, 0.1))
    same(torch.linspace(-3, 7, 50, device="gpu"), torch.linspace(-3, 7, 50))
    same(torch.eye(5, 7, dtype=dtype, device="gpu"), torch.eye(5, 7, dtype=dtype))
    same(torch.eye(0, dtype=dtype, device="gpu"), torch.eye(0, dtype=dtype))


def test_out_and_refusals():
    x, i = random((5, 3)), indices((4, 3), 5)
    out = torch.empty(4, 3, device="gpu")
    torch.gather(x.to("gpu"), 0, i.to("gpu"), out=out)
    same(out, torch.gather(x, 0, i))
    out = torch.empty(8, 3, device="gpu")[::2]
    torch.gather(x.to("gpu"), 0, i.to("gpu"), out=out)
    same(out, torch.gather(x, 0, i))
    out = torch.empty(6, 3, device="gpu")[1:]
    torch.scatter_add(x.to("gpu"), 0, i.to("gpu"), x[:4].to("gpu"), out=out)
    same(out, torch.scatter_add(x, 0, i, x[:4]))
    with pytest.raises(RuntimeError, match="same device"):
        torch.gather(x.to("gpu"), 0, i)
    with pytest.raises(RuntimeError, match="same device"):
        torch.cat([x.to("gpu"), x])
