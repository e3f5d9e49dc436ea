"""The cases of every folder against what PyTorch gave for them."""

import importlib.util
from pathlib import Path

import pytest

import rustgrad

FILES = sorted(Path(__file__).parent.glob("*/cases.py"))


def cases(path):
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_cases", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CASES


ALL = [(path, name, found) for path in FILES for found in [cases(path)] for name in found]


@pytest.mark.parametrize(("path", "name", "found"), ALL, ids=[f"{path.parent.name}-{name}" for path, name, _ in ALL])
def test_case(path, name, found):
    found.check(path, name, rustgrad)
