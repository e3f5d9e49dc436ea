"""Copies: strides kept or asked for, casts into another tensor, gradients of both sides."""

import pytest

import rustgrad as torch


def test_clone_keeps_dense_strides():
    x = torch.zeros(2, 3, 4)
    assert x.mT.clone().stride() == (12, 1, 4)
    assert x.mT.clone(memory_format=torch.contiguous_format).stride() == (12, 3, 1)
    assert x.mT[:, :, :2].clone().stride() == (8, 1, 4)
    assert x.expand(5, 2, 3, 4).clone().stride() == (24, 12, 4, 1)
    assert torch.zeros(2, 3, 4, 5).contiguous(memory_format=torch.channels_last).stride() == (60, 1, 15, 3)


def test_formats_that_do_not_fit():
    with pytest.raises(RuntimeError, match="required rank 4 tensor to use channels_last format"):
        torch.zeros(3).clone(memory_format=torch.channels_last)
    with pytest.raises(RuntimeError, match="preserve memory format is unsupported"):
        torch.zeros(3).contiguous(memory_format=torch.preserve_format)


def test_copy_casts_broadcasts_and_differentiates():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (x * 3).expand(2, 2).clone()
    src = torch.tensor([5.0, 6.0], dtype=torch.float64, requires_grad=True)
    y[0].copy_(src)
    (y * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert x.grad.tolist() == [9, 12]
    assert src.grad.tolist() == [1, 2]
    assert src.grad.dtype == torch.float64
    ints = torch.zeros(3, dtype=torch.int64).copy_(torch.tensor([1.9, -1.9, 2.0]))
    assert ints.tolist() == [1, -1, 2]
    assert torch.zeros(2).copy_(3).tolist() == [3, 3]


def test_what_is_overwritten_gets_zeros():
    x = torch.ones(3, requires_grad=True)
    y = x * 1
    y.copy_(torch.zeros(3))
    assert not y.requires_grad or (y.sum().backward() or x.grad.tolist() == [0, 0, 0])


def test_copies_into_overlapping_memory_are_refused():
    x = torch.arange(4.0)
    with pytest.raises(
        RuntimeError, match="some elements of the input tensor and the written-to tensor refer to a single"
    ):
        x[1:].copy_(x[:-1])
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        torch.zeros(1).expand(3).copy_(torch.zeros(3))


def test_integers_take_no_history():
    x = torch.ones(2, requires_grad=True)
    y = torch.zeros(2, dtype=torch.int64)
    y.copy_(x)
    assert not y.requires_grad


def test_detach():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    assert not y.detach().requires_grad
    assert y.detach().data_ptr() == y.data_ptr()
    y.detach_()
    assert y.is_leaf and not y.requires_grad
