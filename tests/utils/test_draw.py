"""Drawings of the autograd graph."""

import shutil
import subprocess
import types

import pytest

import rustgrad as torch
from rustgrad.utils import draw

nn = torch.nn


def test_a_graph():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    z = (y + y * x).sum()
    assert str(draw(z, {'a "name"': x, "z": z})).splitlines() == [
        "digraph {",
        '  node [fontname="monospace", fontsize=10];',
        '  n0 [label="SumBackward0"];',
        '  t1 [shape=box, style=filled, fillcolor="palegreen", label="z\\n() float32"];',
        '  n1 [label="AddBackward0"];',
        '  n2 [label="MulBackward0"];',
        '  n3 [label="MulBackward0"];',
        '  t5 [shape=box, style=filled, fillcolor="lightblue", label="a \\"name\\"\\n(2,) float32"];',
        "  n0 -> t1;",
        "  n1 -> n0;",
        "  n2 -> n1;",
        "  n3 -> n1;",
        "  n2 -> n3;",
        "  t5 -> n3;",
        "  t5 -> n2;",
        "}",
    ]


def test_a_module_names_its_parameters():
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    drawing = draw([net(torch.ones(1, 3)), net[0].weight], net)
    assert 'label="0.weight\\n(2, 3) float32"' in drawing.source
    assert 'label="0.bias\\n(2,) float32"' in drawing.source
    assert repr(drawing).startswith("<Drawing of ")


def test_what_cannot_be_drawn():
    with pytest.raises(RuntimeError, match="does not require grad"):
        draw(torch.ones(2))
    with pytest.raises(TypeError, match="expects a tensor or a list of tensors, but got float"):
        draw(1.0)
    with pytest.raises(TypeError, match="params should be a module or a dict of tensors, but got int"):
        draw(torch.ones(2, requires_grad=True), 3)


def test_pictures(tmp_path, monkeypatch):
    drawing = draw(torch.ones(2, requires_grad=True) * 2)
    drawing.save(tmp_path / "a.dot")
    assert (tmp_path / "a.dot").read_text() == str(drawing)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert drawing._repr_svg_() is None
    with pytest.raises(RuntimeError, match="needs Graphviz' program dot, which was not found"):
        drawing.save(tmp_path / "a.svg")
    code = 0

    def run(command, input, **_):
        return types.SimpleNamespace(returncode=code, stdout=b" ".join([command[1].encode(), input[:7]]), stderr=b"why")

    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(subprocess, "run", run)
    assert drawing._repr_svg_() == drawing.svg() == "-Tsvg digraph"
    drawing.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"-Tpng digraph"
    code = 1
    with pytest.raises(RuntimeError, match="dot could not draw this: why"):
        drawing.svg()
