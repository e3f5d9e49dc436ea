"""What Module promises beyond PyTorch's answers: its registries are one with its attributes, and it makes no cycles."""

import copy
import gc
import pickle
import weakref

import pytest

import rustgrad as torch
import rustgrad.nn.functional as F
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


def test_registries_can_be_replaced():
    layer = nn.BatchNorm1d(2)
    layer.register_buffer("unsaved", torch.ones(1), persistent=False)
    scale = nn.Parameter(torch.ones(2))
    layer._parameters = {**layer._parameters, "weight": scale}
    assert layer.weight is scale
    assert list(dict(layer.named_parameters())) == ["weight", "bias"]
    layer._buffers = {name: value + 1 for name, value in layer._buffers.items() if name != "running_var"}
    assert list(dict(layer.named_buffers())) == ["running_mean", "num_batches_tracked", "unsaved"]
    assert "unsaved" not in layer.state_dict()
    assert not hasattr(layer, "running_var")
    layer._modules = {"act": nn.ReLU()}
    assert [name for name, _ in layer.named_children()] == ["act"]


def test_what_is_registered_stands_in_the_dict_of_a_module_too():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    held = net.__dict__["_modules"]
    assert list(held) == ["0", "1"] and held["0"] is net[0]
    assert dict(net[0].__dict__["_parameters"].items()).keys() == {"weight", "bias"}
    assert list(net[1].__dict__["_buffers"]) == ["running_mean", "running_var", "num_batches_tracked"]
    held["2"] = nn.ReLU()
    assert len(net) == 3 and isinstance(net[2], nn.ReLU)
    for other in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        other.__dict__["_modules"]["3"] = nn.ReLU()
        assert len(other) == 4 and len(net) == 3
    clone = net[0].__new__(type(net[0]))
    clone.__dict__ = net[0].__dict__.copy()
    clone._parameters = clone._parameters.copy()
    clone.__dict__["_parameters"]["bias"] = None
    assert clone.bias is None and net[0].bias is not None
    gone = weakref.ref(net)
    del net
    assert gone() is None and not held


def test_methods_are_those_of_module_wherever_they_are_written():
    net = nn.Linear(2, 3)
    assert repr(net.parameters()).startswith("<generator object Module.parameters at ")
    assert pickle.loads(pickle.dumps(nn.Module.state_dict)) is nn.Module.state_dict


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
    assert wrapper.__getattr__("inner") is wrapper.inner and wrapper.inner.__getattr__("bias") is wrapper.bias
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'nothing'"):
        _ = wrapper.nothing


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 4)

    def forward(self, x, scale=1.0):
        return self.fc1(x * scale)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Module()
        self.net.blocks = nn.ModuleList([nn.Sequential(Block()), Block()])

    def forward(self, x):
        for block in self.net.blocks:
            x = block(x)
        return x


def notes(call):
    with pytest.raises(Exception) as caught:
        call()
    return str(caught.value), list(getattr(caught.value, "__notes__", []))


def test_errors_name_the_module_that_raised_once():
    model, x = Model(), torch.ones(2, 5)
    alone, _ = notes(lambda: F.linear(x, model.net.blocks[1].fc1.weight))
    text, told = notes(lambda: model(x))
    assert text.split("\n")[0] == alone.split("\n")[0]
    assert told == ["in net.blocks.0.0.fc1 (Linear) of Model, called with float32 (2, 5)"]
    _, told = notes(lambda: model.net.blocks[1](x, scale=2.0))
    assert told == ["in fc1 (Linear) of Block, called with float32 (2, 5)"]
    _, told = notes(lambda: model.net.blocks[1].fc1(x))
    assert told == ["in Linear, called with float32 (2, 5)"]
    _, told = notes(lambda: model.net.blocks[1]([x, None], scale="a"))
    assert told == ["in Block, called with [float32 (2, 5), None], scale=str"]


def test_errors_keep_their_class_and_pass_on():
    class Odd(Exception):
        def __init__(self, a, b):
            super().__init__(a, b)

    class Raises(nn.Module):
        def forward(self, x):
            raise Odd(1, 2)

    class Catches(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Raises()
            self.hidden = [nn.Sequential(Raises())]

        def forward(self, x):
            return self.hidden[0](x) if x is None else self.inner(x)

    net = nn.Sequential(Catches())
    with pytest.raises(Odd) as caught:
        net(torch.ones(1))
    assert caught.value.args == (1, 2)
    assert caught.value.__notes__ == ["in 0.inner (Raises) of Sequential, called with float32 (1,)"]
    assert pickle.loads(pickle.dumps(caught.value.__notes__[0])) == caught.value.__notes__[0]
    _, told = notes(lambda: net(None))  # a module that is not registered ends the path
    assert told == ["in 0 (Raises) of Sequential, called with None"]


def test_without_hooks_no_flag_stays():
    layer = nn.Linear(1, 1)
    layer.register_forward_hook(lambda *_: None).remove()
    layer.register_full_backward_hook(lambda *_: None).remove()
    assert layer._hooked
    layer(torch.ones(1, 1))
    assert not layer._hooked
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    assert layer._hooked
    handle.remove()
    layer(torch.ones(1, 1))
    assert not nn.Module._hooked


def test_handles_survive_copies():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = 0
            self.handle = self.register_forward_pre_hook(Counting.count)

        @staticmethod
        def count(module, args):
            module.calls += 1

        def forward(self, x):
            return x

    original = Counting()
    for other in (copy.deepcopy(original), copy.copy(original)):
        other(1)
        other.handle.remove()
        other(1)
        assert other.calls == 1
    assert original.calls == 0


def test_shallow_copies_register_for_themselves():
    layer = nn.Linear(1, 1)
    other = copy.copy(layer)
    other.extra = nn.Parameter(torch.ones(1))
    assert other.weight is layer.weight
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    assert [name for name, _ in other.named_parameters()] == ["weight", "bias", "extra"]


def test_nodes_of_the_graph_take_hooks():
    x = torch.ones(2, requires_grad=True)
    y = x * torch.tensor([2.0, 3.0])
    seen = []
    before = y.grad_fn.register_prehook(lambda grads: seen.append(grads[0].tolist()) or (grads[0] * 2,))
    y.grad_fn.register_hook(lambda into, out: seen.append([into[0].tolist(), into[1], out[0].tolist()]))
    after = y.grad_fn.register_hook(lambda into, out: (into[0] * 10, None))
    y.sum().backward(retain_graph=True)
    assert seen == [[1.0, 1.0], [[4.0, 6.0], None, [2.0, 2.0]]] and x.grad.tolist() == [40, 60]
    before.remove(), after.remove()
    y.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [42, 63]
    for wrong, what in ((lambda g: (g[0], g[0]), "incorrect number of values"), (lambda g: 3, "hook returned 'int'")):
        with y.grad_fn.register_prehook(wrong), pytest.raises((RuntimeError, TypeError), match=what):
            y.sum().backward(retain_graph=True)


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


def test_convolutions_refuse_what_does_not_fit():
    for arguments, what in (
        ({"groups": 0}, "groups must be a positive integer"),
        ({"groups": 2}, "in_channels must be divisible by groups"),
        ({"padding": "half"}, "Invalid padding string 'half'"),
        ({"padding": "same", "stride": 2}, "padding='same' is not supported for strided convolutions"),
        ({"padding_mode": "none"}, "padding_mode must be one of"),
    ):
        with pytest.raises(ValueError, match=what):
            nn.Conv2d(3, 4, 3, **arguments)


# --- attention whose scores a program changes


def test_gradients_of_flex_attention_are_those_of_attention():
    from rustgrad.nn.attention.flex_attention import AuxRequest, create_block_mask, flex_attention

    torch.manual_seed(0)
    given = [torch.randn(2, 2, 5, 4, requires_grad=True) for _ in range(3)]
    same = [x.detach().clone().requires_grad_() for x in given]
    mask = create_block_mask(lambda b, h, i, j: (i >= j) & (i > 0), None, None, 5, 5)
    out, aux = flex_attention(*given, block_mask=mask, return_aux=AuxRequest(lse=True, max_scores=True))
    assert aux.lse.shape == aux.max_scores.shape == (2, 2, 5) and aux.lse[0, 0, 0] == -torch.inf
    assert out[:, :, 0].abs().max() == 0  # the first query sees no key
    kept = torch.ones(5, 5, dtype=torch.bool).tril()
    plain = torch.nn.functional.scaled_dot_product_attention(*same, attn_mask=kept)
    assert torch.allclose(out[:, :, 1:], plain[:, :, 1:], atol=1e-6)
    out[:, :, 1:].pow(2).sum().backward()
    plain[:, :, 1:].pow(2).sum().backward()
    for x, y in zip(given, same):
        assert torch.allclose(x.grad, y.grad, atol=1e-5)
    assert repr(mask.to("cpu")).startswith("BlockMask(shape=(1, 1, 5, 5)")


def test_group_norm_and_shuffles_keep_channels_last():
    """PyTorch's strides; a Dropout behind fills its mask in their order."""
    x = torch.randn(2, 16, 8).permute(0, 2, 1).view(2, 8, 4, 4)
    assert nn.GroupNorm(4, 8)(x).stride() == F.channel_shuffle(x, 2).stride() == (128, 1, 32, 8)
    assert F.pixel_shuffle(x, 2).stride() == (128, 1, 16, 2)
    assert F.pixel_unshuffle(x, 2).stride() == (128, 1, 64, 32)
    one = torch.randn(1, 16, 8).permute(0, 2, 1).view(1, 8, 4, 4)  # its batch's stride is not that of channels last
    assert nn.GroupNorm(4, 8)(one).stride() == (128, 16, 4, 1)
    deep = torch.randn(2, 8, 2, 2, 2).to(memory_format=torch.channels_last_3d)
    assert nn.GroupNorm(4, 8)(deep).stride() == (64, 1, 32, 16, 8)
    assert nn.GroupNorm(4, 8)(torch.randn(2, 8, 1, 1)).stride() == (8, 1, 1, 1)


def test_what_is_registered_can_be_walked_backwards_and_copied_as_a_dict():
    net = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.ReLU())
    assert list(reversed(net._modules)) == ["1", "0"] == list(reversed(net._modules.keys()))
    assert next(reversed(net._modules.items())) == ("1", net[1]) and next(reversed(net._modules.values())) is net[1]
    copy = net[0]._parameters.copy()
    assert type(copy) is dict and copy.popitem()[0] == "bias" and list(net[0]._parameters) == ["weight", "bias"]
