"""tensordot and einsum's form with lists of subscripts, which are written in Python, beside numpy; norms of zeros."""

import numpy as np
import pytest

import rustgrad as torch


def numbers(*shape):
    return (np.arange(np.prod(shape)) % 7 - 3.0).reshape(shape)


def tensors(*shapes):
    arrays = [numbers(*s) for s in shapes]
    return arrays, [torch.from_numpy(a) for a in arrays]


@pytest.mark.parametrize(
    ("first", "second", "dims"),
    [
        ((2, 3, 4), (3, 4, 5), 2),
        ((2, 3), (4, 5), 0),
        ((2, 3, 4), (4, 2, 5), ([0, 2], [1, 0])),
        ((2, 3), (3, 2), ([-1], [0])),
        ((2, 3), (2, 3), 0),
    ],
)
def test_tensordot(first, second, dims):
    (a, b), (x, y) = tensors(first, second)
    assert np.array_equal(torch.tensordot(x, y, dims).numpy(), np.tensordot(a, b, dims))


def test_tensordot_of_one_dim_number_and_tensor():
    (a, b), (x, y) = tensors((2, 3), (3, 2))
    assert torch.tensordot(x, y, torch.tensor(1)).tolist() == np.tensordot(a, b, 1).tolist()
    assert torch.tensordot(x, y, (1, 0)).tolist() == np.tensordot(a, b, (1, 0)).tolist()
    wide = torch.ones(3, 1, dtype=torch.float64)
    assert torch.tensordot(x, wide, ([0], [1])).shape == (3, 3)


def test_tensordot_refuses():
    x, y = torch.ones(2, 3), torch.ones(4, 5)
    with pytest.raises(RuntimeError, match="contracted dimensions need to match, but first has size 3 in dim -1"):
        torch.tensordot(x, y, 1)
    with pytest.raises(RuntimeError, match="expects dims >= 0, but got dims=-1"):
        torch.tensordot(x, y, -1)
    with pytest.raises(RuntimeError, match="expects dims < ndim_a or ndim_b, but got dims=3"):
        torch.tensordot(x, y, 3)
    with pytest.raises(RuntimeError, match="both dimension lists should have same length"):
        torch.tensordot(x, y, ([0], [0, 1]))
    with pytest.raises(RuntimeError, match="both inputs should have same dtype"):
        torch.tensordot(x, y.double(), 0)


def test_tensordot_carries_gradients():
    (_, b), (x, y) = tensors((2, 3), (3, 2))
    x.requires_grad_()
    torch.tensordot(x, y, 1).sum().backward()
    assert np.array_equal(x.grad.numpy(), np.ones((2, 2)) @ b.T)


def test_einsum_with_lists():
    (a, b), (x, y) = tensors((2, 3), (3, 4))
    assert np.array_equal(torch.einsum(x, [0, 1], y, [1, 2], [0, 2]).numpy(), a @ b)
    assert np.array_equal(torch.einsum(x, [0, 1], y, [1, 2]).numpy(), a @ b)
    assert np.array_equal(torch.einsum(x, [..., 5], [..., 5]).numpy(), a)
    with pytest.raises(ValueError, match="must specify the equation string"):
        torch.einsum("i")
    with pytest.raises(ValueError, match="within the valid range"):
        torch.einsum(x, [0, 60])


def test_the_gradient_of_a_norm_of_zero_is_zero():
    x = torch.zeros(3, requires_grad=True)
    torch.linalg.vector_norm(x).backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]
