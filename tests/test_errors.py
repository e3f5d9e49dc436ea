"""Bad input: PyTorch's exception class, its sentence first, a hint where there is a likely fix; nothing is changed."""

import pytest

import rustgrad as torch
import rustgrad.nn.functional as F


def t(*shape, **kw):
    return torch.ones(*shape, **kw)


# (what is wrong, the call, the exception, the beginning of its sentence)
CASES = [
    # shapes
    ("broadcast", lambda: t(2) + t(3), RuntimeError, r"The size of tensor a \(2\) must match the size of tensor b \(3\) at non-singleton dimension 0"),
    ("broadcast, dim 1", lambda: t(2, 3) * t(2, 4), RuntimeError, r"The size of tensor a \(3\) must match the size of tensor b \(4\) at non-singleton dimension 1"),
    ("mm", lambda: t(3, 4) @ t(5, 4), RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(3x4 and 5x4\)"),
    ("mm, ndim", lambda: torch.mm(t(3), t(3, 3)), RuntimeError, r"self must be a matrix"),
    ("mv", lambda: torch.mv(t(2, 3), t(2)), RuntimeError, r"size mismatch, got input \(2\), mat \(2x3\), vec \(2\)"),
    ("dot", lambda: torch.dot(t(2), t(3)), RuntimeError, r"inconsistent tensor size, expected tensor \[2\] and src \[3\] to have the same number of elements"),
    ("bmm", lambda: torch.bmm(t(2, 3, 4), t(3, 4, 5)), RuntimeError, r"Expected size for first two dimensions of batch2 tensor to be: \[2, 4\] but got: \[3, 4\]."),
    ("matmul, 0-d", lambda: torch.tensor(1.0) @ t(2), RuntimeError, r"both arguments to matmul need to be at least 1D, but they are 0D and 1D"),
    ("linear", lambda: F.linear(t(4, 3), t(5, 2)), RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(4x3 and 2x5\)"),
    ("view", lambda: t(2, 3).view(4), RuntimeError, r"shape '\[4\]' is invalid for input of size 6"),
    ("view of a transpose", lambda: t(2, 3).t().view(6), RuntimeError, r"view size is not compatible with input tensor's size and stride"),
    ("two unknown sizes", lambda: t(6).view(-1, -1), RuntimeError, r"only one dimension can be inferred"),
    ("expand", lambda: t(2, 3).expand(2, 4), RuntimeError, r"The expanded size of the tensor \(4\) must match the existing size \(3\) at non-singleton dimension 1"),
    ("permute", lambda: t(2, 3).permute(0, 0), RuntimeError, r"permute\(\): duplicate dims are not allowed."),
    ("t of 3 dims", lambda: t(2, 3, 4).t(), RuntimeError, r"t\(\) expects a tensor with <= 2 dimensions, but self is 3D"),
    ("cat, sizes", lambda: torch.cat([t(2, 3), t(2, 4)]), RuntimeError, r"Sizes of tensors must match except in dimension 0"),
    ("cat, nothing", lambda: torch.cat([]), (RuntimeError, ValueError), r"torch.cat\(\): expected a non-empty list of Tensors|expected a non-empty list of Tensors"),
    ("stack", lambda: torch.stack([t(2), t(3)]), RuntimeError, r"stack expects each tensor to be equal size, but got \[2\] at entry 0 and \[3\] at entry 1"),
    ("conv2d, channels", lambda: F.conv2d(t(1, 3, 8, 8), t(4, 2, 3, 3)), RuntimeError, r"Given groups=1, weight of size \[4, 2, 3, 3\], expected input\[1, 3, 8, 8\] to have 2 channels, but got 3 channels instead"),
    ("conv2d, kernel too large", lambda: F.conv2d(t(1, 1, 2, 2), t(1, 1, 3, 3)), RuntimeError, r"Calculated padded input size per channel: \(2 x 2\). Kernel size: \(3 x 3\). Kernel size can't be greater than actual input size"),
    ("layer_norm", lambda: F.layer_norm(t(2, 3), [4]), RuntimeError, r"Given normalized_shape=\[4\], expected input with shape \[\*, 4\], but got input of size"),
    ("negative size", lambda: torch.zeros(-1), RuntimeError, r"zeros: Dimension size must be non-negative.|Trying to create tensor with negative dimension -1"),
    # dims and indices
    ("dim", lambda: t(2, 3).sum(2), IndexError, r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 2\)"),
    ("softmax dim", lambda: F.softmax(t(2), 1), IndexError, r"Dimension out of range \(expected to be in range of \[-1, 0\], but got 1\)"),
    ("same dim twice", lambda: t(2, 3).sum((0, 0)), RuntimeError, r"dim 0 appears multiple times in the list of dims"),
    ("index", lambda: t(3)[5], IndexError, r"index 5 is out of bounds for dimension 0 with size 3"),
    ("too many indices", lambda: t(3)[0, 0], IndexError, r"too many indices for tensor of dimension 1"),
    ("0-d index", lambda: torch.tensor(1.0)[0], IndexError, r"invalid index of a 0-dim tensor"),
    ("slice step", lambda: t(3)[::-1], ValueError, r"step must be greater than zero"),
    ("gather", lambda: torch.gather(t(2, 2), 1, torch.tensor([[2, 0]])), RuntimeError, r"index 2 is out of bounds for dimension 1 with size 2"),
    ("index_select", lambda: torch.index_select(t(2, 2), 0, torch.tensor([3])), (IndexError, RuntimeError), r"index out of range in self"),
    ("embedding", lambda: F.embedding(torch.tensor([4]), t(3, 2)), IndexError, r"index out of range in self"),
    ("target", lambda: F.cross_entropy(t(2, 3), torch.tensor([0, 3])), IndexError, r"Target 3 is out of bounds."),
    ("one_hot", lambda: F.one_hot(torch.tensor([5]), 3), RuntimeError, r"Class values must be smaller than num_classes."),
    ("narrow", lambda: t(3).narrow(0, 2, 2), RuntimeError, r"start \(2\) \+ length \(2\) exceeds dimension size \(3\)."),
    ("select", lambda: t(3).select(0, 3), IndexError, r"select\(\): index 3 out of range for tensor of size \[3\] at dimension 0"),
    ("argmax of nothing", lambda: t(0).argmax(), IndexError, r"argmax\(\): Expected reduction dim to be specified for input.numel\(\) == 0."),
    ("max of nothing", lambda: t(0).max(), RuntimeError, r"max\(\): Expected reduction dim to be specified for input.numel\(\) == 0. Specify the reduction dim with the 'dim' argument."),
    # dtypes
    ("mm dtypes", lambda: t(2, 2) @ t(2, 2, dtype=torch.float64), RuntimeError, r"expected m1 and m2 to have the same dtype, but got: float != double"),
    ("mean of ints", lambda: torch.ones(2, dtype=torch.int64).mean(), RuntimeError, r"mean\(\): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: Long"),
    ("bool minus", lambda: torch.tensor([True]) - torch.tensor([True]), RuntimeError, r"Subtraction, the `-` operator, with two bool tensors is not supported."),
    ("minus bool", lambda: -torch.tensor([True]), RuntimeError, r"Negation, the `-` operator, on a bool tensor is not supported."),
    ("silu of ints", lambda: F.silu(torch.tensor([1])), NotImplementedError, r'"silu_cpu" not implemented for \'Long\''),
    ("not of floats", lambda: ~t(2), TypeError, r"~ \(operator.invert\) is only implemented on integer and Boolean-type tensors"),
    ("bitwise_not of floats", lambda: torch.bitwise_not(t(2)), NotImplementedError, r'"bitwise_not_cpu" not implemented for \'Float\''),
    ("normal_ of ints", lambda: torch.zeros(2, dtype=torch.int64).normal_(), NotImplementedError, r'"normal_kernel_cpu" not implemented for \'Long\''),
    ("index dtype", lambda: torch.gather(t(2), 0, t(1)), RuntimeError, r"gather\(\): Expected dtype int32/int64 for index"),
    ("power of ints", lambda: torch.tensor([2]) ** -1, RuntimeError, r"Integers to negative integer powers are not allowed."),
    # values
    ("number does not fit", lambda: torch.zeros(2, dtype=torch.uint8).fill_(300), RuntimeError, r"value cannot be converted to type uint8_t without overflow"),
    ("division by zero", lambda: torch.tensor([1]) // torch.tensor([0]), RuntimeError, r"ZeroDivisionError"),
    ("clamp without bounds", lambda: t(2).clamp(), (RuntimeError, ValueError), r"torch.clamp: At least one of 'min' or 'max' must not be None"),
    ("dropout", lambda: F.dropout(t(2), 1.5), ValueError, r"dropout probability has to be between 0 and 1, but got 1.5"),
    ("rounding mode", lambda: torch.div(t(1), t(1), rounding_mode="up"), RuntimeError, r"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found 'up'"),
    ("randint", lambda: torch.randint(5, 5, (2,)), RuntimeError, r"random_ expects 'from' to be less than 'to', but got from=5 >= to=5"),
    ("normal std", lambda: t(2).normal_(0, -1), RuntimeError, r"normal expects std >= 0.0, but found std -1"),
    ("item of many", lambda: t(2).item(), RuntimeError, r"a Tensor with 2 elements cannot be converted to Scalar"),
    ("truth of many", lambda: bool(t(2)), RuntimeError, r"Boolean value of Tensor with more than one value is ambiguous"),
    ("len of 0-d", lambda: len(torch.tensor(1.0)), TypeError, r"len\(\) of a 0-d tensor"),
    ("iterate 0-d", lambda: list(torch.tensor(1.0)), TypeError, r"iteration over a 0-d tensor"),
    ("ragged list", lambda: torch.tensor([[1, 2], [3]]), ValueError, r"expected sequence of length 2 at dim 1 \(got 1\)"),
    ("list of strings", lambda: torch.tensor(["a"]), (TypeError, ValueError), r"too many dimensions 'str'|new\(\): invalid data type 'str'"),
    ("numpy of a recorded tensor", lambda: torch.ones(2, requires_grad=True).numpy(), RuntimeError, r"Can't call numpy\(\) on Tensor that requires grad. Use tensor.detach\(\).numpy\(\) instead."),
    # arguments
    ("unknown keyword", lambda: t(2).sum(dims=0), TypeError, r"sum\(\)"),
    ("too many arguments", lambda: t(2).relu(1), TypeError, r"relu\(\)"),
    ("missing argument", lambda: torch.add(t(2)), TypeError, r"add\(\)"),
    ("a string", lambda: torch.add(t(2), "x"), TypeError, r"add\(\)"),
    ("operator with a string", lambda: t(2) + "x", TypeError, r"."),
    # devices and memory
    ("cuda", lambda: t(2, device="cuda"), RuntimeError, r"ones: rustgrad has no cuda device"),
    ("another gpu", lambda: t(2, device="gpu:1"), RuntimeError, r"ones: there is no GPU with index 1; one GPU is used at a time"),
    ("device name", lambda: torch.device("gnu"), RuntimeError, r"Expected one of cpu, .* device type at start of device string: gnu"),
    ("memory", lambda: torch.empty(2**50), RuntimeError, r".*not enough memory: you tried to allocate"),
    ("bytes that no address counts", lambda: torch.empty(2**62, 16), RuntimeError, r"."),
    ("more powers than memory holds", lambda: torch.linalg.vander(torch.ones(5), N=2**40), MemoryError, r"you tried to allocate"),
    ("more powers than int64 counts", lambda: torch.linalg.vander(torch.ones(5), N=2**62), RuntimeError, r"numel: integer multiplication overflow"),
    ("more sections than memory holds", lambda: torch.tensor_split(torch.ones(5), 2**63 - 1), MemoryError, r"not enough memory"),
    ("more empty chunks than memory holds", lambda: torch.unsafe_chunk(torch.ones(5, 0), 2**63 - 1, 1), MemoryError, r"not enough memory"),
    ("more elements than int64 counts", lambda: torch.empty_strided((2**31, 3, 2**31, 3), (0, 0, 0, 0), device="meta"), RuntimeError, r"numel: integer multiplication overflow"),
    ("more elements than int64 counts, permuted", lambda: torch.empty_permuted((2**31, 3, 2**31, 3), (3, 1, 2, 0), device="meta"), RuntimeError, r"numel: integer multiplication overflow"),
    ("a product in a dtype without kernel", lambda: torch.prod(torch.ones(2), 0, dtype=torch.uint64), NotImplementedError, r"\"prod_out_cpu\" not implemented for 'UInt64'"),
    ("complex halves, no sums", lambda: torch.ones(3, 0, dtype=torch.complex32) @ torch.ones(0, 5, dtype=torch.complex32), NotImplementedError, r"\"addmm_impl_cpu_\" not implemented for 'ComplexHalf'"),
    ("dilation beyond every image", lambda: F.conv1d(torch.ones(2, 3, 5), torch.ones(4, 3, 2), padding="same", dilation=2**31), RuntimeError, r"an image has 1 x 2147483653 elements.*\n?.*stride=\[1, 1\], dilation"),
    ("stride beyond int64", lambda: F.conv_transpose2d(torch.ones(2, 3, 4, 3), torch.ones(3, 4, 3, 3), stride=2**31), RuntimeError, r"numel: integer multiplication overflow"),
    ("more repeats than int64 counts", lambda: torch.ones(2, 3).repeat_interleave(2**63 - 1), RuntimeError, r"numel: integer multiplication overflow"),
    ("a step longer than memory", lambda: torch.ones(6, 2).t().unfold(-1, 2, 2**63 - 1), RuntimeError, r"step is 9223372036854775807"),
    ("an image larger than int64 counts", lambda: torch.nn.functional.fold(torch.ones(6, 20), (2**63 - 1, 2), (2, 3), padding=1), RuntimeError, r"unfold: a size of 9223372036854775807 is out of range"),
    ("combinations of more than memory", lambda: torch.combinations(torch.ones(3), 2**40, True), RuntimeError, r"numel: integer multiplication overflow"),
    ("unique entries of a number", lambda: torch.unique(torch.tensor(3.0), dim=0), IndexError, r"Dimension specified as 0 but tensor has no dimensions"),
    ("more combinations than int64 counts", lambda: torch.combinations(torch.zeros(2**22), 3), RuntimeError, r"numel: integer multiplication overflow"),
    ("longer combinations than memory holds", lambda: torch.combinations(torch.ones(1), 2**62, True), MemoryError, r"not enough memory"),
    ("the last of two dims that do not fit", lambda: torch.zeros(2, 8, 4, 4) + torch.zeros(8, 49, 49), RuntimeError, r"dimension 3"),
    ("the last of two sizes that do not fit", lambda: torch.zeros(2, 8, 4, 4).expand(3, 8, 5, 5), RuntimeError, r"dimension 3"),
]


@pytest.mark.parametrize("call, error, sentence", [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_bad_input(call, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        call()
    assert "internal error" not in str(caught.value) and "panicked" not in str(caught.value)


@pytest.mark.parametrize(
    "call, hint",
    [
        (lambda: t(3, 4) @ t(5, 4), r"\nhint: dim 1 of mat1 \(4\) must equal dim 0 of mat2 \(5\); mat2.T has shape \(4, 5\)"),
        (lambda: torch.ones(2, requires_grad=True).mul(2).backward(), r"\nhint: .*mean\(\)"),
        (lambda: torch.ones(1).backward(), r"\nhint: "),
        (lambda: t(2, device="cuda"), r'\nhint: tensors live on "cpu"; the GPU of any maker is called "gpu"'),
    ],
)
def test_hints(call, hint):
    with pytest.raises(RuntimeError, match=hint):
        call()


def test_out_of_memory_is_both():
    with pytest.raises(MemoryError) as caught:
        torch.zeros(2**50)
    assert isinstance(caught.value, RuntimeError)
    assert "zeros" in str(caught.value) and str(2**52) in str(caught.value)
    with pytest.raises(torch.OutOfMemoryError):
        torch.ones(2**46).expand(2, 2**46) + 1


def test_nothing_is_changed_by_a_refused_write():
    x = torch.arange(3)
    before = x.tolist()
    for bad in (lambda: x.fill_(1e30), lambda: x.add_(0.5), lambda: x.__setitem__(5, 1), lambda: x.floor_divide_(0)):
        with pytest.raises((RuntimeError, IndexError)):
            bad()
        assert x.tolist() == before and x._version == 0


HINTS = [
    (lambda: t(2, 3) + t(4), "shapes [2, 3] and [4]: from the last dim on, sizes must be equal or one of them 1"),
    (lambda: t(2, 3).sum(5), "dims count from 0, or backwards from -1, the last one"),
    (lambda: t(2, 3).view(4), "the sizes must multiply to 6; one of them may be -1, which is then deduced"),
    (lambda: torch.cat([t(2, 3), t(2, 4)]), "cat: got shapes [2, 3] and [2, 4]"),
    (lambda: t(2, 3).index_select(0, torch.tensor([7])), "index_select: got 7 at dim 0 of size 2; valid indices are 0 to 1"),
    (lambda: F.embedding(torch.tensor([9]), t(2, 3)), "embedding: got 9; valid indices are 0 to 1"),
    (lambda: F.silu(torch.tensor([1])), "convert the tensor first: x.float()"),
    (lambda: torch.tensor([1]).mean(), "x.float().mean(), or mean(dtype=float32)"),
    (lambda: torch.tensor(300, dtype=torch.uint8), "300 is outside of what uint8 holds, 0 to 255"),
    (lambda: torch.tensor([1]).add_(0.5), "the result is float32; use the out-of-place form, or convert the target first"),
]


@pytest.mark.parametrize("call, hint", HINTS, ids=[hint[:30] for _, hint in HINTS])
def test_hints_of_frequent_mistakes(call, hint):
    with pytest.raises(Exception) as caught:
        call()
    assert str(caught.value).split("\nhint: ")[1] == hint
