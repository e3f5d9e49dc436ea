"""Indexing with tensors, masks, sequences and bools, read and written."""

import warnings

from support import Cases

CASES = Cases()
case = CASES.case

KEYS = {
    "vector": lambda torch: torch.tensor([2, 0, 2]),
    "int32": lambda torch: torch.tensor([1, -1], dtype=torch.int32),
    "list": lambda torch: [0, -1],
    "nested_list": lambda torch: [[0, 1], [1, 2]],
    "empty_list": lambda torch: [],
    "range": lambda torch: range(2),
    "matrix": lambda torch: torch.tensor([[0, 1], [2, 0]]),
    "pair": lambda torch: (torch.tensor([0, 2]), torch.tensor([1, -1])),
    "broadcast": lambda torch: (torch.tensor([[0], [2]]), torch.tensor([1, 3])),
    "slice_first": lambda torch: (slice(None), torch.tensor([3, 0])),
    "slice_between": lambda torch: (torch.tensor([0, 1]), slice(1, 3), torch.tensor([0, 4])),
    "adjacent": lambda torch: (slice(None), torch.tensor([0, 1]), torch.tensor([0, 4])),
    "int_and_tensor": lambda torch: (1, slice(None), torch.tensor([0, 4])),
    "ellipsis": lambda torch: (..., torch.tensor([0, 4])),
    "new_dim": lambda torch: (None, torch.tensor([0, 1]), None),
    "step": lambda torch: (slice(None, None, 2), [1, 1]),
    "true": lambda torch: True,
    "false": lambda torch: False,
    "true_inside": lambda torch: (slice(None), True, torch.tensor([1])),
    "mask_tensor": lambda torch: torch.tensor([True, False, True]),
    "mask_list": lambda torch: [True, False, True],
    "mask_two_dims": lambda torch: torch.arange(12).reshape(3, 4) % 5 < 2,
    "mask_last": lambda torch: (..., torch.tensor([True, False, False, True, True])),
    "mask_and_ints": lambda torch: (torch.tensor([True, False, True]), torch.tensor([1, 2])),
    "mask_of_nothing": lambda torch: torch.zeros(3, dtype=torch.bool),
    "zero_d_mask": lambda torch: torch.tensor(True),
    "zero_d": lambda torch: torch.tensor(1),
    "out_of_range": lambda torch: torch.tensor([3]),
    "mask_of_other_shape": lambda torch: torch.tensor([True, False]),
    "no_broadcast": lambda torch: (torch.tensor([0, 1]), torch.tensor([0, 1, 2])),
    "too_many": lambda torch: (0, 0, 0, torch.tensor([0])),
    "floats": lambda torch: torch.tensor([1.0]),
}


def _tensor(torch):
    return torch.arange(60.0).reshape(3, 4, 5)


def _outcome(call):
    try:
        return call()
    except Exception as error:
        return type(error).__name__


for name, key in KEYS.items():

    @case()
    def read(torch, key=key):
        y = _outcome(lambda: _tensor(torch)[key(torch)])
        return (y, y.stride()) if isinstance(y, torch.Tensor) else y

    CASES[f"read_{name}"] = CASES.pop("read")

    @case()
    def write(torch, key=key):
        x = _tensor(torch)

        def number():
            x[key(torch)] = -1

        return _outcome(number), x

    CASES[f"write_{name}"] = CASES.pop("write")


@case()
def gradient(torch):
    x = _tensor(torch).requires_grad_()
    (x[torch.tensor([0, 2, 0]), :, [1]] * torch.arange(12.0).reshape(3, 4)).sum().backward()
    return x.grad


@case()
def gradient_of_a_mask(torch):
    x = _tensor(torch).requires_grad_()
    (x[x > 30] ** 2).sum().backward()
    return x.grad


@case()
def gradient_through_a_write(torch):
    x = _tensor(torch).requires_grad_()
    v = torch.ones(2, 4, 5, requires_grad=True)
    y = x * 2
    y[torch.tensor([0, 2])] = v * 3
    (y * y).sum().backward()
    return x.grad, v.grad


@case()
def writes_a_tensor_that_broadcasts(torch):
    x = _tensor(torch)
    x[[0, 2], :, torch.tensor([[0], [1]])] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    x[:, [1]] = torch.full((1, 1, 1, 5), 7.0)
    return x


@case()
def writes_into_a_view(torch):
    x = _tensor(torch)
    x[1][x[1] > 25] = 0
    x[:, 1].T[[0, 0]] += 100
    return x


@case()
def write_of_another_dtype(torch):
    x = _tensor(torch)

    def assign():
        x[[0]] = torch.ones(4, 5, dtype=torch.int64)

    return _outcome(assign)


@case()
def write_of_another_shape(torch):
    x = _tensor(torch)

    def assign():
        x[[0, 1]] = torch.ones(3, 5)

    return _outcome(assign), x


@case()
def labels_of_a_batch(torch):
    logits = torch.arange(12.0).reshape(3, 4)
    return logits[range(3), torch.tensor([1, 0, 3])], logits[torch.arange(3), [1, 0, 3]]


@case()
def writes_to_expanded(torch):
    """Of three writes to expanded tensors PyTorch warns; others it refuses."""
    zeros, at, ones = torch.zeros, torch.tensor([1]), torch.ones

    def subscript(x):
        x[at] = 1.0

    def mask(x):
        x[x == 0] = 2.0

    def apart(x):
        x[torch.arange(12).reshape(3, 4) == 5] = 7.0

    def pairs(x):
        x[[0, 2], [3, 1]] = torch.tensor([4.0, 5.0])

    def columns(x):
        x[:, at] = torch.arange(3.0).reshape(3, 1)

    writes = [subscript, mask, apart, pairs, columns]
    writes += [
        lambda x: x.masked_fill_(torch.arange(12).reshape(3, 4) == 5, 3.0),
        lambda x: x.masked_fill_(torch.tensor([False, True, False, False]), torch.tensor(4.0)),
        lambda x: x.index_fill_(0, at, 3.0),
        lambda x: x.index_fill_(1, at, 3.0),
        lambda x: x.index_put_((at,), torch.tensor(5.0), accumulate=True),
        lambda x: x.index_put_((at, at), torch.tensor(5.0)),
        lambda x: x.index_add_(0, at, ones(1, 4)),
        lambda x: x.scatter_(1, zeros(3, 1, dtype=torch.int64), 3.0),
        lambda x: x.add_(1),
    ]
    found = []
    for write in writes:
        for base in (zeros(3, 1), zeros(4)):
            x = base.expand(3, 4)
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                said = _outcome(lambda write=write, x=x: write(x))
            words = sorted({str(w.message).split("(Triggered")[0].split(". ")[0] for w in seen})
            found.append([said, x.tolist(), base.tolist(), words[:1]])
    return found
