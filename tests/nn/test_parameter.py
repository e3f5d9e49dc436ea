"""Parameter: its class, identity, copies and pickles."""

import copy
import pickle

import pytest

import rustgrad as torch
from rustgrad import nn


def test_results_of_ops_are_plain_tensors():
    p = nn.Parameter(torch.ones(2))
    assert type(p * 2) is torch.Tensor
    assert type(p.detach()) is torch.Tensor
    assert type(p.view(2, 1)) is torch.Tensor
    assert (p.requires_grad, p.is_leaf, (p * 2).requires_grad) == (True, True, True)
    assert not nn.Parameter(torch.ones(2), requires_grad=False).requires_grad


def test_it_shares_memory_and_starts_a_history_of_its_own():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    p = nn.Parameter(y)
    assert p.is_leaf
    with torch.no_grad():
        p[0] = 7
    assert y[0].item() == 7


def test_it_stays_the_same_object():
    layer = nn.Linear(2, 1)
    layer.weight.note = "kept"
    assert layer.weight is layer.weight
    layer(torch.ones(1, 2)).sum().backward()
    assert next(layer.parameters()).note == "kept"
    assert layer.weight.grad is layer.weight.grad
    weight = layer.weight
    layer.double()
    assert layer.weight is weight


def test_copies_and_pickles_are_parameters():
    p = nn.Parameter(torch.arange(3.0), requires_grad=False)
    for other in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(other) is nn.Parameter
        assert other.tolist() == [0, 1, 2]
        assert not other.requires_grad
        assert other.data_ptr() != p.data_ptr()
    shared = [p, p]
    twins = copy.deepcopy(shared)
    assert twins[0] is twins[1]


def test_constructor():
    assert nn.Parameter().shape == (0,)
    with pytest.raises(TypeError, match="data must be a Tensor, but got list"):
        nn.Parameter([1.0])
    with pytest.raises(RuntimeError, match="floating point"):
        nn.Parameter(torch.ones(2, dtype=torch.int64))


def test_subclasses():
    class Named(nn.Parameter):
        pass

    layer = nn.Linear(1, 1)
    layer.weight = Named(torch.ones(1, 1))
    assert type(next(layer.parameters())) is Named
