"""The data that ship inside the package."""

import hashlib

import rustgrad as torch


def test_digits():
    images, labels = torch.datasets.digits()
    assert (images.dtype, images.shape) == (torch.float32, (1797, 1, 8, 8))
    assert (labels.dtype, labels.shape) == (torch.int64, (1797,))
    counts = [int((labels == digit).sum()) for digit in range(10)]
    assert counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (images.min().item(), images.max().item()) == (0.0, 1.0)
    raw = labels.to(torch.uint8).numpy().tobytes() + (images * 16).to(torch.uint8).numpy().tobytes()
    assert hashlib.sha256(raw).hexdigest() == "e1d88a0854e29e01d16358d2cd026aa8fc20dfc4cdb3fce004300857ea82aa70"


def test_every_call_gives_memory_of_its_own():
    first, _ = torch.datasets.digits()
    first.zero_()
    assert torch.datasets.digits()[0].max().item() == 1.0
