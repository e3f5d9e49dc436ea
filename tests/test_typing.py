"""What type checkers say of a user's program. `make lint` asks mypy too, which is no tool of the tests."""

import importlib.util
from pathlib import Path

import pytest

import rustgrad as torch
from rustgrad import _lazy

SCRIPT = Path(__file__).parent.parent / "scripts" / "typed.py"


def typed():
    spec = importlib.util.spec_from_file_location("typed", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(importlib.util.find_spec("basedpyright") is None, reason="a tool of make lint")
def test_a_training_program_has_no_type_error():
    script = typed()
    script.check(script.basedpyright)


def test_the_typed_program_runs(capsys):
    spec = importlib.util.spec_from_file_location("train", SCRIPT.parent.parent / "tests" / "typing" / "train.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert len(module.train()) == 4
    assert capsys.readouterr().out


def test_names_that_come_late_are_known_to_checkers():
    text = Path(torch.__file__).read_text(encoding="utf-8")
    for name in (n for n in _lazy.MODULES - {"as_torch"} if not n.startswith("_")):
        assert f"    from . import {name} as {name}\n" in text, name
    for name, module in ((n, m) for n, m in _lazy.FUNCTIONS.items() if not n.startswith("_")):
        assert f"import {name} as {name}\n" in text or f"import Tensor as {name}\n" in text, (name, module)
