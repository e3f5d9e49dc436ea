"""Writes in place: versions, history, and views of recorded tensors."""

import pytest

import rustgrad as torch


def test_write_to_a_recorded_result():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    y.mul_(3)
    y.sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]


def test_write_that_needs_its_old_value():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    y.sin_()
    assert y.tolist() == x.detach().sin().tolist()
    y.sum().backward()
    assert x.grad.tolist() == x.detach().cos().tolist()


def test_write_over_its_own_other_operand():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    y.mul_(y)
    assert y.tolist() == [1.0, 4.0]
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_saved_output_survives_the_write_that_made_it():
    x = torch.tensor([0.5], requires_grad=True)
    y = x * 1
    y.tanh_()
    y.sum().backward()
    assert abs(x.grad.item() - (1 - torch.tanh(torch.tensor(0.5)).item() ** 2)) < 1e-6


def test_index_assignment_reaches_both_sides():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    v = torch.tensor(5.0, requires_grad=True)
    y = x * 2
    y[1] = v * 3
    (y * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 200.0] and v.grad.item() == 30.0


def test_write_through_a_view_of_a_result():
    x = torch.ones(2, 3, requires_grad=True)
    y = x * 2
    y.view(-1).mul_(2)
    assert y.tolist() == [[4.0] * 3] * 2
    y.sum().backward()
    assert x.grad.tolist() == [[4.0] * 3] * 2


def test_write_to_part_of_a_result():
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    y = x * 1
    y[:, 1:].mul_(y[0, 0] + 10)
    y.sum().backward()
    assert x.grad.tolist() == [[1.0 + 1 + 2 + 4 + 5, 10.0, 10.0], [1.0, 10.0, 10.0]]


def test_sibling_views_see_the_new_history():
    x = torch.ones(4, requires_grad=True)
    y = x * 2
    a, b = y[:2], y[1:3]
    b.mul_(10)
    assert a.tolist() == [2.0, 20.0]
    (a * torch.tensor([1.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [2.0, 2000.0, 0.0, 0.0]


def test_base_write_reaches_views():
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    v = y[1:]
    y.mul_(3)
    v.sum().backward()
    assert x.grad.tolist() == [0.0, 6.0, 6.0]


def test_transposed_and_nested_views():
    x = torch.ones(2, 3, requires_grad=True)
    y = x * 1
    y.t()[1].unsqueeze(0).mul_(5)
    (y * y).sum().backward()
    assert x.grad.tolist() == [[2.0, 50.0, 2.0]] * 2


def test_write_to_a_view_of_a_fresh_tensor_with_a_recorded_value():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    out = torch.zeros(4)
    out[1:3] = x * 3
    assert out.requires_grad
    out.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_loop_of_assignments():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    out = torch.empty(3)
    for i in range(3):
        out[i] = x[i] * (i + 1)
    (out * out).sum().backward()
    assert x.grad.tolist() == [2.0, 16.0, 54.0]


def test_second_derivative_through_a_write():
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    y = x * x
    y[0] = y[1].clone() * x[0]
    (g,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    # y0 = x1^2 x0, y1 = x1^2: f = x1^4 x0^2 + x1^4
    assert g.tolist() == [32.0, 64.0]
    assert h.tolist() == [32.0 + 64.0, 64.0 + 96.0]


def test_fill_cuts_the_gradient():
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    y[1].zero_()
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 2.0]


def test_random_fill_cuts_the_gradient():
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    y.uniform_()
    (y + x).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_copy_carries_the_gradient():
    x = torch.ones(3, requires_grad=True)
    y = torch.zeros(2, 3)
    y.copy_(x)
    (y * 2).sum().backward()
    assert x.grad.tolist() == [4.0] * 3


def test_leaf_is_refused():
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place"):
        x[0] = 1
    assert x.tolist() == [1.0, 1.0]
    with torch.no_grad():
        x.add_(1)
        x[0] = 5
    assert x.tolist() == [5.0, 2.0] and x.is_leaf and x.requires_grad


def test_view_made_without_grad_is_refused():
    x = torch.ones(2, requires_grad=True)
    y = x * 1
    with torch.no_grad():
        v = y[0]
    with pytest.raises(RuntimeError, match="no_grad"):
        v.mul_(2)


def test_changed_saved_tensor_is_refused():
    x = torch.ones(2, requires_grad=True)
    y = x * 1
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"mul.*version 1, saved at 0"):
        z.sum().backward()


def test_changed_saved_tensor_through_a_view():
    x = torch.ones(2, requires_grad=True)
    y = x.exp()
    y[0] = 3.0
    with pytest.raises(RuntimeError, match=r"exp.*modified|modified.*exp"):
        y.sum().backward()


def test_data_and_detach():
    x = torch.ones(2, requires_grad=True)
    y = x.tanh()
    y.data.zero_()
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    z = x.tanh()
    z.detach().zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_versions_are_shared_by_views():
    x = torch.zeros(4)
    v = x[1:]
    v.add_(1)
    assert x._version == v._version == 1


def test_expanded_tensor_is_refused():
    with pytest.raises(
        RuntimeError, match="more than one element of the written-to tensor refers to a single memory location"
    ):
        torch.zeros(1).expand(3).add_(1)


def test_partial_overlap_is_refused():
    x = torch.arange(4.0)
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        x[1:].add_(x[:-1])
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_result_that_does_not_fit_is_refused():
    x = torch.zeros(3)
    with pytest.raises(RuntimeError, match=r"output with shape \[3\] doesn't match the broadcast shape \[2, 3\]"):
        x.add_(torch.ones(2, 3))
    i = torch.zeros(2, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
        i.add_(1.5)
    assert x.tolist() == [0.0] * 3 and i.tolist() == [0, 0]


def test_as_strided_of_an_expanded_tensor_shares_its_gradient():
    x = torch.ones(3, requires_grad=True)
    x.expand(2, 3).as_strided((2, 2), (0, 1)).mul(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert x.grad.tolist() == [4.0, 6.0, 0.0]
