"""What views promise beyond values (those are in `generated`): shared memory, writes, node names, messages."""

import pytest

import rustgrad as torch


def numbers(*shape):
    n = 1
    for size in shape:
        n *= size
    return torch.arange(float(n)).reshape(shape).clone()


def same(a, b):
    return a.shape == b.shape and bool((a == b).all())


VIEWS = {
    "view": lambda x: x.view(4, 6),
    "reshape": lambda x: x.reshape(-1),
    "permute": lambda x: x.permute(2, 0, 1),
    "transpose": lambda x: x.transpose(0, 1),
    "mT": lambda x: x.mT,
    "expand": lambda x: x.expand(5, 2, 3, 4),
    "squeeze": lambda x: x.unsqueeze(1).squeeze(1),
    "flatten": lambda x: x.flatten(1),
    "select": lambda x: x.select(1, 2),
    "narrow": lambda x: x.narrow(2, 1, 2),
    "unbind": lambda x: x.unbind(1)[2],
    "split": lambda x: x.split(2, 2)[1],
    "as_strided": lambda x: x.as_strided((2, 2), (1, 3), 4),
    "movedim": lambda x: x.movedim(0, -1),
    "detach": lambda x: x.detach(),
    "view_dtype": lambda x: x.view(torch.int32),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory_and_version(name):
    x = numbers(2, 3, 4)
    y = VIEWS[name](x)
    before = x._version
    x.add_(1)
    assert y._version == x._version > before
    assert same(y, VIEWS[name](x))


@pytest.mark.parametrize("name", [n for n in VIEWS if n not in ("expand", "view_dtype", "detach", "unbind", "split")])
def test_a_write_to_a_view_reaches_the_gradient_of_its_root(name):
    x = numbers(2, 3, 4).requires_grad_()
    root = x * 2
    VIEWS[name](root).mul_(3)
    root.sum().backward()
    expected = torch.full((2, 3, 4), 2.0)
    VIEWS[name](expected).mul_(3)
    assert same(x.grad, expected)


def test_a_view_taken_before_a_write_sees_it_in_backward():
    x = numbers(4).requires_grad_()
    root = x * 1
    early = root[1:3]
    root.mul_(5)
    early.sum().backward()
    assert x.grad.tolist() == [0, 5, 5, 0]


def test_copies_do_not_share():
    x = numbers(2, 3)
    y = x.t().reshape(6)
    x.zero_()
    assert y.tolist() == [0, 3, 1, 4, 2, 5]


def test_what_changes_nothing_gives_the_tensor_itself():
    x = numbers(3)
    assert x.flatten() is x
    assert x.contiguous() is x
    assert x.float() is x
    assert x.to(torch.float32) is x
    assert x.to("cpu") is x


@pytest.mark.parametrize(
    "call, node",
    [
        (lambda x: x.view(6), "ViewBackward0"),
        (lambda x: x.t().reshape(6), "UnsafeViewBackward0"),
        (lambda x: x.t(), "TBackward0"),
        (lambda x: x.mT, "TransposeBackward0"),
        (lambda x: x.permute(1, 0), "PermuteBackward0"),
        (lambda x: x.expand(4, 2, 3), "ExpandBackward0"),
        (lambda x: x.squeeze(), "SqueezeBackward0"),
        (lambda x: x.squeeze(0), "SqueezeBackward1"),
        (lambda x: x.squeeze((0, 1)), "SqueezeBackward2"),
        (lambda x: x.unsqueeze(0), "UnsqueezeBackward0"),
        (lambda x: x[0], "SelectBackward0"),
        (lambda x: x[:1], "SliceBackward0"),
        (lambda x: x.as_strided((2,), (1,)), "AsStridedBackward0"),
        (lambda x: x.clone(), "CloneBackward0"),
        (lambda x: x.double(), "ToCopyBackward0"),
        (lambda x: torch.zeros(2, 3).copy_(x), "CopyBackwards"),
    ],
)
def test_nodes_are_named_as_in_pytorch(call, node):
    assert call(numbers(2, 3).requires_grad_()).grad_fn.name() == node


def test_in_place_views():
    x = numbers(2, 3).requires_grad_()
    y = x * 1
    assert y.t_() is y
    assert y.shape == (3, 2)
    y.unsqueeze_(0)
    assert y.shape == (1, 3, 2)
    (y * torch.arange(2.0)).sum().backward()
    assert x.grad.tolist() == [[0, 0, 0], [1, 1, 1]]
    z = numbers(2, 3)
    part = z[0]
    part.unsqueeze_(1)
    part.fill_(7)
    assert z.tolist() == [[7, 7, 7], [3, 4, 5]]


def test_in_place_views_of_leaves_are_refused():
    x = numbers(2, 3).requires_grad_()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        x.t_()
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        x[0].unsqueeze_(0)
    assert x.shape == (2, 3)
    y = torch.arange(6.0).view(2, 3).requires_grad_()
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        y.mul_(2)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda x: x.t().view(6), RuntimeError, "view size is not compatible with input tensor's size and stride"),
        (lambda x: x.view(5), RuntimeError, "shape '[5]' is invalid for input of size 6"),
        (lambda x: x.view(2, -2), RuntimeError, "invalid shape dimension -2 at index 1 of shape [2, -2]"),
        (lambda x: x.view(-1, -1), RuntimeError, "only one dimension can be inferred"),
        (lambda x: x.view(torch.float64), RuntimeError, "self.size(-1) must be divisible by 2 to view Float as Double"),
        (lambda x: x.permute(0), RuntimeError, "number of dimensions in the tensor input does not match"),
        (lambda x: x.permute(0, 0), RuntimeError, "permute(): duplicate dims are not allowed."),
        (
            lambda x: x.transpose(0, 2),
            IndexError,
            "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
        ),
        (
            lambda x: x.expand(2, 4),
            RuntimeError,
            "The expanded size of the tensor (4) must match the existing size (3)",
        ),
        (lambda x: x.expand(-1, 2, 3), RuntimeError, "isn't allowed in a leading, non-existing dimension 0"),
        (
            lambda x: x.select(0, 2),
            IndexError,
            "select(): index 2 out of range for tensor of size [2, 3] at dimension 0",
        ),
        (lambda x: x.narrow(0, 1, 2), RuntimeError, "start (1) + length (2) exceeds dimension size (2)."),
        (lambda x: x.flatten(1, 0), RuntimeError, "flatten() has invalid args: start_dim cannot come after end_dim"),
        (lambda x: x.split([1, 2]), RuntimeError, "split_with_sizes expects split_sizes to sum exactly to 2"),
        (lambda x: x.as_strided((9,), (1,)), RuntimeError, "are out of bounds for storage of size 24"),
        (lambda x: x.unbind()[0].detach_(), RuntimeError, "Can't detach views in-place. Use detach() instead."),
        (lambda x: x.expand(2, 2, 3).add_(1), RuntimeError, "more than one element of the written-to tensor refers"),
        (lambda x: x.copy_(torch.ones(2, 2, 3)), RuntimeError, "doesn't match the broadcast shape [2, 2, 3]"),
    ],
)
def test_messages(call, error, words):
    with pytest.raises(error) as caught:
        call(numbers(2, 3))
    assert words in str(caught.value)


def test_many_dims():
    x = numbers(*[2] * 12)
    y = x.permute(*reversed(range(12)))
    assert y.stride() == tuple(2**i for i in range(12))
    assert same(y.permute(*reversed(range(12))), x)
    assert same(x.flatten().view(*[2] * 12).unsqueeze(5).squeeze(5), x)
