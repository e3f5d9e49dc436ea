"""What torch_geometric and diffusers ask of torch when they are imported, and the text of elements alone."""

import pickle

import pytest

import rustgrad as torch
from rustgrad._tensor_str import PRINT_OPTS, _add_suffixes, _tensor_str


def test_small_integers_are_names():
    for bits in range(1, 8):
        signed, unsigned = getattr(torch, f"int{bits}"), getattr(torch, f"uint{bits}")
        assert signed.is_signed and not unsigned.is_signed and signed.itemsize == unsigned.itemsize == 1
        assert not signed.is_floating_point and pickle.loads(pickle.dumps(signed)) is signed
    with pytest.raises(NotImplementedError, match="no tensors of dtype"):
        torch.zeros(2, dtype=torch.uint4)


def test_native_ops():
    aten, x = torch.ops.aten, torch.arange(12.0).view(3, 4)
    assert aten._to_copy(x, dtype=torch.int64).dtype == torch.int64 and aten._to_copy.default(x) is not x
    assert aten._to_copy(x.t()).stride() == (1, 4) and aten.lift_fresh(x) is x
    assert aten.index(x, [None, torch.tensor([1, 2])]).tolist() == [[1, 2], [5, 6], [9, 10]]
    assert aten.index.Tensor(x, [torch.tensor([0, 2])]).tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]
    assert aten._unsafe_view(x, [4, 3]).shape == (4, 3) and aten._local_scalar_dense(torch.tensor(3)) == 3
    assert torch.equal(aten._softmax(x, 1, False), x.softmax(1))
    assert torch.equal(aten._log_softmax(x, 0, False), x.log_softmax(0))
    assert aten.threshold_backward(torch.ones(3, 4), x, 5).tolist() == [[0] * 4, [0, 0, 1, 1], [1] * 4]
    with pytest.raises(RuntimeError, match="half to float conversion is not supported on CPU"):
        aten._softmax(x, 1, True)
    square = x[:, :3]
    assert torch.equal(aten._sparse_addmm(x, square.to_sparse(), x, alpha=2), x + 2 * (square @ x))
    with pytest.raises(NotImplementedError, match="expected a matrix of layout sparse_csr"):
        aten._sparse_mm_reduce_impl(x, x, "sum")


def test_text_of_elements():
    x = torch.arange(6).view(2, 3)
    assert _tensor_str(x, 7) == "[[0, 1, 2],\n        [3, 4, 5]]"
    assert _tensor_str(x, 0) == "[[0, 1, 2],\n [3, 4, 5]]"
    assert _tensor_str(torch.tensor(3.0), 4) == "3." and _tensor_str(torch.tensor([]), 4) == "[]"
    assert _tensor_str(torch.arange(3.0, requires_grad=True), 0) == "[0., 1., 2.]"
    assert _add_suffixes("Edge([1,2]", ["a=3", "b=4"], 5, False) == "Edge([1,2], a=3, b=4)"
    assert _add_suffixes("Edge([1,2]", ["a=3", "b=4"], 5, True) == "Edge([1,2],\n     a=3, b=4)"
    before = PRINT_OPTS.threshold, PRINT_OPTS.precision
    try:
        torch.set_printoptions(threshold=5)
        PRINT_OPTS.precision = 2
        assert (PRINT_OPTS.threshold, PRINT_OPTS.precision) == (5, 2)
        assert _tensor_str(torch.arange(20) / 3, 0) == "[0.00, 0.33, 0.67,  ..., 5.67, 6.00, 6.33]"
    finally:
        torch.set_printoptions(threshold=before[0], precision=before[1])
    with pytest.raises(AttributeError, match="there is no print option 'colour'"):
        PRINT_OPTS.colour  # noqa: B018


def test_conv1d_of_a_transposed_input_is_in_order():
    x = torch.randn(2, 6, 16).transpose(1, 2)
    for kernel, groups in ((1, 1), (3, 2)):
        assert torch.nn.Conv1d(16, 8, kernel, padding=kernel // 2, groups=groups)(x).stride() == (48, 6, 1)
