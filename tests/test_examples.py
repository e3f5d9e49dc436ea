"""The scripts of `examples`, on tiny settings: they print what PyTorch printed, and draw their pictures.

`tests/golden/examples.py` ran the same commands with PyTorch.
"""

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rustgrad

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
GOLDEN = json.loads((ROOT / "tests" / "golden" / "examples.json").read_text())
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
DRAWS = importlib.util.find_spec("matplotlib") is not None


def run(script, *arguments, out):
    """The lines that an example prints as a PyTorch program, with `OUT` for its folder."""
    line = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "rustgrad.as_torch",
        f"examples/{script}",
        *arguments,
        "--out",
        str(out),
    ]
    path = os.pathsep.join([str(Path(rustgrad.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "RUSTGRAD_GPU": "off", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(line, capture_output=True, encoding="utf-8", cwd=ROOT, env=environment)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.replace(str(out), "OUT").replace("OUT\\", "OUT/").splitlines()


def same(got, wanted):
    """Whether two lines are equal: words and whole numbers exactly, others but for two units of their last digit."""
    if NUMBER.sub("#", got) != NUMBER.sub("#", wanted):
        return False
    for a, b in zip(NUMBER.findall(got), NUMBER.findall(wanted)):
        digits = len(b.partition(".")[2])
        if a != b and (not digits or abs(float(a) - float(b)) > 2.001 * 10**-digits):
            return False
    return True


@pytest.mark.parametrize("command", GOLDEN)
def test_examples_print_what_pytorch_prints(command, tmp_path):
    script, *arguments = command.split()
    out = tmp_path / "new" / "folder"
    picture = f"{Path(script).stem}.png"
    lines = run(script, *arguments, out=out)
    assert lines.pop() == (f"picture  OUT/{picture}" if DRAWS else "no picture: pip install matplotlib")
    assert DRAWS == (out / picture).is_file()
    *wanted, _ = GOLDEN[command]
    assert len(lines) == len(wanted)
    for got, line in zip(lines, wanted):
        # How long it took is the machine's.
        got, line = (re.sub(r"trained in [\d.]+ s", "trained in # s", text) for text in (got, line))
        assert same(got, line), f"\n got: {got}\nwant: {line}"


def test_every_example_is_tested_and_told_of():
    assert {command.split()[0] for command in GOLDEN} == {path.name for path in SCRIPTS}
    table = (ROOT / "examples" / "README.md").read_text()
    assert not [path.name for path in SCRIPTS if f"`{path.name}`" not in table]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_examples_are_pytorch_programs_of_a_readable_size(path):
    """Of rustgrad they take data only, so that they run with PyTorch as well."""
    text = path.read_text()
    tree = ast.parse(text)
    assert f"python -m rustgrad.as_torch examples/{path.name}" in ast.get_docstring(tree)
    assert text.count("\n") <= 180
    taken = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    taken += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert "torch" in taken
    assert {name for name in taken if name.startswith("rustgrad")} <= {"rustgrad.datasets"}


def test_the_residual_network_reads_files_that_are_there(tmp_path):
    """What one run drew is another's `--data`, as CIFAR-10 itself would be."""
    tiny = ("--epochs", "1", "--images", "50")
    drawn = run("resnet.py", *tiny, out=tmp_path / "drawn")
    read = run("resnet.py", *tiny, "--data", str(tmp_path / "drawn"), out=tmp_path / "read")
    assert drawn[0] == "drew 50 images and 10 for the test: OUT/cifar-10-batches-bin"
    assert drawn[1:3] == read[:2] and drawn[4] == read[3]
