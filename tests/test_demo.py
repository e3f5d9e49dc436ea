"""The demo, shortened: what it prints, writes and refuses."""

import os
import re
import subprocess
import sys

import pytest

import rustgrad as torch
from rustgrad import demo


def test_two_epochs(tmp_path, capsys):
    assert demo.main(["--epochs", "2", "--seed", "1", "--out", str(tmp_path / "new" / "folder")]) == 0
    lines = capsys.readouterr().out.strip().split("\n")
    assert "1437 images to learn from, 360 kept for the test" in lines
    assert any(re.fullmatch(r"trained in [\d.]+ s, [\d,]+ examples/s", line) for line in lines)
    accuracy = re.fullmatch(r"test accuracy (\d+\.\d\d) %", lines[-1])
    assert accuracy
    assert float(accuracy[1]) > 80
    weights = torch.load(tmp_path / "new" / "folder" / "digits.safetensors")
    demo.DigitNet().load_state_dict(weights)


def test_the_split_is_fixed():
    torch.manual_seed(9)
    (x, y), (held, answers) = demo.split(*torch.datasets.digits())
    assert (len(x), len(y), len(held), len(answers)) == (1437, 1437, 360, 360)
    assert answers[:8].tolist() == [6, 5, 5, 7, 9, 9, 8, 4]


@pytest.mark.parametrize("missing", ["tqdm", "matplotlib"])
def test_optional_packages_may_be_missing(tmp_path, capsys, monkeypatch, missing):
    for name in [*sys.modules]:
        if name.split(".")[0] == missing:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    assert demo.main(["--epochs", "1", "--out", str(tmp_path)]) == 0
    assert f"pip install {missing}" in capsys.readouterr().out


def test_a_device_that_is_not_there(capsys):
    assert demo.main(["--device", "cuda"]) == 1
    assert capsys.readouterr().err.startswith("error: zeros: rustgrad has no cuda device")


def run(*arguments, **env):
    """The demo as a program of its own, whose GPU `env` chooses (None: no word of it)."""
    env = {k: v for k, v in (os.environ | env).items() if v is not None}
    return subprocess.run([sys.executable, "-m", "rustgrad.demo", *arguments], capture_output=True, text=True, env=env)


def test_no_gpu():
    done = run("--device", "gpu", RUSTGRAD_GPU="off")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: zeros: the GPU is switched off by RUSTGRAD_GPU=off\nhint: ")


@pytest.mark.gpu
def test_one_epoch_on_the_gpu(tmp_path):
    """A software adapter is taken where there is no other, and said to be; the network learns what it learns here."""
    there = run("--device", "gpu", "--epochs", "1", "--out", str(tmp_path), RUSTGRAD_GPU=None)
    here = run("--epochs", "1", "--out", str(tmp_path))
    assert there.returncode == here.returncode == 0, there.stderr
    if torch.gpu.is_software():
        first = there.stdout.splitlines()[0]
        assert first.startswith("no hardware GPU here: RUSTGRAD_GPU=software is set, ") and first.endswith(" computes")
    assert "parameters on gpu, rustgrad" in there.stdout
    a, b = (float(re.search(r"test accuracy ([\d.]+) %", done.stdout)[1]) for done in (here, there))
    assert abs(a - b) < 1.5


def test_help_names_every_option():
    run = subprocess.run([sys.executable, "-m", "rustgrad.demo", "--help"], capture_output=True, text=True, check=True)
    for option in ("--device", "--epochs", "--seed", "--out"):
        assert option in run.stdout
