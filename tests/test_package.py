"""The package itself: what importing it costs and loads, its names, the few modules that only answer questions."""

import subprocess
import sys

import pytest

import rustgrad as torch


def fresh(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_importing_loads_little():
    loaded = fresh("import sys, rustgrad; print(*sys.modules)").split()
    heavy = {"numpy", "typing", "inspect", "dataclasses", "rustgrad.nn", "rustgrad.optim", "rustgrad.utils"}
    assert not heavy & set(loaded)


def test_subpackages_come_when_asked_for():
    code = (
        "import rustgrad as torch; torch.nn.Linear; torch.optim.SGD; torch.utils.data.DataLoader; torch.autograd.grad"
    )
    assert fresh(code) == ""
    assert {"nn", "optim", "utils", "autograd", "cuda", "datasets", "finfo"} <= set(dir(torch))
    with pytest.raises(AttributeError, match="module 'rustgrad' has no attribute 'nothing'"):
        _ = torch.nothing


def test_cuda_is_not_there():
    assert not torch.cuda.is_available()
    assert torch.cuda.device_count() == 0
    assert not torch.cuda.is_bf16_supported()
    torch.cuda.manual_seed_all(3)
    torch.cuda.empty_cache()
    with pytest.raises(AssertionError, match="no CUDA backend"):
        torch.cuda.synchronize()


def test_names_of_types():
    assert torch.typename(torch.ones(1)) == "rustgrad.FloatTensor"
    assert torch.typename(3) == "int"
    assert torch.typename(torch.nn.Linear(1, 1)) == "rustgrad.nn.modules.linear.Linear"


def test_every_public_name_has_a_text():
    for module in (torch, torch.nn, torch.nn.functional, torch.nn.init, torch.optim, torch.utils.data, torch.autograd):
        for name in dir(module):
            value = getattr(module, name)
            if callable(value) and not name.startswith("_") and value.__module__ != "builtins":
                assert value.__doc__, f"{module.__name__}.{name}"


def test_the_version():
    assert torch.__version__.count(".") == 2
