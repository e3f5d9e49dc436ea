"""What PyTorch programs rely on at the edges: `out=`, `.data`, node classes, numbers on the left, refusals."""

import numpy as np
import pytest

import rustgrad as torch
import rustgrad.nn.functional as F


def refusal(error, call):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value).split("\n")[0]


def test_out_takes_the_dtype_of_creation():
    out = torch.empty(3, dtype=torch.int64)
    assert torch.zeros(3, out=out) is out and out.tolist() == [0, 0, 0]
    assert torch.arange(0.0, 3, out=out).tolist() == [0, 1, 2]
    assert torch.full((3,), 1.5, out=out).tolist() == [1, 1, 1]
    text = refusal(RuntimeError, lambda: torch.zeros(3, dtype=torch.float32, out=out))
    assert text == "dtype Float does not match dtype of out parameter (Long)"
    assert refusal(ValueError, lambda: torch.arange(0, 64, 0.5, out=out)) == "step must be nonzero"


def test_out_keeps_rules_of_dtype():
    x, long = torch.ones(2, 2), torch.empty(2, dtype=torch.int64)
    assert torch.sum(x, 0, out=long).tolist() == [2, 2]
    for call in (
        lambda: torch.amax(x, 0, out=long),
        lambda: torch.argmax(x, 0, out=torch.empty(2)),
        lambda: torch.mm(x, x, out=torch.empty(2, 2, dtype=torch.float64)),
        lambda: torch.softmax(x, 1, out=torch.empty(2, 2, dtype=torch.float64)),
    ):
        assert refusal(RuntimeError, call).startswith("Expected out tensor to have dtype")
    text = refusal(RuntimeError, lambda: torch.any(x, 0, out=torch.empty(2)))
    assert text == "any only supports bool tensor for result, got: Float"
    text = refusal(TypeError, lambda: torch.cat([x, x], out=long))
    assert text == "torch.cat(): input types can't be cast to the desired output type Long"


def test_out_may_not_overlap():
    z = torch.arange(24.0).reshape(4, 6)
    index = torch.zeros(4, 6, dtype=torch.int64)
    before = z.tolist()
    for call in (
        lambda: torch.cat((z, z), out=z[:2]),
        lambda: torch.cat((torch.zeros(0), z), out=z),
        lambda: torch.gather(z, 0, index, out=z),
        lambda: torch.index_select(z, 0, torch.tensor([0]), out=z),
        lambda: torch.add(z[0, :4], 1, out=z[0, 1:5]),
    ):
        assert refusal(RuntimeError, call).startswith("unsupported operation: some elements of")
    assert z.tolist() == before


def test_out_that_fits_keeps_its_memory():
    z = torch.zeros(4)
    with pytest.warns(UserWarning, match="resized"):
        torch.add(torch.ones(2), 1, out=z[1:])
    assert z.tolist() == [0, 2, 2, 0]
    lent = torch.from_numpy(np.zeros(0, np.float32))
    assert refusal(RuntimeError, lambda: torch.add(torch.ones(2), 1, out=lent)) == (
        "Trying to resize storage that is not resizable"
    )


def test_shifts_in_place():
    x = torch.tensor([1, -8])
    y = x
    y <<= 2
    assert y is x and x.tolist() == [4, -32]
    y >>= 1
    assert y is x and x.tolist() == [2, -16]


def test_writes_through_data_are_not_counted():
    x = torch.ones(3, requires_grad=True)
    y = x * x
    x.data[0] = 5
    x.data.view(-1).add_(1)
    assert x._version == 0
    y.sum().backward()
    assert x.grad.tolist() == [12, 4, 4]


def test_nodes_have_classes():
    x = torch.ones(2, requires_grad=True)
    y = x * x
    assert type(y.grad_fn).__name__ == "MulBackward0"
    assert type(y.grad_fn) is type((x * 2).grad_fn) and str(type(y.grad_fn)) == "<class 'MulBackward0'>"
    assert [type(n).__name__ for n, _ in y.grad_fn.next_functions] == ["AccumulateGrad"] * 2
    assert y.grad_fn == y.grad_fn and y.grad_fn.next_functions[0][0].variable is x


def test_cumprod_in_place():
    x = torch.tensor([2.0, 3.0, 4.0], requires_grad=True)
    y = x * 1
    y.cumprod_(0)
    y.sum().backward()
    assert x.grad.tolist() == [1 + 3 + 12, 2 + 8, 6]


def test_numbers_on_the_left_of_functions():
    x = torch.tensor([2.0, 4.0])
    assert torch.add(1, x).tolist() == [3, 5] and torch.add(1, x, alpha=2).tolist() == [5, 9]
    assert torch.sub(1, x).tolist() == [-1, -3] and torch.mul(3, x).tolist() == [6, 12]
    assert torch.div(1, x).tolist() == [0.5, 0.25] and torch.true_divide(1, x).tolist() == [0.5, 0.25]
    assert torch.div(5, x, rounding_mode="floor").tolist() == [2, 1] and torch.floor_divide(5, x).tolist() == [2, 1]
    assert torch.add(1, torch.tensor(2)).dtype == torch.int64


def test_powers_of_halves():
    inf = float("inf")
    x = torch.tensor([-inf, -0.0], dtype=torch.float16)
    assert (x**0.5).tolist() == [inf, 0] and (x**-0.5).tolist() == [0, inf]
    assert str((x.bfloat16() ** 0.5).tolist()) == "[nan, -0.0]"
    a = torch.tensor([300.0], dtype=torch.float16, requires_grad=True)
    b = torch.tensor([2.5], dtype=torch.float16, requires_grad=True)
    (a**b).backward(torch.ones(1, dtype=torch.float16))
    # 2.5 * 300 ** 1.5 fits a half, y = 300 ** 2.5 does not.
    assert a.grad.tolist() == [12992.0] and b.grad.tolist() == [inf]
    n = torch.ones(2, dtype=torch.uint8)
    assert "uint8_t without overflow" in refusal(RuntimeError, lambda: n**300)


def test_shapes_are_refused_before_dtypes():
    x, y = torch.ones(2), torch.ones(3)
    assert "must match the size" in refusal(RuntimeError, lambda: x & y)
    assert '"bitwise_and_cpu" not implemented' in refusal(NotImplementedError, lambda: x & x)


def test_refusals_of_losses_and_embedding():
    x, target = torch.ones(2, 3), torch.tensor([0, 1])
    text = refusal(RuntimeError, lambda: F.nll_loss(x, target, weight=torch.ones(3).half()))
    assert text == "expected scalar type Float but found Half"
    text = refusal(AssertionError, lambda: F.embedding(target, x, padding_idx=5))
    assert text == "Padding_idx must be within num_embeddings"


def test_betas_of_adam():
    p = [torch.nn.Parameter(torch.ones(2))]
    adam = torch.optim.Adam
    both = "betas must be either both floats or both Tensors"
    assert refusal(ValueError, lambda: adam(p, betas=(0, 0.9))) == both
    assert refusal(ValueError, lambda: adam(p, betas=(torch.tensor(0.9), 0.9))) == both
    pair = (torch.tensor(0.9), torch.tensor(0.99))
    assert "betas[0] as a Tensor is not supported" in refusal(ValueError, lambda: adam(p, betas=pair, foreach=True))
    adam(p, betas=pair)


def test_named_tuples_print_a_line_an_item():
    text = repr(torch.ones(2, 3).max(0))
    assert text == "rustgrad.return_types.max(\nvalues=tensor([1., 1., 1.]),\nindices=tensor([0, 0, 0]))"


def test_small_differences():
    assert torch.broadcast_shapes((2, 1), (3,), 1) == (2, 3)
    assert "expected shape should be broadcastable to [2]" in refusal(
        RuntimeError, lambda: torch.broadcast_shapes((2,), (3,))
    )
    assert torch.ones(2, 3).amax(None).item() == 1
    assert "can't assign a str" in refusal(TypeError, lambda: torch.ones(2).__setitem__(0, "a"))
    one = torch.tensor([1, 2])
    assert "only integer tensors of a single element" in refusal(TypeError, lambda: torch.tensor([one, one]))
