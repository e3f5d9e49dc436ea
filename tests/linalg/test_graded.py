"""Matrices whose columns differ by many powers of ten: inverses of tiny numbers must not reach the vectors."""

import pytest

import rustgrad as torch


@pytest.mark.parametrize("shape", [(15, 19), (33, 22), (24, 24), (40, 6), (6, 40)])
def test_singular_vectors_stay_orthogonal(shape):
    torch.manual_seed(0)
    scales = torch.logspace(0, -30, shape[1], dtype=torch.float64).float()
    x = torch.randn(shape) * scales
    for full in (False, True):
        u, s, vh = torch.linalg.svd(x, full_matrices=full)
        k = min(shape)
        torch.testing.assert_close(u.mT @ u, torch.eye(u.shape[1]), atol=1e-5, rtol=0)
        torch.testing.assert_close(vh @ vh.mT, torch.eye(vh.shape[0]), atol=1e-5, rtol=0)
        torch.testing.assert_close((u[:, :k] * s) @ vh[:k], x, atol=1e-5, rtol=0)


def test_qr_of_tiny_columns():
    torch.manual_seed(0)
    x = torch.randn(12, 5) * torch.tensor([1.0, 1e-20, 1e-38, 1e-42, 1e20])
    q, r = torch.linalg.qr(x)
    torch.testing.assert_close(q.mT @ q, torch.eye(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(q @ r, x, atol=1e-5, rtol=1e-4)


def test_eigenvectors_of_halves_that_do_not_touch():
    blocks = torch.block_diag(torch.ones(20, 20), torch.eye(25) * 2.0).double()
    values, vectors = torch.linalg.eigh(blocks)
    torch.testing.assert_close(vectors.mT @ vectors, torch.eye(45).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close((vectors * values) @ vectors.mT, blocks, atol=1e-12, rtol=0)
