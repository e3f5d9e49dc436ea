"""What Module promises beyond PyTorch's answers: its registries are one with its attributes, and it makes no cycles."""

import gc
import weakref

import pytest

import rustgrad as torch
from rustgrad import nn


def test_registries_are_views_of_the_attributes():
    layer = nn.Linear(2, 3)
    other = nn.Parameter(torch.zeros(3, 2))
    layer._parameters["weight"] = other
    assert layer.weight is other
    assert next(layer.parameters()) is other
    del layer._parameters["weight"]
    assert not hasattr(layer, "weight")
    layer.weight = torch.ones(3, 2)  # a plain attribute now, as weight_norm and its kin leave it
    assert list(dict(layer.named_parameters())) == ["bias"]
    assert layer(torch.ones(1, 2)).shape == (1, 3)
    layer._buffers["mean"] = torch.zeros(1)
    layer._modules["act"] = nn.ReLU()
    assert "mean" in layer.state_dict()
    assert [name for name, _ in layer.named_children()] == ["act"]
    assert layer._modules.pop("act") is not None
    assert not hasattr(layer, "act")
    assert repr(layer._buffers) == "{'mean': tensor([0.])}"


def test_attributes_change_their_kind():
    module = nn.Module()
    module.x = 3
    module.x = nn.Parameter(torch.zeros(1))
    assert list(module.state_dict()) == ["x"]
    module.x = None
    assert list(module.state_dict()) == []
    assert module.x is None
    module.x = nn.Parameter(torch.ones(1))
    del module.x
    module.x = nn.ReLU()
    assert [name for name, _ in module.named_modules()] == ["", "x"]
    module.y = nn.Buffer(torch.ones(2), persistent=False)
    assert [name for name, _ in module.named_buffers()] == ["y"]
    assert list(module.state_dict()) == []
    module.y = torch.zeros(3)
    assert module._non_persistent_buffers_set == {"y"}


def test_modules_die_with_their_last_reference():
    model = nn.Sequential(nn.Linear(2, 2), nn.ModuleDict({"a": nn.LayerNorm(2)}))
    model.register_forward_hook(lambda *_: None)
    seen = [weakref.ref(module) for module in model.modules()]
    gc.disable()
    try:
        del model
        assert [ref() for ref in seen] == [None] * 4
    finally:
        gc.enable()


def test_instances_may_replace_forward():
    layer = nn.Identity()
    layer.forward = lambda x: x + 1
    assert layer(torch.zeros(1)).item() == 1


def test_getattr_may_be_extended():
    class Wrapper(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.inner, name)

    wrapper = Wrapper(nn.Linear(2, 3))
    assert wrapper.in_features == 2
    assert wrapper.inner.weight is wrapper.weight
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'nothing'"):
        _ = wrapper.nothing


def test_extra_state_and_hooks_on_state_dicts():
    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    model = nn.Sequential(Counter())
    model[0].count = 5
    log = []
    model.register_state_dict_pre_hook(lambda m, prefix, keep_vars: log.append("before"))
    model.register_state_dict_post_hook(lambda m, d, prefix, meta: log.append(sorted(d)))
    state = model.state_dict()
    other = nn.Sequential(Counter())
    other.register_load_state_dict_pre_hook(lambda m, d, *rest: log.append(len(rest)))
    handle = other.register_load_state_dict_post_hook(lambda m, keys: log.append(keys.missing_keys))
    other.load_state_dict(state)
    handle.remove()
    assert other[0].count == 5
    assert log == ["before", ["0._extra_state"], 6, []]
    other.load_state_dict(state)
    assert log[4:] == [6]


def test_loading_can_take_the_tensors_themselves():
    model, given = nn.Linear(2, 2), {"weight": torch.ones(2, 2), "bias": nn.Parameter(torch.zeros(2))}
    model.bias.requires_grad_(False)
    model.load_state_dict(given, assign=True)
    assert model.weight.data_ptr() == given["weight"].data_ptr()
    assert isinstance(model.weight, nn.Parameter)
    assert model.bias is given["bias"]
    assert (model.weight.requires_grad, model.bias.requires_grad) == (True, False)


def test_older_spellings_of_reduction_warn():
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        assert nn.MSELoss(size_average=False).reduction == "sum"
    with pytest.warns(UserWarning, match="please use reduction='none' instead"):
        assert nn.CrossEntropyLoss(reduce=False).reduction == "none"


def test_what_is_not_built_says_so():
    with pytest.raises(NotImplementedError, match="padding_mode='reflect' is not built yet"):
        nn.Conv2d(1, 1, 3, padding_mode="reflect")
    for arguments, what in (
        ({"groups": 0}, "groups must be a positive integer"),
        ({"groups": 2}, "in_channels must be divisible by groups"),
        ({"padding": "half"}, "Invalid padding string 'half'"),
        ({"padding": "same", "stride": 2}, "padding='same' is not supported for strided convolutions"),
        ({"padding_mode": "none"}, "padding_mode must be one of"),
    ):
        with pytest.raises(ValueError, match=what):
            nn.Conv2d(3, 4, 3, **arguments)
