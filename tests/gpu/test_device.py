"""`device="gpu"` as users meet it: making, moving, reading, printing and keeping tensors; views, versions and
gradients; and what is refused, each message read.
"""

import copy
import functools
import pickle
import re

import pytest
from generated.gpu import MISSING, NOT_YET
from gpu.child import child

import rustgrad as torch
import rustgrad.nn.functional as F
from rustgrad import nn

pytestmark = pytest.mark.gpu


def needs(*rows):
    """For a test of what may be listed as lacking: then it must fail so."""

    def decorate(test):
        @functools.wraps(test)
        def run(*args, **kwargs):
            if set(rows).isdisjoint(NOT_YET):
                test(*args, **kwargs)
                return
            with pytest.raises(NotImplementedError, match=MISSING):
                test(*args, **kwargs)

        return run

    return decorate


def on(values, **kw):
    return torch.tensor(values, device="gpu", **kw)


# ---- making and moving


MAKERS = {
    "tensor": lambda **kw: torch.tensor([[1.0, 2.0], [3.0, 4.0]], **kw),
    "as_tensor": lambda **kw: torch.as_tensor([1, 2], **kw),
    "zeros": lambda **kw: torch.zeros(2, 3, **kw),
    "ones": lambda **kw: torch.ones(3, dtype=torch.int64, **kw),
    "full": lambda **kw: torch.full((2, 2), 7.5, **kw),
    "full of bools": lambda **kw: torch.full((3,), True, **kw),
    "arange": lambda **kw: torch.arange(7, **kw),
    "arange of floats": lambda **kw: torch.arange(0.5, 4, 0.75, **kw),
    "linspace": lambda **kw: torch.linspace(-1, 1, 5, **kw),
    "eye": lambda **kw: torch.eye(3, 4, **kw),
    "rand": lambda **kw: torch.rand(5, **kw),
    "randn": lambda **kw: torch.randn(2, 70, **kw),
    "randint": lambda **kw: torch.randint(0, 9, (4,), **kw),
    "randperm": lambda **kw: torch.randperm(6, **kw),
    "normal": lambda **kw: torch.normal(0.0, 2.0, (3,), **kw),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_makers(make):
    torch.manual_seed(3)
    here = make()
    torch.manual_seed(3)
    there = make(device="gpu")
    assert there.device == torch.device("gpu") and there.device.type == "gpu" and not here.device.type == "gpu"
    assert (there.dtype, there.shape, there.stride()) == (here.dtype, here.shape, here.stride())
    assert there.tolist() == here.tolist()
    assert torch.get_rng_state().tolist() == (torch.manual_seed(3), make(), torch.get_rng_state())[2].tolist()


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "rand_like", "randn_like", "empty_like"])
def test_likes_stay_where_their_model_is(name):
    x = torch.ones(2, 3, device="gpu")
    assert getattr(torch, name)(x).device.type == "gpu"
    assert getattr(torch, name)(x, device="cpu").device.type == "cpu"
    assert getattr(torch, name)(x.cpu(), device="gpu").device.type == "gpu"
    torch.manual_seed(1)
    there = getattr(torch, name)(x)
    torch.manual_seed(1)
    if name != "empty_like":
        assert there.tolist() == getattr(torch, name)(x.cpu()).tolist()
    assert x.new_zeros(2).device.type == x.new_tensor([1]).device.type == x.new_full((1,), 2).device.type == "gpu"


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32"])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 255, 256, 257, 70_000])
def test_bytes_there_and_back(dtype, n):
    x = (torch.arange(n) % 251).to(getattr(torch, dtype))
    y = x.to("gpu")
    assert y.dtype == x.dtype and y.cpu().tolist() == x.tolist()
    if n:
        assert y[1:].cpu().tolist() == x[1:].tolist() and y[::2].cpu().tolist() == x[::2].tolist()
        assert y[n // 2 :].clone().cpu().tolist() == x[n // 2 :].tolist()


def test_moves():
    x = torch.arange(6.0).reshape(2, 3)
    y = x.to("gpu")
    assert y.to("gpu") is y and y.to(device=torch.device("gpu", 0)) is y and x.cpu() is x
    assert x.to("gpu", torch.int64).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert y.to(x) is not y and y.to(x).device.type == "cpu" and x.to(y).device.type == "gpu"
    assert x.t().to("gpu").stride() == (1, 3) and y.t().cpu().stride() == (1, 3)
    assert y.type_as(x).device.type == "cpu"
    assert torch.zeros(2, 3).copy_(y).tolist() == x.tolist()
    z = torch.zeros(3, 2, device="gpu")
    z.t().copy_(x)
    assert z.tolist() == x.t().tolist()
    w = torch.zeros(2, 3, dtype=torch.uint8, device="gpu")
    assert w.copy_(x).tolist() == [[0, 1, 2], [3, 4, 5]] and w._version == 1
    assert torch.empty(0, 3, device="gpu").cpu().shape == (0, 3)
    assert x.to("gpu").data_ptr() != 0 or True


def test_a_number_of_the_cpu_joins():
    x = on([1.0, 2.0])
    assert (x * torch.tensor(3.0)).tolist() == [3.0, 6.0] and (x + torch.tensor(3.0)).device.type == "gpu"
    assert (2 - x).tolist() == [1.0, 0.0]


# ---- reading


def test_reading():
    x = on([[1.5, 2.0], [3.0, -4.0]])
    assert x.tolist() == [[1.5, 2.0], [3.0, -4.0]] and x[1, 1].item() == -4.0 and float(x[0, 0]) == 1.5
    assert int(on(7)) == 7 and bool(on(0.0)) is False and bool(on([True])) is True
    assert [float(v) for v in x[0]] == [1.5, 2.0] and len(x) == 2
    with pytest.raises(RuntimeError, match="Boolean value of Tensor with more than one value is ambiguous"):
        bool(x)
    with pytest.raises(RuntimeError, match="a Tensor with 4 elements cannot be converted to Scalar"):
        x.item()
    assert x.is_cpu is False if hasattr(x, "is_cpu") else True


def test_numpy_is_refused():
    with pytest.raises(TypeError, match=r"can't convert gpu device type tensor to numpy. Use Tensor.cpu\(\) to copy"):
        on([1.0]).numpy()
    import numpy as np

    with pytest.raises(TypeError, match="can't convert gpu"):
        np.asarray(on([1.0]))
    assert on([1.0]).cpu().numpy().tolist() == [1.0]


def test_printing():
    x = on([1.0, 2.5])
    assert repr(x) == "tensor([1.0000, 2.5000], device='gpu')"
    assert repr(on([[1, 2], [3, 4]])) == "tensor([[1, 2],\n        [3, 4]], device='gpu')"
    assert repr(x.half()) == "tensor([1.0000, 2.5000], device='gpu', dtype=rustgrad.float16)"
    assert repr(x.clone().requires_grad_()) == "tensor([1.0000, 2.5000], device='gpu', requires_grad=True)"
    y = x.clone().requires_grad_() * 2
    assert repr(y) == "tensor([2., 5.], device='gpu', grad_fn=<MulBackward0>)"
    assert repr(torch.empty(0, device="gpu")) == "tensor([], device='gpu')" and f"{on(2.5):.1f}" == "2.5"
    assert "..., " in repr(torch.arange(5000, device="gpu")) and repr(x.device) == "device(type='gpu')"
    assert "device='gpu'" in repr(nn.Parameter(x))


# ---- keeping


def test_pickle_and_copies():
    x = on([[1.0, 2.0], [3.0, 4.0]]).t()
    for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert y.device.type == "gpu" and y.tolist() == x.tolist()
    y = copy.deepcopy(x)
    y.add_(1)
    assert x.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert copy.copy(x).device.type == "gpu"
    p = nn.Parameter(on([1.0]))
    q = copy.deepcopy(p)
    assert isinstance(q, nn.Parameter) and q.requires_grad and q.device.type == "gpu" and q is not p
    assert isinstance(pickle.loads(pickle.dumps(p)), nn.Parameter)


def test_files(tmp_path):
    path = tmp_path / "x.safetensors"
    values = {
        "w": on([[1.0, 2.0], [3.0, 4.0]]).t(),
        "b": on([True, False, True]),
        "n": on([2**40, -1]),
        "h": on([1.5, -2.0]).bfloat16(),
        "none": torch.empty(0, 3, device="gpu"),
    }
    torch.save(values, path)
    for where in ("cpu", "gpu"):
        loaded = torch.load(path, map_location=where)
        assert sorted(loaded) == sorted(values)
        for key, value in values.items():
            assert loaded[key].device.type == where and loaded[key].dtype == value.dtype
            assert loaded[key].tolist() == value.tolist()


# ---- modules


def test_modules_move():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Dropout(0.5))
    first = model[0].weight
    before = {k: v.tolist() for k, v in model.state_dict().items()}
    assert model.to("gpu") is model and model[0].weight is first and first.device.type == "gpu" and first.is_leaf
    state = model.state_dict()
    assert {k: v.tolist() for k, v in state.items()} == before and all(v.device.type == "gpu" for v in state.values())
    other = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Dropout(0.5))
    other.load_state_dict(state)
    assert other[0].weight.device.type == "cpu" and other[0].weight.tolist() == first.tolist()
    model.load_state_dict({k: torch.zeros_like(v, device="cpu") for k, v in state.items()})
    assert first.device.type == "gpu" and first.tolist() == [[0.0] * 3] * 4
    assert model.cpu()[0].weight.device.type == "cpu"


def test_modules_made_there():
    torch.manual_seed(5)
    here = nn.Linear(5, 7)
    torch.manual_seed(5)
    there = nn.Linear(5, 7, device="gpu")
    assert there.weight.device.type == "gpu"
    assert there.weight.tolist() == here.weight.tolist() and there.bias.tolist() == here.bias.tolist()


@needs("function.dropout")
def test_dropout_masks_are_those_of_the_cpu():
    x = torch.ones(1000)
    torch.manual_seed(11)
    here = F.dropout(x, 0.3)
    torch.manual_seed(11)
    assert F.dropout(x.to("gpu"), 0.3).tolist() == here.tolist()


@needs("nn.linear", "nn.cross_entropy", "function.mean", "function.sum")
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_training(optimizer):
    """Losses and weights of a few steps are those of the CPU."""

    def train(device):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.25), nn.Linear(16, 3)).to(device)
        steps = getattr(torch.optim, optimizer)(model.parameters(), lr=0.05)
        x, y = torch.randn(32, 6).to(device), torch.randint(0, 3, (32,)).to(device)
        losses = []
        for _ in range(8):
            loss = F.cross_entropy(model(x), y)
            steps.zero_grad()
            loss.backward()
            steps.step()
            losses.append(loss)
        return [loss.item() for loss in losses], model.state_dict()

    (a, here), (b, there) = train("cpu"), train("gpu")
    assert b == pytest.approx(a, rel=2e-5) and a[-1] < a[0]
    for key, w in here.items():
        assert (there[key].cpu() - w).abs().max().item() < 1e-4
    assert train("gpu")[0] == b  # the same bits each run


# ---- views, versions, gradients


def test_views_share_memory():
    x = torch.arange(12, device="gpu").reshape(3, 4)
    y = x.t()[1]
    assert y.is_contiguous() is False and y._base is not None
    y.fill_(-1)
    x[0].add_(100)
    x[1, 2:] = torch.tensor([7, 8], device="gpu")
    x[2, 3] = 5
    assert x.tolist() == [[100, 99, 102, 103], [4, -1, 7, 8], [8, -1, 10, 5]]
    assert y.tolist() == [99, -1, -1] and x._version == y._version == 4
    b = torch.zeros(10, dtype=torch.uint8, device="gpu")
    b[1::3] = 9
    b[5:7].add_(1)
    assert b.tolist() == [0, 9, 0, 0, 9, 1, 1, 9, 0, 0]
    assert on([1.0, 2.0]).view(torch.int32).tolist() == [1065353216, 1073741824]


def test_overlapping_reads_and_writes():
    x = torch.arange(10.0, device="gpu")
    x[1:].copy_(x[:-1].clone())
    assert x.tolist() == [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    m = torch.arange(9.0, device="gpu").reshape(3, 3)
    m.add_(m.t().clone())
    assert m.tolist() == [[0.0, 4.0, 8.0], [4.0, 8.0, 12.0], [8.0, 12.0, 16.0]]
    m.mul_(m)
    assert m[2].tolist() == [64.0, 144.0, 256.0]


def test_gradients():
    x = on([1.0, 2.0, 3.0], requires_grad=True)
    y = x * x * torch.tensor(2.0)
    y.backward(torch.ones(3, device="gpu"), retain_graph=True)
    assert x.grad.device.type == "gpu" and x.grad.tolist() == [4.0, 8.0, 12.0]
    y.backward(torch.ones_like(y))
    assert x.grad.tolist() == [8.0, 16.0, 24.0]
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward(torch.ones_like(y))
    with torch.no_grad():
        x -= 0.5 * x.grad
        assert (x * 2).grad_fn is None
    assert x.tolist() == [-3.0, -6.0, -9.0] and x.is_leaf


def test_gradients_cross_devices():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (x.to("gpu") * 3).cpu() * x
    y.backward(torch.ones(2))
    assert x.grad.device.type == "cpu" and x.grad.tolist() == [6.0, 12.0]
    half = on([1.0, 2.0], requires_grad=True)
    (half.half() * 2).float().backward(torch.ones(2, device="gpu"))
    assert half.grad.dtype == torch.float32 and half.grad.tolist() == [2.0, 2.0]


def test_second_gradients():
    x = on([0.5, -1.0], requires_grad=True)
    (g,) = torch.autograd.grad(x.tanh(), x, torch.ones(2, device="gpu"), create_graph=True)
    (h,) = torch.autograd.grad(g, x, torch.ones(2, device="gpu"))
    c = x.detach().cpu().requires_grad_()
    (gc,) = torch.autograd.grad(c.tanh(), c, torch.ones(2), create_graph=True)
    (hc,) = torch.autograd.grad(gc, c, torch.ones(2))
    assert g.tolist() == pytest.approx(gc.tolist(), rel=1e-6) and h.tolist() == pytest.approx(hc.tolist(), rel=1e-5)


def test_versions():
    x = on([1.0, 2.0], requires_grad=True)
    y = x.exp()
    y.add_(1)
    message = r"one of the variables needed for gradient computation has been modified|was changed in place"
    with pytest.raises(RuntimeError, match=message):
        y.backward(torch.ones(2, device="gpu"))
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        x.add_(1)
    a = on([1.0, 2.0, 3.0], requires_grad=True)
    b = a * 1
    b[1:] = b[1:] * 10
    b.backward(torch.ones(3, device="gpu"))
    assert a.grad.tolist() == [1.0, 10.0, 10.0]


def test_hooks():
    seen = []
    x = on([1.0, 2.0], requires_grad=True)
    y = x * 3
    y.register_hook(lambda g: (seen.append(g.device.type), g * 10)[1])
    y.retain_grad()
    y.backward(torch.ones(2, device="gpu"))
    assert seen == ["gpu"] and x.grad.tolist() == [30.0, 30.0] and y.grad.tolist() == [10.0, 10.0]
    x.grad = None
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.tolist()))
    (x * 2).backward(torch.ones(2, device="gpu"))
    assert seen[1] == [2.0, 2.0]


def test_the_gradients_device():
    x = on([1.0], requires_grad=True)
    with pytest.raises(RuntimeError):
        (x * 2).backward(torch.ones(1))
    with pytest.raises(RuntimeError):
        x.grad = torch.ones(1)


# ---- memory


def test_memory():
    torch.gpu.synchronize()
    before = torch.gpu.memory_allocated()
    x = torch.zeros(1 << 20, device="gpu")
    assert torch.gpu.memory_allocated() - before == 4 << 20
    assert torch.gpu.max_memory_allocated() >= torch.gpu.memory_allocated()
    y = x[10:]
    assert torch.gpu.memory_allocated() - before == 4 << 20
    del x, y
    assert torch.gpu.memory_allocated() == before and torch.gpu.memory_reserved() >= before + (4 << 20)
    torch.gpu.empty_cache()
    assert torch.gpu.memory_reserved() == torch.gpu.memory_allocated()
    assert re.search(r"in use .*\ncached .*\npeak .*\nlimit ", torch.gpu.memory_summary())


def test_profiles():
    x = torch.ones(1000, device="gpu")
    with torch.gpu.profile() as p:
        kept = [x.exp() for _ in range(3)]
        kept[0].cpu()
    named = {op: (calls, seconds) for op, calls, seconds in p.entries}
    assert named["exp"][0] == 3 and 0 < named["exp"][1] < 10 and "exp" in str(p)


def test_memory_is_reused_with_other_contents():
    for value in range(5):
        x = torch.full((1000,), float(value), device="gpu")
        y = x + 1
        del x
        assert y.cpu().tolist() == [value + 1.0] * 1000
    z = torch.zeros(1000, device="gpu")
    assert z.cpu().tolist() == [0.0] * 1000


def test_many_dispatches():
    """More than a batch holds, and results in between."""
    x = torch.zeros(64, device="gpu")
    for i in range(300):
        x = x + 1
        if i % 97 == 0:
            assert x[0].item() == i + 1
    assert x.tolist() == [300.0] * 64


def test_threads():
    from concurrent.futures import ThreadPoolExecutor

    def work(k):
        x = torch.full((1000,), float(k), device="gpu")
        for _ in range(20):
            x = x * 1 + 1
        return x[-1].item()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(8))) == [k + 20.0 for k in range(8)]


# ---- refusals


def test_tensors_on_different_devices():
    a, b = torch.ones(2), torch.ones(2, device="gpu")
    first = "Expected all tensors to be on the same device, but found at least two devices, "
    calls = [lambda: a + b, lambda: b * a, lambda: torch.where(b > 0, a, b), lambda: b.add_(a), lambda: a.mul_(b)]
    calls += [lambda: torch.cat([a, b]), lambda: torch.add(b, b, out=torch.empty(2)), lambda: torch.lerp(a, b, 0.5)]
    for call in calls:
        with pytest.raises(RuntimeError, match=first) as caught:
            call()
        assert "cpu" in str(caught.value) and "gpu" in str(caught.value) and "\nhint: " in str(caught.value)
    assert a.tolist() == b.tolist() == [1.0, 1.0] and a._version == b._version == 0


F64 = {
    "to": lambda: torch.ones(2, dtype=torch.float64).to("gpu"),
    "zeros": lambda: torch.zeros(2, dtype=torch.float64, device="gpu"),
    "full": lambda: torch.full((2,), 1.0, dtype=torch.float64, device="gpu"),
    "tensor": lambda: torch.tensor([1.0], dtype=torch.float64, device="gpu"),
    "double": lambda: torch.ones(2, device="gpu").double(),
    "to dtype": lambda: torch.ones(2, device="gpu").to(torch.float64),
    "arange": lambda: torch.arange(3, dtype=torch.float64, device="gpu"),
    "rand": lambda: torch.rand(3, dtype=torch.float64, device="gpu"),
    "linspace": lambda: torch.linspace(0, 1, 3, dtype=torch.float64, device="gpu"),
    "zeros_like": lambda: torch.zeros_like(torch.ones(2, device="gpu"), dtype=torch.float64),
    "new_zeros": lambda: torch.ones(2, device="gpu").new_zeros(2, dtype=torch.float64),
    "a number": lambda: torch.ones(2, device="gpu") * torch.tensor(2.0, dtype=torch.float64),
    "module": lambda: nn.Linear(2, 2).double().to("gpu"),
    "module, there": lambda: nn.Linear(2, 2).to("gpu").double(),
}


@pytest.mark.parametrize("call", F64.values(), ids=F64)
def test_float64(call):
    with pytest.raises(
        (RuntimeError, TypeError), match=r"float64 is not available on the GPU \(WGSL has no 64-bit floats\)"
    ) as e:
        call()
    assert "\nhint: use x.float(), or keep this tensor on the CPU" in str(e.value)


def test_python_floats_are_float32():
    torch.set_default_dtype(torch.float64)
    try:
        assert (torch.ones(2, device="gpu", dtype=torch.float32) * 1.5).dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


def test_limits():
    limit = r"(empty|add): a tensor of the GPU of \d+ bytes exceeds this adapter's limit of \d+ bytes"
    with pytest.raises(RuntimeError, match=limit):
        torch.empty(2**40, dtype=torch.uint8, device="gpu")
    with pytest.raises(RuntimeError, match=limit):
        torch.ones(1, device="gpu").expand(2**40) + 1


def test_an_operand_above_the_binding_limit():
    said = child(
        "x = torch.ones(150 << 20, dtype=torch.uint8, device='gpu')\n"
        "y = x + 1\n"  # in windows
        "print(y[:3].tolist(), y[-3:].tolist())\n"
        "print(message(lambda: x.view(10, -1).t() + x[:10]))\n"
        "print(x[-2:].tolist())\n"
    )
    if "exceeds this adapter's limit" in said[1]:  # 128 MiB here; hardware may have more
        assert "an operand of 157286400 bytes exceeds this adapter's limit of " in said[1] and "| hint: " in said[1]
    assert said[0] == "[2, 2, 2] [2, 2, 2]" and said[2] == "[1, 1]"


def test_memory_used_up():
    said = child(
        "keep = torch.ones(100_000, device='gpu')\n"
        "print(message(lambda: torch.zeros(200_000, device='gpu')))\n"
        "print(message(lambda: keep.expand(4, 100_000) + 1))\n"
        "print(message(lambda: torch.ones(200_000).to('gpu')))\n"
        "try:\n"
        "    torch.zeros(200_000, device='gpu')\n"
        "except torch.OutOfMemoryError as e:\n"
        "    print(isinstance(e, RuntimeError), isinstance(e, MemoryError))\n"
        "print((keep + 1)[:2].tolist())\n"
        "del keep\n"
        "print(torch.zeros(200_000, device='gpu')[0].item())\n",
        RUSTGRAD_GPU_MEMORY="1000000",
    )
    for line in said[:3]:
        assert line.startswith("OutOfMemoryError: ") and "not enough memory on the GPU: you tried to allocate" in line
        assert "RUSTGRAD_GPU_MEMORY" in line and "1 tensors use 458752 bytes, the largest: 1 of 458752 bytes" in line
    assert said[0].startswith("OutOfMemoryError: zeros: ") and "800000 bytes" in said[0]
    assert said[1].startswith("OutOfMemoryError: add: ")
    assert said[3:] == ["True True", "[2.0, 2.0]", "0.0"]


@needs("function.gather")
def test_a_bad_index():
    """It is reported at the next read, once; nothing is overwritten, and all goes on."""
    x, i = torch.arange(6.0, device="gpu").reshape(2, 3), on([[0, 1], [2, 3]])
    y = torch.gather(x, 1, i)
    with pytest.raises(
        (IndexError, RuntimeError),
        match=r"gather: index 3 is out of bounds for a dimension with size 3\nhint: .*GPU_CHECK=1",
    ):
        y.tolist()
    assert x.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    torch.gather(x, 1, on([[-1]]))
    with pytest.raises((IndexError, RuntimeError), match="gather: index -1 is out of bounds"):
        torch.gpu.synchronize()
    torch.gpu.synchronize()
    assert torch.gather(x, 1, on([[2], [0]])).tolist() == [[2.0], [3.0]]


@needs("function.index_select", "function.embedding", "nn.embedding", "nn.cross_entropy")
@pytest.mark.parametrize(
    "op, call",
    [
        ("index_select", lambda x: x.index_select(1, on([3]))),
        ("embedding", lambda x: F.embedding(on([0, 2]), x)),
        ("cross_entropy|nll_loss", lambda x: F.cross_entropy(x, on([0, 3]))),
    ],
)
def test_bad_indices(op, call):
    call(torch.ones(2, 3, device="gpu"))
    with pytest.raises(
        (IndexError, RuntimeError), match=f"({op}): index [23] is out of bounds for a dimension with size [23]"
    ):
        torch.gpu.synchronize()


@needs("function.gather")
def test_a_bad_index_at_once():
    said = child(
        "x = torch.ones(2, 3, device='gpu')\n"
        "print(message(lambda: torch.gather(x, 1, torch.tensor([[3]], device='gpu'))))\n"
        "print((x + 1)[0].tolist())\n",
        RUSTGRAD_GPU_CHECK="1",
    )
    assert said[0].startswith("RuntimeError: gather: index 3 is out of bounds for a dimension with size 3")
    assert said[1] == "[2.0, 2.0, 2.0]"


def test_what_lacks_says_so():
    """Nothing falls back to the CPU silently."""
    missing = [name for name in ("function.multinomial",) if name in NOT_YET]
    for name in missing:
        with pytest.raises(NotImplementedError, match=f"{name.split('.')[1]}: {MISSING} .*\nhint: use x.cpu"):
            torch.multinomial(torch.ones(3, device="gpu"), 2)
