"""nn.utils where it promises more than PyTorch: copies that stay apart, failures that change nothing."""

import copy

import pytest

import rustgrad as torch
from rustgrad import nn
from rustgrad.nn.utils import parametrize, rnn


class Double(nn.Module):
    def forward(self, x):
        return x * 2


def test_copies_of_a_parametrized_module_stay_apart():
    layer = nn.Linear(2, 2)
    parametrize.register_parametrization(layer, "weight", Double())
    other = copy.deepcopy(layer)
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear
    assert other.weight.shape == (2, 2) and parametrize.is_parametrized(other)
    parametrize.register_parametrization(other, "bias", Double())
    parametrize.remove_parametrizations(other, "weight")
    assert parametrize.is_parametrized(other, "bias") and not parametrize.is_parametrized(other, "weight")
    assert isinstance(other.weight, nn.Parameter)


def test_a_refused_parametrization_leaves_the_values():
    class Halves(nn.Module):
        def forward(self, x):
            return x

        def right_inverse(self, x):
            return x[:1] * 0

    layer = nn.Linear(2, 2)
    before = layer.weight.tolist()
    with pytest.raises(ValueError, match="may not change the shape"):
        parametrize.register_parametrization(layer, "weight", Halves())
    assert layer.weight.tolist() == before
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_lengths_beyond_the_input_are_refused():
    with pytest.raises(RuntimeError, match="a length is 5, but the input has 4 steps"):
        rnn.pack_padded_sequence(torch.ones(4, 2, 1), [5, 1])
    with pytest.raises(ValueError, match="shorter"):
        rnn.unpad_sequence(torch.ones(4, 3, 1), [4, 3])


def test_importing_a_file_of_utils_keeps_its_function():
    import rustgrad.nn.utils.spectral_norm
    import rustgrad.nn.utils.weight_norm  # noqa: F401

    assert callable(nn.utils.weight_norm) and callable(nn.utils.spectral_norm)
    assert {"prune", "rnn", "skip_init", "parametrize"} <= set(dir(nn.utils))


def test_helpers_that_modules_written_elsewhere_import():
    from rustgrad.nn.modules import utils

    assert utils._pair(3) == (3, 3) and utils._pair([1, 2]) == (1, 2) and utils._triple((1, 2, 3)) == (1, 2, 3)
    assert utils._single(2) == (2,) and utils._quadruple(0) == (0,) * 4 and utils._ntuple(5)("ab") == ("a", "b")
    assert utils._reverse_repeat_tuple((1, 2, 3), 2) == (3, 3, 2, 2, 1, 1)
    assert utils._list_with_default((None, 3), [2, 4, 5, 6]) == [5, 3] and utils._list_with_default(3, [1]) == 3
    with pytest.raises(ValueError, match="Input dimension should be at least 3"):
        utils._list_with_default((1, 2), [1, 2])


def test_prefix_of_a_wrapped_model_is_stripped():
    inner, wrapped = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)), torch.nn.Module()
    wrapped.module = inner
    state = wrapped.state_dict()
    torch.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    assert list(state) == list(inner.state_dict())
    assert sorted(state._metadata) == ["", "0", "1"]
    assert str(inner.load_state_dict(state)) == "<All keys matched successfully>"
