"""Elementwise calls wait for each other, so that a chain is one kernel. Nothing but the number of kernels may show it:
values, in-place writes, views, memory and errors are those of calls that run at once, which the CPU's do.
"""

import gc
import random
import threading

import pytest
from gpu.child import child

import rustgrad as torch
from rustgrad import _rustgrad

pytestmark = pytest.mark.gpu

DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8, torch.bool]


def whole(*shape, seed=0, low=-4, high=5):
    """Small whole numbers as floats: sums and products of them are exact on every device."""
    torch.manual_seed(seed)
    return torch.randint(low, high, shape).float()


def kernels(fn):
    """What `fn` gives, and the names of the kernels that it launched; what it returns is held until then."""
    _rustgrad._gpu_trace(True)
    try:
        out = fn()
    finally:
        trace = _rustgrad._gpu_trace(False)
    return out, [event[1] for event in trace if event[0] == "launch"]


def same(there, here):
    assert there.dtype == here.dtype and there.shape == here.shape and there.stride() == here.stride()
    assert there.cpu().tolist() == here.tolist()


# ---- what is one kernel


def test_a_chain_is_one_kernel():
    x, y = whole(5, 7), whole(5, 7, seed=1)

    def chain(x, y):
        return (((x * 3 - 1).relu() * y).abs() + 0.5).square()

    there, names = kernels(lambda: chain(x.to("gpu"), y.to("gpu")))
    assert names == ["mul+sub+relu+mul+abs+add+1 more"]
    same(there, chain(x, y))


def test_a_held_result_is_a_kernel_of_its_own_and_is_read_by_the_next():
    x = whole(100).to("gpu")

    def held():
        a = x * 2
        b = a + 1
        c = b.abs()
        del b
        return a, c

    (a, c), names = kernels(held)
    assert names == ["mul", "add+abs"]
    same(a, x.cpu() * 2)
    same(c, (x.cpu() * 2 + 1).abs())


def test_what_nobody_asks_for_is_not_computed():
    x = whole(100).to("gpu")

    def dropped():
        y = x.exp()
        y = y.log()
        del y
        return x + 1

    assert kernels(dropped)[1] == ["add"]


def test_two_ways_to_one_result_compute_what_they_share_once():
    x = whole(100).to("gpu")

    def diamond():
        a = x * 2
        return (a + 1) * (a - 1)

    y, names = kernels(diamond)
    assert names == ["mul+add+sub+mul"]
    same(y, (x.cpu() * 2 + 1) * (x.cpu() * 2 - 1))


def test_what_two_kernels_share_is_written_once():
    x = whole(100).to("gpu")

    def fork():
        a = x * 2
        return a + 1, a - 1

    (b, c), names = kernels(fork)
    assert names == ["mul", "add", "sub"]
    same(b, x.cpu() * 2 + 1)
    same(c, x.cpu() * 2 - 1)


def test_long_chains_are_cut():
    x, y = whole(64), whole(64, seed=1)
    (there, names), here = kernels(lambda: sum_of(x.to("gpu"), y.to("gpu"), 150)), sum_of(x, y, 150)
    assert len(names) == 3 and names[0] == "add+add+add+add+add+add+58 more"
    same(there, here)


def sum_of(x, y, n):
    for _ in range(n):
        x = x + y
    return x


def test_doubling_does_not_blow_up():
    x = whole(8).to("gpu")

    def doubled():
        y = x
        for _ in range(60):
            y = (y + y) * 0.5
        return y

    y, names = kernels(doubled)
    assert len(names) == 2
    same(y, x.cpu())


def test_more_arrays_than_a_kernel_may_read():
    arrays = [whole(33, seed=s) for s in range(20)]

    def total(xs):
        return sum(xs[1:], xs[0])

    there, names = kernels(lambda: total([a.to("gpu") for a in arrays]))
    assert len(names) == 4
    same(there, total(arrays))


def test_many_numbers():
    x = torch.arange(40).to("gpu")

    def chain(x):
        for i in range(60):
            x = x * 3 - (i << 40)
        return x

    same(chain(x), chain(x.cpu()))


def test_an_array_that_is_read_twice():
    x = whole(50).to("gpu")
    same(x * x, x.cpu() * x.cpu())
    y, names = kernels(lambda: (x * x) * x)
    assert names == ["mul+mul"]
    same(y, x.cpu() ** 3)


# ---- values


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_values_are_rounded_to_their_dtype_on_the_way(dtype):
    def chain(x, y):
        z = x + y
        z = torch.where(z > y, z, y)
        if dtype.is_floating_point:
            # Each of these loses digits of a half.
            z = z * 1.001 + 0.3
        z = z * y
        return torch.maximum(z, x) if dtype != torch.bool else z.logical_and(x)

    n = 1001
    torch.manual_seed(3)
    x, y = (torch.randint(0, 200, (n,)).to(dtype) for _ in range(2))
    if dtype.is_floating_point:
        x, y = x / 7, y / 3
    there, names = kernels(lambda: chain(x.to("gpu"), y.to("gpu")))
    assert len(names) == 1
    here = chain(x, y)
    if dtype == torch.float32:
        # Products and sums may be contracted on the way.
        assert ((there.cpu() - here) / here).abs().max().item() < 1e-6
    else:
        same(there, here)


def test_dtypes_meet_in_a_chain():
    x, i, b = whole(300), torch.arange(300) - 150, whole(300, seed=2) > 0

    def chain(x, i, b):
        y = (i * 2 + 1) % 7
        z = y + x
        c = (z > 0).logical_and(b)
        return torch.where(c, z, y) + b, c

    (there, flags), names = kernels(lambda: chain(x.to("gpu"), i.to("gpu"), b.to("gpu")))
    here, wanted = chain(x, i, b)
    same(there, here)
    same(flags, wanted)
    assert len(names) <= 4


def test_nan_and_infinity_go_through():
    x = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.0])

    def chain(x):
        return (x * float("inf")).relu().maximum(x) - float("nan") * 0 + (x != x).float().sum() * 0 + x.clamp(min=0)

    here = chain(x)
    assert str(chain(x.to("gpu")).cpu()) == str(here)


def test_one_element_and_none():
    for shape in [(), (1,), (1, 1), (0,), (3, 0)]:
        x = whole(*shape)

        def chain(x):
            return (x * 2 + 1).abs() - 3

        same(chain(x.to("gpu")), chain(x))
    x, one = whole(5), torch.tensor(3.0)
    same((x.to("gpu") * 2 + (one.to("gpu") + 1)) - 1, (x * 2 + (one + 1)) - 1)


# ---- as if each call had run at once


def written():
    """Ways to write over the tensor `x`, of 12 elements."""
    return {
        "add_": lambda x: x.add_(5),
        "mul_ by itself": lambda x: x.mul_(x),
        "an element": lambda x: x.__setitem__(3, 9.0),
        "a view": lambda x: x.view(3, 4)[1].zero_(),
        "copy_ from the CPU": lambda x: x.copy_(torch.arange(12.0)),
        "copy_": lambda x: x.copy_(whole(12, seed=9).to("gpu")),
        "fill_": lambda x: x.fill_(2.5),
        "zero_": lambda x: x.zero_(),
        "out=": lambda x: torch.add(x, 1, out=x),
        "out= of others": lambda x: torch.mul(whole(12, seed=8).to("gpu"), 2, out=x),
        "normal_": lambda x: x.normal_(),
    }


@pytest.mark.parametrize("way", written())
def test_writes_wait_for_what_reads(way):
    write = written()[way]
    x = whole(12).to("gpu")
    y = x * 2
    z = y + x
    before = x.clone()
    write(x)
    same(z, before.cpu() * 3)
    same(y, before.cpu() * 2)
    # Over a result that waits.
    y = before * 2
    z = y + 1
    write(y)
    same(z, before.cpu() * 2 + 1)
    if way not in ("normal_", "copy_", "out= of others"):
        here = before.cpu() * 2
        write(here)
        same(y, here)


def test_views_of_what_waits():
    x = whole(4, 6)
    for view in [
        lambda y: y.t(),
        lambda y: y.view(24),
        lambda y: y.view(2, 12),
        lambda y: y[1:3],
        lambda y: y[:, ::2],
        lambda y: y[2, 3],
        lambda y: y.unsqueeze(0),
        lambda y: y[0].expand(4, 6),
        lambda y: y.view(24)[4:20],
        lambda y: y.view(torch.int32),
    ]:

        def run(x):
            return (view(x * 2) + 1) * 2

        same(run(x.to("gpu")), run(x))

        def beside(x):
            return view(x * 2) + view(x + 1) * view(x)

        same(beside(x.to("gpu")), beside(x))


def test_all_that_reads():
    x, y = whole(6, 6), whole(6, 6, seed=1)
    for read in [
        lambda a: a @ y.to(a.device),
        lambda a: a.sum(0),
        lambda a: a.t().contiguous(),
        lambda a: a.index_select(0, torch.tensor([2, 0]).to(a.device)),
        lambda a: torch.cat([a, a]),
        lambda a: a.cumprod(0),
        lambda a: a.half(),
        lambda a: a.long(),
        lambda a: a.clone(),
    ]:

        def run(x):
            return read((x * 2 + 1) - x)

        there, here = run(x.to("gpu")), run(x)
        same(there, here)


def test_gradients_through_chains():
    def run(x, w):
        y = (x * w + 1).relu() * x
        y = (y * 0.5 - w).square().sum()
        y.backward()
        g = [x.grad.clone(), w.grad.clone()]
        # Accumulated.
        (x * 3 + w).sum().backward()
        return [y.detach(), *g, x.grad, w.grad]

    leaves = [whole(9, 5), whole(9, 5, seed=1)]
    here = run(*[t.clone().requires_grad_() for t in leaves])
    there = run(*[t.to("gpu").requires_grad_() for t in leaves])
    for a, b in zip(there, here, strict=True):
        same(a, b)


def test_each_call_at_once_where_it_is_checked():
    code = """
from rustgrad import _rustgrad
x = torch.ones(8, device="gpu")
_rustgrad._gpu_trace(True)
y = (x + 1) * 2
print([event[1] for event in _rustgrad._gpu_trace(False) if event[0] == "launch"])
"""
    assert child(code, RUSTGRAD_GPU_CHECK="1")[-1] == "['add', 'mul']"


# ---- memory


def test_what_is_dropped_gives_its_memory_back():
    n = 1 << 18
    x = torch.zeros(n, device="gpu")
    gc.collect()
    torch.gpu.synchronize()
    before = torch.gpu.memory_allocated()
    y = x
    for _ in range(50):
        y = y * 2 + 1
    assert torch.gpu.memory_allocated() - before == 4 * n
    del y
    assert torch.gpu.memory_allocated() == before


def test_chains_hold_few_results_at_a_time():
    code = """
n = 1 << 20
x = torch.zeros(n, device="gpu")
before = torch.gpu.memory_allocated()
for _ in range(50):
    x = x * 2 + 1
torch.gpu.synchronize()
print((torch.gpu.max_memory_allocated() - before) // (4 * n))
"""
    # The result, what it is made of, what that was made of, which is let go at the next call, and what all began with.
    assert int(child(code)[-1]) <= 4


def test_memory_that_only_waiting_calls_hold_is_no_reason_to_refuse():
    code = """
MiB = 1 << 20
kept = []
for i in range(6):
    x = torch.full((4 * MiB,), float(i), device="gpu")
    kept.append((x * 2).view(-1)[:1] + (x - 1)[:1])
    del x
print([k.item() for k in kept])
x = torch.full((4 * MiB,), 1.0, device="gpu")
y = x + 1
del x
z = torch.full((8 * MiB,), 2.0, device="gpu")
w = torch.empty(2 * MiB, device="gpu")
print(y[5].item(), z[7].item())
print(message(lambda: torch.empty(20 * MiB, device="gpu")).split(":")[0])
"""
    out = child(code, RUSTGRAD_GPU_MEMORY=str(64 << 20))
    assert out[-3:] == ["[-1.0, 2.0, 5.0, 8.0, 11.0, 14.0]", "2.0 2.0", "OutOfMemoryError"]


# ---- programs


OPS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: (a * b).clamp(-64, 64),
    "max": torch.maximum,
    "where": lambda a, b: torch.where(a > b, a, b * 2 - a).clamp(-64, 64),
    "eq": lambda a, b: (a == b) + a,
    "half": lambda a, b: torch.div(a, 2, rounding_mode="floor"),
    "abs": lambda a, b: a.abs() - 1,
    "neg": lambda a, b: -a,
    "row": lambda a, b: a + b[0],
    "scalar": lambda a, b: a + b[1, 1],
    "transposed": lambda a, b: a + b.t(),
    "sum": lambda a, b: a - b.sum(0, keepdim=True).clamp(-9, 9),
    "cast": lambda a, b: (a.long() * 2 - 1).float().clamp(-64, 64),
}
WRITES = {
    "add_": lambda a, b: a.add_(b).clamp_(-64, 64),
    "row": lambda a, b: a[1].copy_(b[2]),
    "fill": lambda a, b: a[:, 0].fill_(3),
    "relu_": lambda a, b: a.relu_(),
    "set": lambda a, b: a.copy_(b),
}


def program(seed, device):
    """Calls at random over a few tensors of whole numbers, names that change hands, writes, views and reads between."""
    rng, seen = random.Random(seed), []
    xs = [whole(4, 4, seed=seed + k).to(device) for k in range(4)]
    for _ in range(60):
        a, b = rng.choice(xs), rng.choice(xs)
        kind = rng.random()
        if kind < 0.75:
            xs[rng.randrange(4)] = OPS[rng.choice(list(OPS))](a, b)
        elif kind < 0.85:
            WRITES[rng.choice(list(WRITES))](a, b.clone())
        elif kind < 0.9:
            xs[rng.randrange(4)] = a.t()
        elif kind < 0.95:
            xs.append(xs.pop(0))
        else:
            seen.append(a.cpu().tolist())
    return seen + [x.cpu().tolist() for x in xs]


@pytest.mark.parametrize("seed", range(12))
def test_programs(seed):
    assert program(seed, "gpu") == program(seed, "cpu")


def test_threads_have_one_queue():
    wrong = []

    def work(seed):
        x = whole(50, seed=seed)
        y, z = x.to("gpu"), x
        for k in range(100):
            y, z = y * 2 - k, z * 2 - k
            y, z = y.clamp(-99, 99), z.clamp(-99, 99)
            if k % 9 == 0 and y.cpu().tolist() != z.tolist():
                wrong.append((seed, k))

    threads = [threading.Thread(target=work, args=(s,)) for s in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
