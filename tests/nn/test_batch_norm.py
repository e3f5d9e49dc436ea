"""batch_norm of all layouts, beside the same written with means and variances."""

import pytest

import rustgrad as torch
from rustgrad.nn.functional import batch_norm


def by_definition(x, weight, bias, eps=1e-5):
    dims = [d for d in range(x.ndim) if d != 1]
    shape = [1, -1] + [1] * (x.ndim - 2)
    y = (x - x.mean(dims, keepdim=True)) / (x.var(dims, correction=0, keepdim=True) + eps).sqrt()
    return y * weight.view(shape) + bias.view(shape)


# Channels are taken 32 at a time where they are fastest, images 1024 elements at a time.
@pytest.mark.parametrize(
    "shape", [(2, 3), (130, 70), (4, 33, 1, 1), (3, 5, 7), (2, 3, 40, 41), (5, 33, 3, 2), (2, 3, 2, 3, 4)]
)
@pytest.mark.parametrize("layout", ["contiguous", "channels last", "transposed"])
def test_results_and_gradients(shape, layout):
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.float64) * 3 + 5
    if layout == "channels last":
        if len(shape) < 4:
            return
        x = x.to(memory_format=torch.channels_last if len(shape) == 4 else torch.channels_last_3d)
    if layout == "transposed":
        x = torch.randn(shape[::-1], dtype=torch.float64).permute(*range(len(shape) - 1, -1, -1))
    x.requires_grad_()
    weight = torch.randn(shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.randn(shape[1], dtype=torch.float64, requires_grad=True)
    ours, wanted = batch_norm(x, None, None, weight, bias, True), by_definition(x, weight, bias)
    torch.testing.assert_close(ours, wanted, rtol=1e-9, atol=1e-9)
    if layout == "channels last" and max(shape[2:]) > 1:
        assert ours.stride() == x.stride()
    g = torch.randn(shape, dtype=torch.float64)
    inputs = (x, weight, bias)
    for a, b in zip(torch.autograd.grad(ours, inputs, g), torch.autograd.grad(wanted, inputs, g)):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-8)


def test_running_statistics_move():
    torch.manual_seed(0)
    x = torch.randn(6, 4, 5) + 2
    mean, var = torch.zeros(4), torch.ones(4)
    batch_norm(x, mean, var, training=True, momentum=0.25)
    torch.testing.assert_close(mean, 0.25 * x.mean((0, 2)))
    torch.testing.assert_close(var, 0.75 + 0.25 * x.var((0, 2)))
    before = mean.clone(), var.clone()
    batch_norm(x, mean, var)
    assert torch.equal(mean, before[0]) and torch.equal(var, before[1])


def test_long_channels_lose_nothing():
    torch.manual_seed(0)
    x = torch.randn(4, 2, 300_000) + 100
    exact = by_definition(x.double(), torch.ones(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64))
    # The shift by the mean is rounded at a hundred deviations.
    torch.testing.assert_close(batch_norm(x, None, None, training=True).double(), exact, rtol=0, atol=3e-5)


def test_second_derivatives():
    torch.manual_seed(0)
    x = torch.randn(4, 3, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda *a: batch_norm(a[0], None, None, *a[1:], True), (x, weight, bias))


def test_halves_beside_float32():
    x = torch.randn(8, 3, 4).bfloat16()
    y = batch_norm(x, torch.zeros(3), torch.ones(3), torch.ones(3), torch.zeros(3), True)
    assert y.dtype == torch.bfloat16
    with pytest.raises(RuntimeError, match="mixed dtype"):
        batch_norm(x, torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
