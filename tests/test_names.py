"""Missing names: `rustgrad has no torch.x yet` for what PyTorch has, the nearest name for what nobody has."""

import re

import pytest

import rustgrad as torch
from rustgrad import _names

HINT = "`python -m rustgrad.check FILE` lists all that a program uses and rustgrad lacks"


@pytest.mark.parametrize(
    ("owner", "name", "place"),
    [
        (torch, "hsmm", "torch"),
        (torch.nn, "quantizable", "torch.nn"),
        (torch.nn.functional, "grouped_mm", "torch.nn.functional"),
        (torch.utils, "hipify", "torch.utils"),
        (torch.cuda, "jiterator", "torch.cuda"),
        (torch.backends, "miopen", "torch.backends"),
        (torch.ones(1), "to_mkldnn", "torch.Tensor"),
        (torch.Tensor, "to_mkldnn", "torch.Tensor"),
    ],
)
def test_names_that_pytorch_has(owner, name, place):
    with pytest.raises(AttributeError, match=re.escape(f"rustgrad has no {place}.{name} yet")) as error:
        getattr(owner, name)
    assert HINT in str(error.value)
    assert not hasattr(owner, name)


@pytest.mark.parametrize(
    ("owner", "name", "message"),
    [
        (torch, "zeroes_like", "module 'rustgrad' has no attribute 'zeroes_like'. Did you mean: 'zeros_like'?"),
        (torch, "xyzzy", "module 'rustgrad' has no attribute 'xyzzy'"),
        (torch.nn, "Lineare", "module 'rustgrad.nn' has no attribute 'Lineare'. Did you mean: 'Linear'?"),
        (
            torch.nn.functional,
            "rellu",
            "module 'rustgrad.nn.functional' has no attribute 'rellu'. Did you mean: 'relu'?",
        ),
        (torch.optim, "Adamm", "module 'rustgrad.optim' has no attribute 'Adamm'. Did you mean: 'Adam'?"),
        (torch.utils.data, "xyzzy", "module 'rustgrad.utils.data' has no attribute 'xyzzy'"),
        (torch.ones(1), "xyzzy", "'Tensor' object has no attribute 'xyzzy'"),
        (torch.nn.Linear(1, 1), "xyzzy", "'Linear' object has no attribute 'xyzzy'"),
        (torch, "__wrapped__", "module 'rustgrad' has no attribute '__wrapped__'"),
        (torch, "_private", "module 'rustgrad' has no attribute '_private'"),
    ],
)
def test_names_that_nobody_has(owner, name, message):
    with pytest.raises(AttributeError) as error:
        getattr(owner, name)
    assert str(error.value) == message


def test_a_name_that_is_elsewhere_is_found():
    with pytest.raises(
        AttributeError, match=r"no torch\.nn\.quantizable\.LSTM yet\nhint: the nearest it has: torch\.nn\.LSTM"
    ):
        raise _names.missing("torch.nn.quantizable", "LSTM")


def test_an_attribute_of_ones_own_is_read():
    x = torch.ones(1)
    x.to_mkldnn = "mine"
    assert x.to_mkldnn == "mine"


def test_every_listed_place_is_one_line():
    lines = _names._lines()
    assert len(lines) > 300
    assert {"relu", "ones", "Tensor"} <= _names.listed("torch")
    assert {"conv2d", "scaled_dot_product_attention"} <= _names.listed("torch.nn.functional")
    assert _names.is_module("torch.nn.functional") and not _names.is_module("torch.Tensor")
    assert _names.knows("torch.ao.quantization", "QuantStub") and not _names.knows("torch.nn", "QuantStub")


def test_modules_of_pytorch_stand_for_ours():
    assert _names.module("torch.autograd.grad_mode").no_grad is torch.no_grad
    assert _names.module("torch.nn.modules.normalization").LayerNorm is torch.nn.LayerNorm
    assert torch.nn.modules.sparse.Embedding is torch.nn.Embedding
    assert _names.module("torch.nn.nothing") is None
    with pytest.raises(AttributeError, match="has no attribute 'BatchNorm9d'"):
        _ = torch.nn.modules.sparse.BatchNorm9d
