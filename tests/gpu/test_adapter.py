"""Which adapter is used; what is said where there is none, where it is lost, and in a forked child. The CPU goes on."""

import os
import sys

import pytest
from gpu.child import child

import rustgrad as torch

TRY = "print(message(lambda: torch.zeros(2, device='gpu')))\n"
CPU_WORKS = "print((torch.ones(2) + 1).tolist())\n"


def test_switched_off():
    said = child(
        TRY + "print(message(lambda: torch.ones(2).to('gpu')))\n"
        "print(message(lambda: torch.tensor([1.0], device='gpu')))\n"
        "print(message(lambda: torch.nn.Linear(2, 2).to('gpu')))\n"
        "print(message(torch.gpu.device_name))\n"
        "print(torch.gpu.is_available(), torch.gpu.device_count())\n" + CPU_WORKS,
        RUSTGRAD_GPU="off",
    )
    why = "the GPU is switched off by RUSTGRAD_GPU=off | hint: "
    for line, op in zip(said, ["zeros", "to_copy", "to_copy", "to_copy", "gpu"]):
        assert line.startswith(f"RuntimeError: {op}: ") and why in line, line
        assert 'stay on device="cpu"' in line
    assert said[-2:] == ["False 0", "[2.0, 2.0]"]


def test_no_such_adapter():
    said = child(TRY + CPU_WORKS, RUSTGRAD_GPU="no such adapter")
    assert said[0].startswith("RuntimeError: ")
    assert (
        "no GPU adapter fits RUSTGRAD_GPU=no such adapter; found: " in said[0] or "no GPU adapter was found" in said[0]
    )
    assert "RUSTGRAD_GPU=software" in said[0] and "mesa-vulkan-drivers" in said[0]
    assert said[1] == "[2.0, 2.0]"


def test_no_driver(tmp_path):
    empty = tmp_path / "none.json"
    empty.write_text("{}")
    said = child(TRY + CPU_WORKS, RUSTGRAD_GPU="software", VK_ICD_FILENAMES=str(empty), VK_DRIVER_FILES=str(empty))
    if sys.platform.startswith("linux"):
        assert said[0].startswith("RuntimeError: ") and "no GPU adapter was found (Vulkan, Metal or DX12)" in said[0]
    assert said[1] == "[2.0, 2.0]"


def test_another_index():
    with pytest.raises(RuntimeError, match="there is no GPU with index 1; one GPU is used at a time\nhint: "):
        torch.zeros(2, device="gpu:1")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_nothing_is_started_at_import():
    code = "torch.gpu.memory_summary()\nprint('libvulkan' in open('/proc/self/maps').read())\n"
    assert child(code) == ["False"]


@pytest.mark.gpu
def test_a_software_adapter_must_be_asked_for():
    if not torch.gpu.is_software():
        pytest.skip("needs a software adapter")
    said = child(TRY + "print(torch.gpu.is_available())\n" + CPU_WORKS, RUSTGRAD_GPU="")
    name = torch.gpu.device_name()
    if said[1] == "False":  # else there is hardware beside it
        assert said[0].startswith(
            f"RuntimeError: zeros: no hardware GPU was found, only the software adapter {name} | hint: "
        )
        assert "RUSTGRAD_GPU=software" in said[0]
    part = name.split()[0].upper()
    assert child("print(torch.gpu.device_name())", RUSTGRAD_GPU=part) == [name]


@pytest.mark.gpu
def test_a_lost_device():
    said = child(
        "from rustgrad import _rustgrad\n"
        "x = torch.ones(3, device='gpu', requires_grad=True)\n"
        "y = x * 2\n"
        "kept = torch.ones(3)\n"
        "_rustgrad._gpu_destroy()\n"
        "print(message(lambda: x + 1))\n"
        "print(message(lambda: y.tolist()))\n"
        "print(message(lambda: torch.ones(2, device='gpu')))\n"
        "print(message(lambda: kept.to('gpu')))\n"
        "print(message(torch.gpu.synchronize))\n"
        "print(message(lambda: y.backward(x)))\n"
        "print(message(lambda: repr(x)))\n"
        "print(torch.gpu.is_available())\n"
        "torch.gpu.empty_cache(); torch.gpu.memory_summary()\n"
        "del x, y\n"
        "print((kept + 1).tolist())\n"
    )
    for line in said[:7]:
        assert line.startswith("RuntimeError: ") and ": the GPU device was lost (destroyed" in line, line
        assert "the CPU goes on working" in line
    assert said[7:] == ["False", "[2.0, 2.0, 2.0]"]


@pytest.mark.gpu
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child():
    said = child(
        "import os, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "x = torch.ones(3, device='gpu')\n"
        "r, w = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    lines = [message(lambda: x + 1), message(x.tolist), message(lambda: torch.zeros(1, device='gpu'))]\n"
        "    del x\n"
        "    lines.append(str((torch.ones(2) + 1).tolist()))\n"
        "    os.write(w, chr(10).join(lines).encode())\n"
        "    os._exit(0)\n"
        "os.close(w)\n"
        "print(os.fdopen(r).read())\n"
        "os.wait()\n"
        "print((x + 1).tolist())\n"
    )
    for line in said[:3]:
        assert "the GPU cannot be used in a forked child of the process that started it" in line, line
        assert line.startswith("RuntimeError: ") and "spawn" in line
    assert said[3:] == ["[2.0, 2.0]", "[2.0, 2.0, 2.0]"]


@pytest.mark.gpu
def test_a_child_of_a_parent_that_did_not_start_it():
    said = child(
        "import os, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "r, w = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    os.write(w, str((torch.ones(2, device='gpu') + 1).tolist()).encode())\n"
        "    os._exit(0)\n"
        "os.close(w)\n"
        "print(os.fdopen(r).read())\n"
        "os.wait()\n"
    )
    assert said == ["[2.0, 2.0]"]
