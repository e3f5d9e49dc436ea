"""Printing, as PyTorch does it: tensors of every dtype under several options, and the suffixes."""

import json
from pathlib import Path

import numpy as np
import pytest
from generated import samples

import rustgrad as torch

CASES = json.loads((Path(__file__).parent / "golden" / "display.json").read_text())


@pytest.fixture(autouse=True)
def default_options():
    yield
    torch.set_printoptions(profile="default")


@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{c['dtype']}-{c['shape']}" for i, c in enumerate(CASES)])
def test_as_pytorch(case):
    values = np.resize(np.array([float(v) for v in case["values"]]), case["shape"])
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**case["options"])
    t = samples.tensor(torch, values, case["dtype"])
    assert repr(t) == str(t) == case["text"].replace("torch.", "rustgrad.")


def test_options_that_are_none_stay():
    torch.set_printoptions(precision=2, threshold=5)
    torch.set_printoptions(edgeitems=1)
    assert repr(torch.arange(10) * 1.5) == "tensor([ 0.00,  ..., 13.50])"
    torch.set_printoptions(profile="default")
    assert repr(torch.tensor([1.12345])) == "tensor([1.1235])"


def test_history():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    assert repr(x) == "tensor([1., 2.], requires_grad=True)"
    assert repr(x.view(2, 1)) == "tensor([[1.],\n        [2.]], grad_fn=<ViewBackward0>)"
    assert repr(x.detach()) == "tensor([1., 2.])"
    assert repr(x.squeeze(0)) == "tensor([1., 2.], grad_fn=<SqueezeBackward1>)"
    assert repr(x.double()) == "tensor([1., 2.], dtype=rustgrad.float64, grad_fn=<ToCopyBackward0>)"


def test_long_suffixes_take_a_line_of_their_own():
    x = torch.zeros(20, dtype=torch.float64, requires_grad=True)
    assert repr(x).endswith("0., 0.],\n       dtype=rustgrad.float64, requires_grad=True)")


def test_views_print_their_elements():
    x = torch.arange(12).view(3, 4).t()[1:, ::2]
    assert repr(x) == "tensor([[ 1,  9],\n        [ 2, 10],\n        [ 3, 11]])"


def test_as_deep_as_the_stack():
    deep = torch.ones(1).expand([1] * 100_000)
    for show in (repr, str, torch.Tensor.tolist):
        with pytest.raises(RecursionError, match="maximum recursion depth exceeded"):
            show(deep)
    assert torch.ones(1).expand([1] * 500).tolist() is not None
