"""`python -m rustgrad.check`: which torch names of a program are found, and which are not taken for missing."""

import json
import subprocess
import sys

import pytest

from rustgrad import check
from rustgrad._names import scan


def missing(source):
    """(line, name) of each finding, without the names' common beginning."""
    return [(one.line, one.name.removeprefix("torch.")) for one in scan.scan(source)]


# The names are PyTorch's for quantised tensors and for vendors' libraries: rustgrad will not have them soon.
def test_names_are_followed_from_their_import():
    source = """
import torch, torch.nn as nn
import torch as th
import torch.nn.functional as F
from torch import quint4x2, nn as layers, hsmm as product
from torch.nn import functional
import numpy as np
import torch.nn.quantizable as q
torch.miopen_rnn(1)
th.sspaddmm, nn.Linear, layers.Linear
F.relu(product), functional.boolean_dispatch
np.einsum, np.sspaddmm
q.LSTM
"""
    assert missing(source) == [
        (5, "hsmm"),
        (5, "quint4x2"),
        (8, "nn.quantizable"),
        (9, "miopen_rnn"),
        (10, "sspaddmm"),
        (11, "nn.functional.boolean_dispatch"),
        (13, "nn.quantizable.LSTM"),
    ]


def test_what_is_no_name_of_pytorch_is_told_apart():
    found = scan.scan(
        "import torch\ntorch.no_such_thing\ntorch.sspaddmm\ntorch.fx.symbolic_trace(1)\nimport torch.nowhere\n"
    )
    assert [(one.name, one.note) for one in found] == [
        ("torch.no_such_thing", "PyTorch 2.13 has no such public name either"),
        ("torch.sspaddmm", ""),
        ("torch.fx.symbolic_trace", "only raises an error"),
        ("torch.nowhere", "PyTorch 2.13 has no such public name either"),
    ]


def test_tensors_are_followed_through_a_program():
    source = """
import torch
from torch import nn, Tensor

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.weight = nn.Parameter(torch.zeros(2))
        self.table = {}

    def forward(self, x, mask: Tensor):
        y = self.layer(x).sspaddmm()
        z = (mask + 1).sparse_resize_and_clear_()
        self.table.to_mkldnn, self.weight.resize_as_sparse_()
        for row in mask:
            row.to_sparse_bsr()
        return x.sspaddmm(), self.share_nothing, self.training

a, b = torch.ones(2), "text"
a.relu().smm()
b.smm()
c = "%s" % a
c.smm()
if a > 1:
    d = a
else:
    d = b
d.smm()
(a == a).sum().T.smm(a)
f = lambda t: torch.zeros(1).sspaddmm
"""
    found = missing(source)
    assert found == [
        (13, "Tensor.sspaddmm"),
        (14, "Tensor.sparse_resize_and_clear_"),
        (15, "Tensor.resize_as_sparse_"),
        (15, "Tensor.to_mkldnn"),
        (17, "Tensor.to_sparse_bsr"),
        (21, "Tensor.smm"),
        (30, "Tensor.smm"),
        (31, "Tensor.sspaddmm"),
    ]


def test_members_that_others_have_are_left_alone():
    source = """
import torch, pandas, matplotlib
frame.values, frame.mean(), text.index, axes.scatter(1), x.sort(), model.to_mkldnn_of, x.sum_to_size_
x.to_mkldnn()

class Mine:
    def to_sparse_bsr(self): ...

Mine().to_sparse_bsr(), x.to_sparse_bsr
self.to_sparse_bsc = 3
y.to_sparse_bsc
"""
    assert missing(source) == [(4, "Tensor.to_mkldnn")]


def test_what_a_program_guards_is_left_alone():
    source = """
import torch
try:
    from torch import sspaddmm
    torch.hsmm
except ImportError:
    sspaddmm = None
if hasattr(torch, "miopen_rnn"):
    torch.miopen_rnn
else:
    torch.hsmm
hasattr(torch, "hsmm")
getattr(torch, "hsmm", None)
getattr(torch, "sspaddmm")
"""
    assert missing(source) == [(11, "hsmm"), (14, "sspaddmm")]


def test_names_of_a_program_hide_those_of_imports():
    source = """
import torch
from torch import nn

def f(torch, nn=None):
    return torch.hsmm, nn.hsmm

def g():
    nn = 3
    return nn.quantizable, torch.hsmm

from torch.nn import *
Linear, quantizable
"""
    assert missing(source) == [(10, "hsmm"), (13, "nn.quantizable")]


def test_notebooks_and_folders(tmp_path, capsys):
    cells = [
        {"cell_type": "markdown", "source": ["torch.hsmm"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import torch\n", "!pip list\n", "x = torch.ones(1)"]},
        {"cell_type": "code", "source": "%%bash\ntorch.hsmm"},
        {"cell_type": "code", "source": "torch.ones?\nn = 3  # how many?\nx.smm(), torch.hsmm"},
    ]
    (tmp_path / "book.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "good.py").write_text("import torch\ntorch.ones(1)\n")
    (tmp_path / "bad.py").write_text("print 'python 2'\n")
    for folder in (".hidden", "venv", "inner"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one.py").write_text("import torch\ntorch.hsmm\n")
    (tmp_path / "venv" / "pyvenv.cfg").write_text("")
    assert check.main([str(tmp_path / "good.py")]) == 0
    assert capsys.readouterr().out == "rustgrad has every torch name that was found in 1 file\n"
    assert check.main([str(tmp_path / "bad.py")]) == 2
    assert "cannot be read as Python" in capsys.readouterr().err
    assert check.main([str(tmp_path)]) == 1
    out = capsys.readouterr().out.replace(str(tmp_path), "")
    assert out == (
        "/book.ipynb:cell 4:3: torch.Tensor.smm\n"
        "/book.ipynb:cell 4:3: torch.hsmm\n"
        "/inner/one.py:2: torch.hsmm\n"
        "\nrustgrad lacks 2 names, used 3 times in 2 of 4 files\n"
    )
    assert check.main([]) == 2


@pytest.mark.parametrize(
    "source", ["x = torch.hsmm", "import torchvision\ntorchvision.hsmm", "from .torch import hsmm"]
)
def test_only_torch_is_looked_at(source):
    assert missing(source) == []


def test_the_command_line(tmp_path):
    file = tmp_path / "program.py"
    file.write_text("import torch\ntorch.hsmm\n")
    done = subprocess.run([sys.executable, "-m", "rustgrad.check", str(file)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(f"{file}:2: torch.hsmm\n")
