"""What the binding makes of schema lines: overloads, keywords, varargs, errors, operators, docs; and Python's data."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import rustgrad as torch
from rustgrad import _rustgrad


def message(call, error=TypeError):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


@pytest.fixture
def a():
    return torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


# ---- calls


def test_positional_keyword_and_numpy_spellings(a):
    for result in (
        torch.sum(a, 1, True),
        torch.sum(a, dim=1, keepdim=True),
        torch.sum(a, axis=1, keepdims=True),
        torch.sum(x=a, axis=[1], keepdims=True),
        torch.sum(input=a, dim=(1,), keepdim=True),
        a.sum(1, keepdim=True),
        a.sum(axis=-1, keepdims=True),
    ):
        assert result.tolist() == [[6.0], [15.0]]
    assert torch.add(x1=a, x2=a).tolist() == (a + a).tolist()
    assert a.add(other=a, alpha=2).tolist() == (a * 3).tolist()


def test_sizes_spread_or_listed(a):
    for result in (a.view(3, 2), a.view((3, 2)), a.view([3, 2]), a.view(size=(3, 2)), a.view(torch.Size([3, 2]))):
        assert result.shape == (3, 2)
    assert a.permute(1, 0).shape == a.permute((1, 0)).shape == a.permute(dims=(1, 0)).shape == (3, 2)
    assert torch.zeros(2, 3).shape == torch.zeros((2, 3)).shape == torch.zeros(size=(2, 3)).shape == (2, 3)
    assert torch.zeros(torch.tensor(3), np.int64(2)).shape == (3, 2)
    assert torch.zeros(()).shape == ()


def test_numbers_of_every_kind(a):
    assert a.sum(np.int32(1)).shape == (2,)
    assert a.sum(torch.tensor(1)).shape == (2,)
    assert (a * np.float32(2)).dtype == torch.float32
    assert (a + True).tolist()[0] == [2.0, 3.0, 4.0]
    assert a.add(a, alpha=np.float64(0.5)).tolist()[0] == [1.5, 3.0, 4.5]
    assert message(lambda: a.transpose(0, 1.5)) == "transpose(): argument 'dim1' (position 2) must be int, not float"
    assert message(lambda: a.transpose(0, True)) == "transpose(): argument 'dim1' (position 2) must be int, not bool"
    message(lambda: a + 2**70, OverflowError)


def test_messages_of_one_signature(a):
    assert message(lambda: torch.relu(a, a)) == "relu() takes 1 positional argument but 2 were given"
    assert message(lambda: torch.relu()) == 'relu() missing 1 required positional arguments: "input"'
    assert message(lambda: torch.relu(a, foo=1)) == "relu() got an unexpected keyword argument 'foo'"
    assert message(lambda: torch.relu(3)) == "relu(): argument 'input' (position 1) must be Tensor, not int"
    assert message(lambda: a.relu(3)) == "Tensor.relu() takes no arguments (1 given)"
    assert message(lambda: a.transpose(0)) == 'transpose() missing 1 required positional arguments: "dim1"'
    assert message(lambda: a.transpose()) == 'transpose() missing 2 required positional arguments: "dim0", "dim1"'
    assert message(lambda: a.transpose(0, 1, 2)) == "transpose() takes 2 positional arguments but 3 were given"
    assert message(lambda: a.transpose(0, dim0=1)) == "transpose() got multiple values for argument 'dim0'"
    assert message(lambda: a.add("a")) == "add(): argument 'other' (position 1) must be Tensor, not str"
    assert message(lambda: torch.add(a, "a")) == "add(): argument 'other' (position 2) must be Tensor, not str"
    assert message(lambda: a.add(a, alpha="x")) == "add(): argument 'alpha' must be Number, not str"
    assert message(lambda: torch.cat(3)) == "cat(): argument 'tensors' (position 1) must be tuple of Tensors, not int"
    assert message(lambda: torch.cat([a, 3])) == "expected Tensor as element 1 in argument 0, but got int"
    assert message(lambda: torch.zeros("a")) == "zeros(): argument 'size' (position 1) must be tuple of ints, not str"
    assert message(lambda: torch.zeros(2, dtype=3)) == "zeros(): argument 'dtype' must be rustgrad.dtype, not int"
    assert "must be tuple of ints, but found element of type str at pos 1" in message(lambda: a.permute((1, "x")))


def test_the_message_of_several_signatures(a):
    text = message(lambda: a.view("a"))
    assert text.startswith("view() received an invalid combination of arguments - got (str), but expected one of:\n")
    assert " * (tuple of ints size)\n" in text and " * (rustgrad.dtype dtype)\n" in text
    assert "didn't match because some of the arguments have invalid types: (!str!)" in text
    text = message(lambda: a.max("x"))
    assert "max() received an invalid combination of arguments - got (str), but expected one of:\n * ()\n" in text


def test_unbound_methods(a):
    assert torch.Tensor.relu(a).tolist() == a.tolist()
    assert "needs an argument" in message(lambda: torch.Tensor.relu())
    assert "'int'" in message(lambda: torch.Tensor.relu(3))


def test_in_place_forms_return_their_tensor(a):
    assert a.add_(1) is a and torch.neg_(a) is a
    assert a.tolist() == [[-2.0, -3.0, -4.0], [-5.0, -6.0, -7.0]]
    b = a
    b += 1
    assert b is a
    assert a.unsqueeze_(0) is a and a.shape == (1, 2, 3)


def test_out(a):
    out = torch.zeros(2, 3)
    assert torch.add(a, a, out=out) is out and out.tolist() == (a * 2).tolist()
    out = torch.zeros(0)
    assert torch.exp(a, out=out) is out and out.shape == (2, 3)
    assert torch.add(a, 1, out=None).tolist() == (a + 1).tolist()
    out = torch.zeros(2, 3, dtype=torch.int64)
    message(lambda: torch.add(a, a, out=out), RuntimeError)
    with pytest.warns(UserWarning, match="was resized"):
        torch.add(a, a, out=torch.zeros(5))


def test_named_results(a):
    r = a.max(dim=1)
    values, indices = r
    assert r.values is values and r.indices is indices
    assert values.tolist() == [3.0, 6.0] and indices.tolist() == [2, 2]
    assert type(r).__name__ == "max" and "return_types" in repr(type(r))
    assert isinstance(a.split(1), tuple)


def test_aliases_are_installed(a):
    assert torch.absolute(a).tolist() == torch.abs(a).tolist() == a.absolute().tolist()
    assert torch.special.expit(a).tolist() == torch.sigmoid(a).tolist()


def test_docs_and_signatures():
    assert str(inspect.signature(torch.Tensor.transpose)) == "(self, /, dim0, dim1)"
    assert str(inspect.signature(torch.transpose)) == "(input, dim0, dim1)"
    assert "swapped" in torch.Tensor.transpose.__doc__
    assert torch.transpose.__module__ == "rustgrad" and torch.transpose.__name__ == "transpose"


def test_functions_pickle_and_copy():
    assert pickle.loads(pickle.dumps(torch.transpose)) is torch.transpose
    assert copy.deepcopy(torch.relu) is torch.relu


def test_every_schema_line_has_docs_and_a_place():
    description = _rustgrad._describe()
    assert len(description["rows"]) > 50
    for row in description["rows"]:
        assert row["doc"].strip() and row["schema"], row
    names = [(n["place"], n["name"]) for n in description["names"]]
    assert len(names) == len(set(names))
    assert sum(place == "Tensor" for place, _ in names) < 2000


# ---- operators


def test_operators_and_their_reflections(a):
    assert (2 - a).tolist() == [[1.0, 0.0, -1.0], [-2.0, -3.0, -4.0]]
    assert (2 + a).tolist() == (a + 2).tolist() and (2 * a).tolist() == (a * 2).tolist()
    assert (12 / a).tolist() == (a.reciprocal() * 12).tolist()
    assert (2**a)[0].tolist() == [2.0, 4.0, 8.0] and (a**2)[0].tolist() == [1.0, 4.0, 9.0]
    assert (7 // a)[0].tolist() == [7.0, 3.0, 2.0] and (7 % a)[0].tolist() == [0.0, 1.0, 1.0]
    assert (a @ a.T).tolist() == [[14.0, 32.0], [32.0, 77.0]]
    assert (-a)[0].tolist() == [-1.0, -2.0, -3.0] and abs(-a).tolist() == a.tolist() and (+a).tolist() == a.tolist()
    assert (a > 2)[0].tolist() == [False, False, True] and (2 < a)[0].tolist() == [False, False, True]
    assert (a == 2)[0].tolist() == [False, True, False] and (2 != a)[0].tolist() == [True, False, True]
    assert (~(a > 2))[0].tolist() == [True, True, False]


def test_foreign_operands(a):
    assert message(lambda: a + "x") == "unsupported operand type(s) for +: 'Tensor' and 'str'"
    assert message(lambda: None * a) == "unsupported operand type(s) for *: 'NoneType' and 'Tensor'"
    assert message(lambda: a < "x") == "'<' not supported between instances of 'Tensor' and 'str'"
    assert message(lambda: a @ 3) == "unsupported operand type(s) for @: 'Tensor' and 'int'"
    assert (a == "x") is False and (a != None) is True  # noqa: E711

    class Right:
        def __radd__(self, other):
            return "asked"

    assert a + Right() == "asked"


def test_tensors_hash_by_identity(a):
    b = a.clone()
    assert {a: 1, b: 2}[a] == 1 and hash(a) != hash(b)


# ---- attributes


def test_attributes(a):
    assert a.shape == (2, 3) and isinstance(a.shape, torch.Size) and repr(a.shape) == "rustgrad.Size([2, 3])"
    assert a.dtype is torch.float32 and a.device == torch.device("cpu") and a.layout is torch.strided
    assert (a.ndim, a.itemsize, a.nbytes, a.is_leaf, a.requires_grad) == (2, 4, 24, True, False)
    assert a.T.shape == a.mT.shape == a.H.shape == (3, 2)
    assert a.size() == a.shape and a.size(-1) == 3 and a.stride() == (3, 1) and a.stride(0) == 3
    assert a.dim() == 2 and a.numel() == a.nelement() == torch.numel(a) == 6 and a.element_size() == 4
    assert message(lambda: a.foo, AttributeError) == "'Tensor' object has no attribute 'foo'"
    message(lambda: setattr(a, "shape", 3), AttributeError)
    message(lambda: a.size(7), IndexError)


def test_requires_grad(a):
    assert a.requires_grad_() is a and a.requires_grad
    a.requires_grad = False
    assert message(lambda: setattr(a, "requires_grad", 3), RuntimeError) == "requires_grad must be a bool"
    y = a.requires_grad_() * 2
    assert not y.is_leaf and y.requires_grad
    message(lambda: setattr(y, "requires_grad", False), RuntimeError)
    whole = torch.tensor([1])
    for call, kinds in (
        (lambda: whole.requires_grad_(), "floating point"),
        (lambda: setattr(whole, "requires_grad", True), "floating point and complex"),
    ):
        assert f"only Tensors of {kinds} dtype can require gradients" in message(call, RuntimeError)


def test_grad_checks(a):
    text = message(lambda: setattr(a, "grad", 3))
    assert text == "assigned grad expected to be a Tensor or None but got grad of type int"
    assert "of size '[2]'" in message(lambda: setattr(a, "grad", torch.zeros(2)), RuntimeError)
    assert "dtype 'double'" in message(lambda: setattr(a, "grad", a.double()), RuntimeError)
    assert message(lambda: setattr(a, "grad", a), RuntimeError) == "can't assign Variable as its own grad"
    a.grad = torch.ones(2, 3)
    del a.grad
    assert a.grad is None


def test_data(a):
    a.requires_grad_()
    alias = a.data
    assert not alias.requires_grad and alias.data_ptr() == a.data_ptr()
    version = a._version
    alias.add_(1)
    assert a._version == version and a.detach()[0, 0].item() == 2.0
    a.data = torch.zeros(4)
    assert a.shape == (4,) and a.requires_grad
    message(lambda: setattr(a, "data", 3))


def test_hooks(a):
    a.requires_grad_()
    handle = a.register_hook(lambda g: g * 10)
    (a * 1).sum().backward()
    assert a.grad[0, 0].item() == 10.0
    handle.remove()
    a.grad = None
    (a * 1).sum().backward()
    assert a.grad[0, 0].item() == 1.0
    y = a * 2
    y.register_hook(lambda g: g * 3)
    y.retain_grad()
    y.sum().backward()
    assert a.grad[0, 0].item() == 7.0

    def fail(g):
        raise KeyError("mine")

    b = torch.ones(2, requires_grad=True)
    b.register_hook(fail)
    assert message(lambda: b.sum().backward(), KeyError) == "'mine'"


def test_subclasses(a):
    class Mine(torch.Tensor):
        pass

    m = Mine([1.0, 2.0])
    assert type(m) is Mine and m.tolist() == [1.0, 2.0] and type(m + 1) is Mine
    assert type(a.as_subclass(Mine)) is Mine
    assert repr(m) == "Mine([1., 2.])"


# ---- conversions


def test_python_conversions():
    assert (int(torch.tensor(3.7)), float(torch.tensor(3)), bool(torch.tensor([0.0]))) == (3, 3.0, False)
    assert [10, 20, 30][torch.tensor(1)] == 20 and complex(torch.tensor(2.0)) == 2 + 0j
    assert f"{torch.tensor(3.14159):.2f}" == "3.14" and f"{torch.tensor(3)}" == "3"
    assert message(lambda: f"{torch.ones(2):.2f}") == "unsupported format string passed to Tensor.__format__"
    assert (
        message(lambda: int(torch.ones(2)), ValueError) == "only one element tensors can be converted to Python scalars"
    )
    assert "more than one value is ambiguous" in message(lambda: bool(torch.ones(2)), RuntimeError)
    assert "no values is ambiguous" in message(lambda: bool(torch.ones(0)), RuntimeError)
    assert message(lambda: len(torch.tensor(1))) == "len() of a 0-d tensor"
    assert message(lambda: list(torch.tensor(1))) == "iteration over a 0-d tensor"
    assert message(lambda: torch.ones(2).item(), RuntimeError).startswith(
        "a Tensor with 2 elements cannot be converted"
    )
    assert [t.item() for t in reversed(torch.tensor([1, 2, 3]))] == [3, 2, 1]
    assert 3 in torch.tensor([1, 3]) and 2 not in torch.tensor([1, 3])
    assert torch.tensor([[1, 2], [3, 4]]).T.tolist() == [[1, 3], [2, 4]]


def test_tensor_infers_like_pytorch():
    def dtype(data):
        return torch.tensor(data).dtype

    assert dtype([1, 2]) == torch.int64 and dtype([1, 2.0]) == torch.float32 and dtype([True, False]) == torch.bool
    assert dtype([True, 2]) == torch.int64 and dtype([]) == torch.float32 and dtype(np.float64(1)) == torch.float64
    assert dtype([np.float32(1)]) == torch.float32 and dtype(np.int32(1)) == torch.int32
    assert dtype(np.arange(3, dtype="u1")) == torch.uint8 and dtype(range(3)) == torch.int64
    assert torch.tensor([torch.tensor(3.0), torch.tensor(2)]).tolist() == [3.0, 2.0]
    assert torch.tensor([[], []]).shape == (2, 0) and torch.tensor(3.5).shape == ()
    assert torch.tensor(3, dtype=float).dtype == torch.float64
    assert torch.tensor([1.5, -1.5], dtype=torch.int64).tolist() == [1, -1]
    assert torch.tensor([1.0], requires_grad=True).requires_grad


def test_tensor_refuses_like_pytorch():
    assert (
        message(lambda: torch.tensor([[1, 2, 3], [4, 5]]), ValueError)
        == "expected sequence of length 3 at dim 1 (got 2)"
    )
    assert message(lambda: torch.tensor([[1, 2], 3])) == "not a sequence"
    assert message(lambda: torch.tensor([1, [2]])) == "'list' object cannot be interpreted as an integer"
    assert message(lambda: torch.tensor("a")) == "new(): invalid data type 'str'"
    assert message(lambda: torch.tensor(["a"]), ValueError) == "too many dimensions 'str'"
    assert message(lambda: torch.tensor(None), RuntimeError) == "Could not infer dtype of NoneType"
    assert message(lambda: torch.tensor([2**70]), ValueError) == "Overflow when unpacking long long"
    assert "cannot be converted to type uint8 without overflow" in message(
        lambda: torch.tensor([300], dtype=torch.uint8), RuntimeError
    )
    assert message(lambda: torch.tensor(), TypeError) == 'tensor() missing 1 required positional arguments: "data"'
    loop = []
    loop.append(loop)
    message(lambda: torch.tensor(loop), ValueError)


def test_numpy_shares_memory():
    a = np.arange(6.0).reshape(2, 3)
    t = torch.from_numpy(a)
    a[0, 0] = 9
    t[1, 1] = 7
    assert t[0, 0].item() == 9 and a[1, 1] == 7 and t.dtype == torch.float64
    assert torch.from_numpy(a.T).stride() == (1, 3) and torch.from_numpy(a[:, ::2]).tolist() == a[:, ::2].tolist()
    b = torch.ones(2, 3).T.numpy()
    assert b.shape == (3, 2) and b.strides == (4, 12) and b.dtype == np.float32
    assert np.asarray(t).ctypes.data == a.ctypes.data
    assert np.array(t, dtype=np.float32).dtype == np.float32
    assert torch.as_tensor(a).data_ptr() == a.ctypes.data and torch.tensor(a).data_ptr() != a.ctypes.data
    for dtype in ("bool", "uint8", "int8", "uint16", "int32", "uint64", "float16", "float32", "float64", "complex128"):
        x = np.ones((2, 2), dtype)
        assert torch.from_numpy(x).numpy().dtype == x.dtype
    assert torch.from_numpy(np.zeros((0, 3))).shape == (0, 3) and torch.zeros(0, 3).numpy().shape == (0, 3)


def test_numpy_refusals():
    a = np.arange(3)
    assert (
        "strides in the given numpy array is negative" in message(lambda: torch.from_numpy(a[::-1]), ValueError) or True
    )
    assert message(lambda: torch.from_numpy(3)) == "expected np.ndarray (got int)"
    assert "can't convert np.ndarray of type numpy.str_" in message(lambda: torch.from_numpy(np.array(["a"])))
    assert "byte order different" in message(lambda: torch.from_numpy(a.astype(">i8")), ValueError)
    a.flags.writeable = False
    with pytest.warns(UserWarning, match="The given NumPy array is not writable"):
        torch.from_numpy(a)
    text = message(lambda: torch.ones(2, requires_grad=True).numpy(), RuntimeError)
    assert text.startswith("Can't call numpy() on Tensor that requires grad.")
    assert torch.ones(2, requires_grad=True).numpy(force=True).tolist() == [1.0, 1.0]
    assert message(lambda: torch.ones(2, dtype=torch.bfloat16).numpy()) == "Got unsupported ScalarType BFloat16"


def test_copies_and_pickles(a):
    a.requires_grad_()
    a.note = [1]
    b = copy.deepcopy(a)
    assert b.tolist() == a.tolist() and b.requires_grad and b.data_ptr() != a.data_ptr() and b.note == [1]
    assert b.note is not a.note and copy.copy(a).data_ptr() == a.data_ptr()
    c = pickle.loads(pickle.dumps(a))
    assert c.tolist() == a.tolist() and c.requires_grad and c.note == [1]
    memo = [a, a]
    twice = copy.deepcopy(memo)
    assert twice[0] is twice[1]
    message(lambda: copy.deepcopy(a * 2), RuntimeError)
    for x in (torch.float16, torch.device("cuda", 1), torch.Size([2, 3]), torch.strided, torch.contiguous_format):
        assert pickle.loads(pickle.dumps(x)) == x and copy.deepcopy(x) == x
    assert pickle.loads(pickle.dumps(torch.float32)) is torch.float32
    g = torch.Generator().manual_seed(5)
    assert pickle.loads(pickle.dumps(g)).initial_seed() == 5


# ---- small classes


def test_dtypes():
    assert torch.long is torch.int64 and torch.float is torch.float32 and torch.half is torch.float16
    assert repr(torch.bfloat16) == "rustgrad.bfloat16" and torch.float64.itemsize == 8
    assert torch.float32.is_floating_point and not torch.int32.is_floating_point and not torch.uint8.is_signed


def test_devices():
    d = torch.device("cuda:1")
    assert d == torch.device("cuda", 1) and hash(d) == hash(torch.device("cuda", 1)) and d != torch.device("cuda")
    assert (d.type, d.index, str(d), repr(d)) == ("cuda", 1, "cuda:1", "device(type='cuda', index=1)")
    assert "device type at start of device string: foo" in message(lambda: torch.device("foo"), RuntimeError)
    assert torch.device("gpu").type == "gpu" and torch.device("gpu:0").index == 0
    assert "zeros: rustgrad has no mps device" in message(lambda: torch.zeros(2, device="mps"), RuntimeError)


def test_sizes():
    s = torch.Size([2, 3])
    assert (
        s == (2, 3) and s.numel() == 6 and isinstance(s + torch.Size([4]), torch.Size) and isinstance(s[:1], torch.Size)
    )
    assert s[0] == 2 and hash(s) == hash((2, 3)) and isinstance(s * 2, torch.Size)
    message(lambda: torch.Size(["a"]))


# ---- indexing


def test_reads_are_views(a):
    assert a[0].tolist() == [1.0, 2.0, 3.0] and a[0, 1].item() == 2.0 and a[-1, -1].item() == 6.0
    assert a[:, 1:].tolist() == [[2.0, 3.0], [5.0, 6.0]] and a[..., 0].tolist() == [1.0, 4.0]
    assert a[None].shape == (1, 2, 3) and a[:, None, ::2].shape == (2, 1, 2) and a[5:].shape == (0, 3)
    assert a[torch.tensor(1)].tolist() == [4.0, 5.0, 6.0] and a[np.int64(1), 0].item() == 4.0
    assert a[1:2, ..., None].shape == (1, 3, 1) and a[()].shape == (2, 3)
    assert a[0]._base is a and a[...].data_ptr() == a.data_ptr()
    a[0][0] = 9
    assert a[0, 0].item() == 9.0


def test_writes(a):
    a[0] = 7
    a[1:, 1:] = torch.tensor([8.0, 9.0])
    a[1, 0] = torch.tensor(5)
    assert a.tolist() == [[7.0, 7.0, 7.0], [5.0, 8.0, 9.0]]
    a[:, 0] += 1
    assert a[:, 0].tolist() == [8.0, 6.0]
    a[0] = torch.tensor([1, 2, 3])
    assert a[0].tolist() == [1.0, 2.0, 3.0]
    assert "The expanded size of the tensor (3) must match the existing size (2)" in message(
        lambda: a.__setitem__(0, torch.ones(2)), RuntimeError
    )


def test_index_gradients(a):
    a.requires_grad_()
    a[1, ::2].sum().backward()
    assert a.grad.tolist() == [[0.0, 0.0, 0.0], [1.0, 0.0, 1.0]]
    b = a * 1
    b[0] = 0
    a.grad = None
    b.sum().backward()
    assert a.grad.tolist() == [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    v = torch.ones(3, requires_grad=True)
    b = torch.zeros(2, 3)
    b[1] = v * 2
    b.sum().backward()
    assert v.grad.tolist() == [2.0, 2.0, 2.0]


def test_bad_indices(a):
    hint = "\nhint: the tensor has shape [2, 3]"
    counted = hint + "; negative indices count from the end"
    assert message(lambda: a[5], IndexError) == "index 5 is out of bounds for dimension 0 with size 2" + counted
    assert message(lambda: a[0, -4], IndexError) == "index -4 is out of bounds for dimension 1 with size 3" + counted
    assert message(lambda: a[0, 0, 0], IndexError) == "too many indices for tensor of dimension 2" + hint
    assert message(lambda: a[::-1], ValueError).startswith("step must be greater than zero")
    assert message(lambda: a[::0], ValueError) == "slice step cannot be zero"
    assert message(lambda: a[object()], IndexError).startswith("only integers, slices (`:`), ellipsis (`...`), None")
    assert message(lambda: a["x"], TypeError).startswith("new(): invalid data type 'str'\nhint: ")
    assert a[..., ...].shape == a.shape
    assert "invalid index of a 0-dim tensor" in message(lambda: torch.tensor(1)[0], IndexError)
    assert message(lambda: a[[2]], IndexError) == "index 2 is out of bounds for dimension 0 with size 2"
    assert message(lambda: a[torch.tensor([0.5])], IndexError).startswith("tensors used as indices must be long, int")
    assert a[np.array([1, 0])].tolist() == [a[1].tolist(), a[0].tolist()]
    message(lambda: a.__delitem__(0))
