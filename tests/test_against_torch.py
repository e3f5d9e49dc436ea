"""The cases of every folder against what PyTorch gave for them."""

import importlib.util
from pathlib import Path

import pytest

import rustgrad

FILES = sorted(Path(__file__).parent.glob("*/cases*.py"))


def cases(path):
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CASES


def label(path):
    """nn for tests/nn/cases.py, nn-hooks for tests/nn/cases_hooks.py."""
    return "-".join([path.parent.name, *path.stem.split("_")[1:]])


ALL = [(path, name, found) for path in FILES for found in [cases(path)] for name in found]


@pytest.mark.parametrize(("path", "name", "found"), ALL, ids=[f"{label(path)}-{name}" for path, name, _ in ALL])
def test_case(path, name, found):
    found.check(path, name, rustgrad)
