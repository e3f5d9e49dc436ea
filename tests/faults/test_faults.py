"""Faults met by use that are no single value: memory, processes, variables, whole calls."""

import os
import subprocess
import sys
import threading

import pytest

import rustgrad as torch
from rustgrad import _rustgrad, nn


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}, timeout=120
    )
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def test_the_default_dtype_is_the_process_s():
    seen = []
    torch.set_default_dtype(torch.float64)
    try:
        thread = threading.Thread(target=lambda: seen.append(torch.ones(1).dtype))
        thread.start()
        thread.join()
    finally:
        torch.set_default_dtype(torch.float32)
    assert seen == [torch.float64]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("RUSTGRAD_CPU", "nonsense", "ValueError: RUSTGRAD_CPU=nonsense: expected one of portable, avx2, avx512"),
        ("RUSTGRAD_NUM_THREADS", "0", "ValueError: RUSTGRAD_NUM_THREADS=0: expected a number from 1 up"),
        ("RUSTGRAD_NUM_THREADS", "many", "ValueError: RUSTGRAD_NUM_THREADS=many: expected a number from 1 up"),
    ],
)
def test_variables_that_mean_nothing_are_refused_at_import(name, value, expected):
    code, _, said = run("import rustgrad", **{name: value})
    assert code == 1
    assert said.splitlines()[-1] == expected


@pytest.mark.gpu
def test_variables_of_the_gpu():
    first = "import rustgrad as torch\nprint(torch.zeros(1, device='gpu').cpu().tolist())"
    for name, value, expected in [
        (
            "RUSTGRAD_GPU_MEMORY",
            "abc",
            "RUSTGRAD_GPU_MEMORY=abc: expected a number of bytes such as 2GB, 512MiB or 1000000",
        ),
        ("RUSTGRAD_GPU_CHECK", "yes", "RUSTGRAD_GPU_CHECK=yes: expected one of 0, 1"),
        ("RUSTGRAD_GPU_MATMUL", "fast", "RUSTGRAD_GPU_MATMUL=fast: expected one of tiled, plain"),
    ]:
        code, _, said = run(first, **{name: value})
        assert code == 1
        assert expected in said
    limited = "import rustgrad as torch\ntorch.zeros(400_000_000, device='gpu')"
    code, _, said = run(limited, RUSTGRAD_GPU_MEMORY="1.5 GB")
    assert code == 1
    assert "the limit is 1500000000 bytes" in said


@pytest.mark.gpu
def test_the_driver_says_nothing():
    environment = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
    code = "import rustgrad; print(rustgrad.gpu.is_available())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads what Linux tells of the process")
def test_memory_goes_back_to_the_system():
    code = """
import time
import rustgrad as torch

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

before = resident()
blocks = [torch.ones(8_000_000) for _ in range(10)]
held = resident() - before
del blocks
if EMPTY:
    torch.cpu.empty_cache()
else:
    time.sleep(4)
    torch.ones(2)
print(held > 300_000_000, resident() - before < 50_000_000)
"""
    for empty in (True, False):
        assert run(code.replace("EMPTY", str(empty)))[1] == "True True"


@pytest.mark.parametrize(
    "fill",
    [
        lambda w: nn.init.trunc_normal_(w, mean="a"),
        lambda w: nn.init.trunc_normal_(w, a=1.0, b=torch.ones(2)),
        lambda w: nn.init.trunc_normal_(w, std=0),
        lambda w: nn.init.dirac_(w, groups=5),
        lambda w: nn.init.sparse_(w[0], sparsity="a"),
        lambda w: nn.init.sparse_(w[0], sparsity=0.5, std=-1),
        lambda w: nn.init.uniform_(w, 0, float("inf")),
        lambda w: nn.init.normal_(w, 0, float("nan")),
        lambda w: nn.init.orthogonal_(w[0, 0]),
        lambda w: w.uniform_(2, 1),
        lambda w: w.index_fill_(0, torch.tensor([7]), 1.0),
        lambda w: w.index_copy_(0, torch.tensor([7]), torch.ones(1, 4, 4)),
        lambda w: w.index_add_(0, torch.tensor([0, 7]), torch.ones(2, 4, 4)),
        lambda w: w.scatter_(0, torch.full((2, 4, 4), 7), 1.0),
        lambda w: w.put_(torch.tensor([0, 999]), torch.ones(2)),
        lambda w: w.masked_scatter_(torch.ones(2, 4, 4, dtype=torch.bool), torch.ones(3)),
        lambda w: w.__setitem__(torch.tensor([0, 7]), 1.0),
        lambda w: torch.multinomial(torch.tensor([-1.0, 1.0]), 1, out=w.long()),
    ],
)
def test_what_fails_leaves_its_tensor_as_it_was(fill):
    w = torch.arange(32.0).reshape(2, 4, 4)
    with pytest.raises((RuntimeError, TypeError, ValueError, IndexError, ZeroDivisionError)):
        fill(w)
    assert w.tolist() == torch.arange(32.0).reshape(2, 4, 4).tolist()


def test_no_panic_for_weights_of_nothing():
    before = _rustgrad._panics()
    with pytest.raises(RuntimeError, match="aminmax"):
        torch.multinomial(torch.zeros(0), 1, replacement=True)
    assert torch.multinomial(torch.zeros(0, 3), 1, True).shape == (0, 1)
    assert _rustgrad._panics() == before


HINTS = [
    (lambda x: nn.Linear(3, 2)(x.double()), "convert the input, x.float(), or the layer, layer.double()"),
    (lambda x: nn.Linear(3, 2)(x.long()), "convert the input, x.float()"),
    (lambda x: nn.Conv1d(3, 2, 1)(x.double()[..., None]), "convert the input, x.float()"),
    (lambda x: nn.LayerNorm(3)(x.double()), "convert the input, x.float()"),
    (lambda x: nn.functional.cross_entropy(x, torch.tensor([0.0, 1.0])), "from 0 to 2: give target.long()"),
    (lambda x: nn.functional.cross_entropy(x, torch.tensor([0, 1]).int()), "from 0 to 2: give target.long()"),
    (lambda x: nn.functional.cross_entropy(x, torch.tensor([[0], [1]])), "target [2, 1]; a class number per sample"),
    (
        lambda x: nn.functional.cross_entropy(torch.ones(2, 4, 5), torch.zeros(2, 4).long()),
        "classes stand in dim 1: give input.transpose(1, -1), or input.flatten(0, -2) with target.flatten()",
    ),
    (lambda x: nn.functional.cross_entropy(x, torch.tensor([[0, 1, 0], [1, 0, 0]])), "target.argmax(1)"),
    (
        lambda x: nn.functional.binary_cross_entropy(x, x.long()),
        "the target is int64, the input float32: give target.float()",
    ),
    (lambda x: nn.functional.binary_cross_entropy_with_logits(x[:, :1], torch.zeros(2)), "give target.view_as(input)"),
    (lambda x: x.cuda(), 'write x.to("gpu")'),
    (lambda x: torch.cuda.synchronize(), "rustgrad.gpu.synchronize()"),
]


@pytest.mark.parametrize(("call", "hint"), HINTS, ids=[hint for _, hint in HINTS])
def test_hints_say_what_to_write(call, hint):
    with pytest.raises((RuntimeError, ValueError, AssertionError)) as error:
        call(torch.ones(2, 3))
    assert hint in str(error.value).partition("\nhint: ")[2]


@pytest.mark.gpu
class TestGpu:
    def test_an_integer_divided_by_zero_is_reported(self):
        for dtype in (torch.int64, torch.int32, torch.int16, torch.uint8):
            x = torch.tensor([1, 2, 3], dtype=dtype, device="gpu")
            zero = torch.tensor([1, 0, 1], dtype=dtype, device="gpu")
            for call in (lambda: x // zero, lambda: x % zero, lambda: torch.fmod(x, zero)):
                with pytest.raises(RuntimeError, match="ZeroDivisionError"):
                    call().cpu()
            assert (x // (zero + 1)).tolist() == [0, 2, 1]

    def test_signs_of_zero_quotients(self):
        x = torch.tensor([-0.0, 0.0, 3.0, -3.0])
        for y in (3.0, -3.0, 7.0):
            assert str((x.to("gpu") // y).cpu()) == str(x // y)

    def test_classes_of_bad_indices(self):
        x = torch.ones(3, device="gpu")
        five = torch.tensor([5], device="gpu")
        for kind, call in (
            (RuntimeError, lambda: x.gather(0, five)),
            (RuntimeError, lambda: x.scatter_add(0, five, x[:1])),
            (IndexError, lambda: x.index_select(0, five)),
        ):
            with pytest.raises(kind, match="index 5 is out of bounds"):
                call().cpu()

    def test_devices_and_addresses(self):
        x = torch.zeros(4, device="gpu:0")
        assert x.device == torch.device("gpu:0") == torch.device("gpu")
        assert hash(torch.device("gpu:0")) == hash(torch.device("gpu"))
        y = torch.zeros(4, device="gpu")
        assert x.data_ptr() and x.data_ptr() != y.data_ptr()
        assert x[1:].data_ptr() - x.data_ptr() == 4
        assert x.view(2, 2).data_ptr() == x.data_ptr() == x.untyped_storage().data_ptr()
