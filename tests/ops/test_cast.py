"""Casts: every spelling of `to`, the edges of every pair of dtypes, and the gradient's way back."""

import itertools

import pytest

import rustgrad as torch

DTYPES = [
    torch.bool,
    torch.uint8,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
]


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.to(torch.float64),
        lambda x: x.to("cpu", torch.float64),
        lambda x: x.to(torch.device("cpu"), dtype=torch.float64),
        lambda x: x.to(torch.zeros(1, dtype=torch.float64)),
        lambda x: x.to(other=torch.zeros(1, dtype=torch.float64)),
        lambda x: x.to(dtype=torch.float64, non_blocking=True),
        lambda x: x.double(),
        lambda x: x.type(torch.float64),
        lambda x: x.type_as(torch.zeros(1, dtype=torch.float64)),
    ],
)
def test_spellings(call):
    x = torch.tensor([1.5, -2.0], requires_grad=True)
    y = call(x)
    assert y.dtype == torch.float64
    y.sum().backward()
    assert x.grad.dtype == torch.float32


def test_copy_is_a_copy():
    x = torch.ones(2)
    y = x.to(torch.float32, copy=True)
    assert y is not x and y.data_ptr() != x.data_ptr()


@pytest.mark.parametrize("a, b", list(itertools.product(DTYPES, DTYPES)), ids=str)
def test_small_numbers_survive(a, b):
    x = torch.tensor([0, 1, 1, 0]).to(a)
    y = x.to(b)
    assert y.dtype == b
    assert y.to(torch.int64).tolist() == [0, 1, 1, 0]


def test_edges():
    x = torch.tensor([0.5, -1.0, 300.0, float("nan"), float("inf")])
    assert x.bool().tolist() == [True, True, True, True, True]
    assert x[:3].byte().tolist() == [0, 255, 44]
    assert x.long().tolist() == [0, -1, 300, -(2**63), -(2**63)]
    assert torch.tensor([2**40 + 5]).int().tolist() == [5]
    assert torch.tensor([0.1]).bfloat16().float().tolist() == [0.10009765625]
    assert torch.tensor([1e6]).half().tolist() == [float("inf")]


def test_unknown_devices():
    with pytest.raises(
        RuntimeError, match=r'to: rustgrad has no cuda device\nhint: .* the GPU of any maker is called "gpu"'
    ):
        torch.ones(2).to("cuda")
    with pytest.raises(RuntimeError, match=r"Expected one of cpu, .* device type at start of device string: gup"):
        torch.ones(2).to("gup")
