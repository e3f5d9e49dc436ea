"""Modules on `meta`: every layer is built there without memory, and a model of any size at once."""

import copy
import inspect
import pickle
import resource
import time

import pytest

import rustgrad as torch
from rustgrad import nn

# What constructors must be told, by the names of their parameters.
GIVEN = {
    **dict.fromkeys(("in_features", "in1_features", "in2_features", "in_channels", "num_features", "num_channels"), 6),
    **dict.fromkeys(("out_features", "out_channels", "num_classes", "n_classes", "input_size", "hidden_size"), 6),
    **dict.fromkeys(("embed_dim", "embedding_dim", "num_embeddings", "d_model", "normalized_shape"), 6),
    **dict.fromkeys(("kernel_size", "size", "num_heads", "nhead", "num_groups", "groups", "output_size", "padding"), 2),
    **dict.fromkeys(("upscale_factor", "downscale_factor", "norm_type", "num_layers", "num_chunks"), 2),
    **dict.fromkeys(("value", "threshold"), 0.5),
    "cutoffs": [2, 4],
    "dim": 1,
    "unflattened_size": (2, 3),
    "bias": True,
}
MORE = {
    "AdaptiveLogSoftmaxWithLoss": {"in_features": 40, "n_classes": 9, "cutoffs": [2, 4]},
    "FractionalMaxPool2d": {"output_size": 3},
    "FractionalMaxPool3d": {"output_size": 3},
    "LSTM": {"input_size": 6, "hidden_size": 6},
    "GRU": {"input_size": 6, "hidden_size": 6},
    "RNN": {"input_size": 6, "hidden_size": 6},
    "RNNBase": {"mode": "LSTM"},
    "Transformer": {"d_model": 6, "nhead": 2, "num_encoder_layers": 1, "num_decoder_layers": 1, "batch_first": True},
    "Upsample": {"scale_factor": 2},
    "UpsamplingBilinear2d": {"scale_factor": 2},
    "UpsamplingNearest2d": {"scale_factor": 2},
}
LAYERS = {
    name: found
    for name in sorted(dir(nn))
    if isinstance(found := getattr(nn, name), type) and issubclass(found, nn.Module)
}


def made(name, **more):
    cls = LAYERS[name]
    if name == "TransformerEncoder":
        return cls(nn.TransformerEncoderLayer(6, 2, **more), 2, enable_nested_tensor=False)
    if name == "TransformerDecoder":
        return cls(nn.TransformerDecoderLayer(6, 2, **more), 2)
    given = dict(MORE.get(name, {}))
    for p in inspect.signature(cls).parameters.values():
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD and p.name not in given:
            given[p.name] = GIVEN[p.name]
    return cls(**given, **more)


def tensors(module):
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def looks(t):
    lazy = nn.parameter.is_lazy(t)
    return type(t).__name__, None if lazy else (tuple(t.shape), t.stride()), t.dtype, t.requires_grad


@pytest.mark.filterwarnings("ignore:.NLLLoss2d. has been deprecated", "ignore:.nn.Container. is deprecated")
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_built_on_meta_as_on_the_cpu(name):
    here = made(name)
    torch.manual_seed(3)
    before = torch.random.get_rng_state().tolist()
    with torch.device("meta"):
        there = made(name)
    assert torch.random.get_rng_state().tolist() == before, "numbers were drawn"
    assert type(there) is type(here) and repr(there) == repr(here)
    assert {k: looks(t) for k, t in tensors(there).items()} == {k: looks(t) for k, t in tensors(here).items()}
    assert all(t.data.is_meta for t in tensors(there).values())
    if "device" in inspect.signature(LAYERS[name]).parameters:
        asked = tensors(made(name, device="meta"))
        assert {k: looks(t) for k, t in asked.items()} == {k: looks(t) for k, t in tensors(here).items()}
        assert all(t.data.is_meta for t in asked.values())
    if any(nn.parameter.is_lazy(t) for t in tensors(there).values()):
        return
    copied = tensors(copy.deepcopy(there))
    assert {k: looks(t) for k, t in copied.items()} == {k: looks(t) for k, t in tensors(here).items()}
    # And back to memory, filled with the weights of the other.
    there.to_empty(device="cpu")
    assert {k: looks(t) for k, t in tensors(there).items()} == {k: looks(t) for k, t in tensors(here).items()}
    there.load_state_dict(here.state_dict())
    assert all(torch.equal(t, u) for t, u in zip(there.parameters(), here.parameters()))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(0.1))

    def forward(self, x, mask):
        h = self.first(x)
        x = x + self.attention(h, h, h, attn_mask=mask, need_weights=False)[0]
        return x + self.mlp(self.second(x))


class GPT(nn.Module):
    def __init__(self, vocabulary=50257, length=1024, width=1600, heads=25, depth=48):
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.words.weight

    def forward(self, ids):
        n = ids.shape[1]
        x = self.words(ids) + self.places(torch.arange(n, device=ids.device))
        mask = torch.full((n, n), float("-inf"), device=ids.device).triu(1)
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.norm(x))


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_a_model_of_gpt_2_xl_costs_no_memory_and_no_time():
    with torch.device("meta"):
        GPT(width=32, heads=2, depth=1)
        before, begin = peak(), time.process_time()
        model = GPT()
        seconds, grown = time.process_time() - begin, peak() - before
    assert sum(p.numel() for p in model.parameters()) > 1.5e9 and all(p.is_meta for p in model.parameters())
    assert grown < 16 << 20 and seconds < 1.0, f"{seconds:.3f} s, {grown / 1e6:.1f} MB"


def test_a_model_on_meta_is_trained_without_memory():
    with torch.device("meta"):
        model = GPT(depth=2)
    optimizer = torch.optim.AdamW(model.parameters())
    before = peak()
    ids = torch.zeros(4, 1024, dtype=torch.int64, device="meta")
    logits = model(ids)
    assert logits.shape == (4, 1024, 50257) and logits.is_meta
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), ids.flatten())
    loss.backward()
    assert all(p.grad is not None and p.grad.is_meta and p.grad.shape == p.shape for p in model.parameters())
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    state = optimizer.state[model.head.weight]
    assert state["exp_avg"].is_meta and state["step"].item() == 1.0
    assert peak() - before < 32 << 20


def test_a_linear_layer_of_four_terabytes():
    layer = nn.Linear(10**6, 10**6, device="meta")
    assert layer.weight.nbytes == 4 * 10**12 and layer(torch.empty(5, 10**6, device="meta")).shape == (5, 10**6)


def test_tied_weights_stay_tied():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    model.to("meta")
    assert model[1].weight is model[0].weight and model[0].weight.is_meta
    model.to_empty(device="cpu")
    assert model[1].weight is model[0].weight and not model[0].weight.is_meta
    with torch.device("meta"):
        pair = [torch.empty(3, 4)]
        pair.append(pair[0][1:].t())
    for x, y in (copy.deepcopy(pair), pickle.loads(pickle.dumps(pair))):
        assert x.untyped_storage() is y.untyped_storage() and y.storage_offset() == 4 and y.stride() == (1, 4)
        assert x.untyped_storage().nbytes() == 48


def test_a_refused_move_leaves_the_module():
    layer = nn.Linear(2, 3, device="meta")
    words = "Cannot copy out of meta tensor; no data! Please use rustgrad.nn.Module.to_empty() instead"
    with pytest.raises(NotImplementedError) as caught:
        layer.to("cpu")
    assert str(caught.value).startswith(words) and layer.weight.is_meta
    with pytest.raises(NotImplementedError, match="no data"):
        layer.cpu()
    assert layer.weight.is_meta and layer.bias.is_meta


def test_what_is_refused_is_refused_before_memory_is_taken():
    x = torch.empty(10**6, 10**6, device="meta")
    before = peak()
    for call in (x.cpu, x.tolist, lambda: x.to("cpu", torch.float64), lambda: torch.empty(1).copy_(x[0, :1])):
        with pytest.raises(NotImplementedError, match="no data"):
            call()
    assert peak() - before < 8 << 20


def test_a_file_is_read_to_meta_without_its_data(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"w": torch.ones(1 << 22), "v": torch.ones(3)}, path)
    before = peak()
    loaded = torch.load(path, map_location="meta")
    assert loaded["w"].is_meta and loaded["w"].shape == (1 << 22,) and peak() - before < 8 << 20


def test_draws_in_other_places_are_not_moved():
    torch.manual_seed(5)
    first = torch.rand(3)
    torch.manual_seed(5)
    with torch.device("meta"):
        nn.TransformerEncoderLayer(8, 2), torch.randn(10), torch.randint_like(torch.empty(3), 5)
        for fill in ("uniform_", "normal_", "kaiming_uniform_", "orthogonal_", "trunc_normal_"):
            getattr(nn.init, fill)(torch.empty(3, 4))
    assert torch.equal(torch.rand(3), first)


def test_data_that_is_a_tensor_goes_where_it_was_asked():
    one, gone = torch.ones(2), torch.empty(2, device="meta")
    assert torch.as_tensor(one, device="meta").is_meta and torch.asarray(one, device="meta").is_meta
    assert torch.as_tensor(gone) is gone and torch.as_tensor(one) is one and gone.new_tensor([1.0]).is_meta
    with torch.device("meta"):
        assert torch.as_tensor(one).is_meta and torch.asarray(one).is_meta
    for call in (lambda: torch.as_tensor(gone, device="cpu"), lambda: one.new_tensor(gone)):
        with pytest.raises(NotImplementedError, match="no data"):
            call()
    with pytest.raises(RuntimeError, match=r"Tensor.item\(\) cannot be called on meta tensors"):
        torch.tensor([gone[0], 1.0])
    with pytest.raises(RuntimeError, match="META device type not an accelerator"):
        torch.Generator(device="meta")


def test_formatted_and_compared():
    zero = torch.empty((), device="meta")
    assert f"{zero}" == "tensor(..., device='meta', size=())"
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{zero:.3f}"
    torch.testing.assert_close(zero, torch.empty((), device="meta"))
    with pytest.raises(AssertionError, match="device"):
        torch.testing.assert_close(zero, torch.tensor(1.0))


def test_a_masked_index_of_the_cpu_chooses_on_meta():
    x, mask = torch.empty(3, 4, device="meta"), torch.tensor([True, False, True])
    assert x[mask].shape == (2, 4) and x[:, [0, 1]].shape == (3, 2) and x[mask].is_meta
    x[mask] = 1.0
    x[torch.empty(3, dtype=torch.bool, device="meta")] = torch.empty(2, 4, device="meta")
    assert x._version == 2 and x.shape == (3, 4)
