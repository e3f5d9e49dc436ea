"""What is refused of matrices in compressed rows and columns: nothing could be computed from such a matrix."""

import pytest

import rustgrad as torch


@pytest.mark.parametrize(
    ("first", "second", "values", "size", "text"),
    [
        ([0, 1, 3], [0, 1], [1.0, 2.0], (2, 2), "crow_indices"),
        ([1, 1, 2], [0, 1], [1.0, 2.0], (2, 2), "crow_indices"),
        ([0, 2, 1], [0, 1], [1.0, 2.0], (2, 2), "crow_indices"),
        ([0, 1, 2], [0, 5], [1.0, 2.0], (2, 2), "col_indices"),
        ([0, 1, 2], [0, -1], [1.0, 2.0], (2, 2), "col_indices"),
        ([0, 1, 2], [0, 1], [1.0, 2.0, 3.0], (2, 2), "values"),
        ([0, 1], [0], [1.0], (3, 3), "crow_indices"),
        ([0.0, 1.0], [0], [1.0], (1, 1), "dtype int32 or int64"),
    ],
)
def test_indices_that_fit_no_matrix(first, second, values, size, text):
    with pytest.raises(RuntimeError, match=text):
        torch.sparse_csr_tensor(first, second, values, size)


def test_other_layouts_and_ranks():
    with pytest.raises(NotImplementedError, match="sparse_csr or sparse_csc"):
        torch.sparse_compressed_tensor([0, 1], [0], [1.0], layout=torch.sparse_bsr)
    with pytest.raises(RuntimeError, match="shape \\[3\\]"):
        torch.ones(3).to_sparse_csr()
    s = torch.eye(3).to_sparse_csr()
    with pytest.raises(RuntimeError, match="do not have strides"):
        s.stride()
    with pytest.raises(NotImplementedError, match=r"x\.to_dense\(\)"):
        s.view(9)
    with pytest.raises(RuntimeError, match="expected sparse column compressed tensor layout but got SparseCsr"):
        s.ccol_indices()
    with pytest.raises(RuntimeError, match="but got Strided"):
        torch.eye(3).crow_indices()


def test_empty_matrices_and_columns_out_of_order():
    empty = torch.sparse_csr_tensor([0, 0, 0], [], [], (2, 3))
    assert empty.to_dense().tolist() == [[0.0] * 3] * 2 and (empty @ torch.ones(3, 1)).tolist() == [[0.0], [0.0]]
    turned = torch.sparse_csr_tensor([0, 2, 2], [1, 0], [1.0, 2.0], (2, 2))
    assert turned.col_indices().tolist() == [1, 0] and turned.to_dense().tolist() == [[2.0, 1.0], [0.0, 0.0]]
    assert (turned + turned).to_dense().tolist() == [[4.0, 2.0], [0.0, 0.0]]
