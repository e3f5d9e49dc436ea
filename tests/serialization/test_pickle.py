"""Python's own pickle and copy: memory that tensors share, strides, attributes, results with names."""

import copy
import pickle
import sys
import weakref

import pytest

import rustgrad as torch
from rustgrad import nn

COPIES = {
    "deepcopy": copy.deepcopy,
    **{f"pickle {p}": lambda x, p=p: pickle.loads(pickle.dumps(x, p)) for p in range(2, 6)},
}


@pytest.fixture(params=COPIES)
def copied(request):
    return COPIES[request.param]


def test_views_share_memory_and_keep_strides(copied):
    x = torch.arange(12.0).reshape(3, 4)
    a, b, c = copied([x, x[1:], x.t()])
    assert (b.stride(), b.storage_offset(), c.stride(), c._base) == ((4, 1), 4, (1, 4), None)
    a[1, 0] = 50
    assert b[0, 0] == 50 and c[0, 1] == 50 and x[1, 0] == 4


def test_odd_layouts(copied):
    for x in (
        torch.ones(1).expand(3, 2),
        torch.arange(10)[1::3],
        torch.empty(0, 3),
        torch.tensor(3),
        torch.ones(2, 2).bfloat16(),
    ):
        y = copied(x)
        assert (y.shape, y.stride(), y.dtype) == (x.shape, x.stride(), x.dtype) and y.tolist() == x.tolist()


def test_attributes_and_classes(copied):
    x = torch.ones(2, requires_grad=True)
    x.note = [1]
    y = copied(x)
    assert y.requires_grad and y.is_leaf and y.note == [1] and y.note is not x.note
    p = copied(nn.Parameter(torch.ones(2, 2).t()))
    assert type(p) is nn.Parameter and p.stride() == (1, 2)
    b = copied(nn.Buffer(torch.ones(1), persistent=False))
    assert type(b) is nn.Buffer and not b.persistent


def test_attributes_of_parameters():
    p = nn.Parameter(torch.ones(1))
    p.tag = "kept"
    assert pickle.loads(pickle.dumps(p)).tag == "kept"


def test_results_with_names(copied):
    r = torch.max(torch.tensor([[1.0, 5.0], [7.0, 3.0]]), 1)
    got = copied(r)
    assert type(got) is type(r) is torch.return_types.max is type(torch.ones(1, 1).max(0))
    assert got.values.tolist() == [5, 7] and got.indices.tolist() == [1, 0]


def test_deepcopy_sees_one_tensor_once():
    x = torch.ones(2)
    a, b = copy.deepcopy([x, x])
    assert a is b
    memo = {}
    a, b = copy.deepcopy(x, memo), copy.deepcopy(x[:1], memo)
    assert a.untyped_storage() is b.untyped_storage()


def test_buffers_go_beside_the_pickle():
    x, buffers = torch.arange(1000.0), []
    data = pickle.dumps([x, x[5:]], 5, buffer_callback=buffers.append)
    assert len(buffers) == 1 and len(data) < 500
    a, b = pickle.loads(data, buffers=buffers)
    assert a[5] == b[0] == 5 and a.untyped_storage() is b.untyped_storage()


def test_storages():
    x = torch.arange(3, dtype=torch.uint8)
    s = x.untyped_storage()
    assert s is x[1:].untyped_storage() and s.tolist() == [0, 1, 2] and len(s) == s.nbytes() == 3 and s[-1] == 2
    assert s.data_ptr() == x.data_ptr() and s.device == torch.device("cpu") and s.cpu() is s
    memoryview(s)[0] = 9
    assert x[0] == 9 and s.clone().tolist() == [9, 1, 2] and copy.deepcopy(s) is not s
    assert repr(s) == " 9\n 1\n 2\n[rustgrad.UntypedStorage(device=cpu) of size 3]"
    typed = torch.TypedStorage(wrap_storage=s, dtype=torch.uint8)
    assert list(typed) == [9, 1, 2] and typed[1] == 1 and typed.untyped() is s and len(typed) == 3
    with pytest.raises(IndexError, match="out of range for a storage of 3 bytes"):
        s[3]


@pytest.mark.gpu
def test_gpu_tensors(copied):
    x = torch.arange(6.0).reshape(2, 3).to("gpu")
    a, b = copied([x, x.t()])
    assert a.is_gpu and b.stride() == (1, 3) and b.cpu().tolist() == [[0, 3], [1, 4], [2, 5]]
    a.zero_()
    assert b.cpu().tolist() == [[0, 0]] * 3 and x.cpu()[1, 2] == 5


class Renamed(nn.Module):
    """A class that mends states of its older files, as many programs have one."""

    def __init__(self):
        super().__init__()
        self.now = nn.Linear(2, 2)

    def __setstate__(self, state):
        if "_modules" in state:
            state["_modules"]["now"] = state["_modules"].pop("then", state["_modules"].get("now"))
        super().__setstate__(state)


@pytest.mark.parametrize(
    "make", [lambda: nn.TransformerEncoderLayer(4, 2, 4), lambda: nn.Upsample(scale_factor=2), Renamed]
)
def test_whole_modules_with_a_setstate_of_their_own_come_back_from_files(make, tmp_path):
    module = make().eval()
    torch.save(module, tmp_path / "whole.pt")
    names = [type(m) for m in module.modules()] + [torch.nn.functional.relu]
    with torch.serialization.safe_globals(names):
        again = torch.load(tmp_path / "whole.pt")
    assert [name for name, _ in again.named_modules()] == [name for name, _ in module.named_modules()]
    x = torch.randn(3, 2, 4) if not isinstance(module, Renamed) else None
    if x is not None:
        assert torch.equal(again(x), module(x))
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), module.parameters(), strict=True))
    assert list(again.state_dict()) == list(module.state_dict())


@pytest.mark.parametrize("make", [lambda: nn.MultiheadAttention(4, 2), lambda: nn.TransformerEncoderLayer(4, 2, 4)])
def test_whole_attention_layers_load_without_a_list_of_classes(make, tmp_path):
    module = make()
    torch.save(module, tmp_path / "whole.pt")
    again = torch.load(tmp_path / "whole.pt", weights_only=False)
    assert [type(m) for m in again.modules()] == [type(m) for m in module.modules()]
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), module.parameters(), strict=True))


def test_a_storage_is_one_object_while_a_tensor_that_showed_it_lives():
    a = torch.ones(2, 3)
    b = a.t()
    first = id(a.untyped_storage())
    assert first == id(b.untyped_storage()) == id(a.untyped_storage())
    gone = weakref.ref(a.untyped_storage())
    a.data = torch.zeros(2)
    assert gone() is not None  # b shows it
    del b
    assert gone() is None
    gone = weakref.ref(a.untyped_storage())
    del a
    assert gone() is None


def test_the_size_of_a_storage_counts_its_elements():
    sizes = [sys.getsizeof(torch.ones(n).untyped_storage()) for n in (0, 1, 10)]
    assert sizes == [64, 68, 104]
    typed = [sys.getsizeof(torch.ones(n).storage()) for n in (0, 10)]
    assert typed[1] - typed[0] == 40
