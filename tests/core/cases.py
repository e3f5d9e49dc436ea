"""Strides that PyTorch gives to results, for operands with gaps, overlaps and odd strides in dims of size 1."""

import random
import warnings

from support import Cases

CASES = Cases()
case = CASES.case

UNARY = {
    "neg": lambda torch, x: -x,
    "relu": lambda torch, x: x.relu(),
    "clone": lambda torch, x: x.clone(),
    "double": lambda torch, x: x.double(),
    "zeros_like": lambda torch, x: torch.zeros_like(x),
    "plus a number": lambda torch, x: x + 1,
    "from a number": lambda torch, x: 1 - x,
    "above a number": lambda torch, x: x > 1,
    "power": lambda torch, x: x**2,
    "number to a power": lambda torch, x: 2**x,
    "clamp": lambda torch, x: x.clamp(0, 1),
    "lerp": lambda torch, x: torch.lerp(x, x, 0.5),
    "view": lambda torch, x: x.view(x.shape),
    "reshape": lambda torch, x: x.reshape(1, *x.shape),
    "flatten": lambda torch, x: x.flatten(),
    "expand": lambda torch, x: x.expand(1, 2, *x.shape),
    "cat": lambda torch, x: torch.cat([x, x]),
    "stack": lambda torch, x: torch.stack([x, x], 1),
    "gradient": lambda torch, x: _gradient(x),
}
BINARY = {
    "add": lambda torch, x, y: x + y,
    "equal": lambda torch, x, y: x == y,
    "other dtype": lambda torch, x, y: x + y.double(),
    "rsub": lambda torch, x, y: torch.rsub(x, y),
    "where": lambda torch, x, y: torch.where(x > 0, x, y),
    "lerp": lambda torch, x, y: torch.lerp(x, y, 0.3),
    "clamp": lambda torch, x, y: x.clamp(y),
    "distance": lambda torch, x, y: torch.nn.functional.mse_loss(x, y, reduction="none"),
    "addcmul": lambda torch, x, y: torch.addcmul(x, y, y),
}


def _gradient(x):
    x = x.detach().requires_grad_()
    x.exp().sum().backward()
    return x.grad


def _layouts(rng):
    ndim = rng.choice([1, 2, 3, 4, 4, 5])
    shape = [rng.choice([1, 1, 2, 3]) for _ in range(ndim)]
    if rng.random() < 0.1:
        shape[rng.randrange(ndim)] = 0
    if rng.random() < 0.5:  # dense, but for the dims of size 1
        strides, step = [0] * ndim, 1
        for d in rng.sample(range(ndim), ndim):
            odd = shape[d] == 1 and rng.random() < 0.6
            strides[d], step = rng.choice([0, 1, 2, 3, 7, 12]) if odd else step, step * max(shape[d], 1)
    else:
        strides = [rng.choice([0, 1, 2, 3, 4, 6, 12]) for _ in range(ndim)]
    return shape, strides


def _made(torch, shape, strides):
    reach = 1 + sum((n - 1) * step for n, step in zip(shape, strides)) if all(shape) else 1
    return torch.arange(float(reach)).as_strided(shape, strides)


def _strides(fn, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a loss warns where it broadcasts
        try:
            return fn(*args).stride()
        except (RuntimeError, IndexError) as error:
            return type(error).__name__


@case()
def strides_of_one_operand(torch):
    rng, results = random.Random(1), {}
    for _ in range(80):
        shape, strides = _layouts(rng)
        results[f"{shape} {strides}"] = [_strides(f, torch, _made(torch, shape, strides)) for f in UNARY.values()]
    return results


@case()
def strides_of_two_operands(torch):
    rng, results = random.Random(2), {}
    for _ in range(120):
        shape, strides = _layouts(rng)
        other = [1 if rng.random() < 0.2 else n for n in shape]
        others = strides if rng.random() < 0.4 else [rng.choice([0, 1, 2, 3, 4, 6, 12, 24]) for _ in other]
        cut = rng.choice([0, 0, 0, 1])
        pair = [(shape, strides), (other[cut:], others[cut:])]
        for order in (pair, pair[::-1]):
            x, y = (_made(torch, *layout) for layout in order)
            results[str(order)] = [_strides(f, torch, x, y) for f in BINARY.values()]
    return results


@case()
def channels_last(torch):
    found = {}
    rng = random.Random(3)
    for _ in range(60):
        shape, strides = _layouts(rng)
        if len(shape) == 4:
            x = _made(torch, shape, strides)
            last = torch.channels_last
            found[f"{shape} {strides}"] = [
                x.is_contiguous(memory_format=last),
                x.contiguous(memory_format=last).stride(),
                torch.empty_like(x, memory_format=last).stride(),
            ]
    return found


@case()
def arrays_without_elements(torch):
    return [torch.zeros(2, 0, 3).numpy().strides, torch.from_numpy(torch.zeros(0, 3).t().numpy()).stride()]


def _refused(fn):
    """The first line of what is raised, or the shape of a result."""
    try:
        result = fn()
        return getattr(result, "shape", result)
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}".split("\n")[0].split(" and strides")[0]


@case()
def sizes_that_overflow(torch):
    big, most = 2**40, 2**63 - 1
    one, none, four = torch.ones(1), torch.ones(0), torch.ones(4)
    wide = one.expand(2**62)
    conv, pool = torch.nn.functional.conv2d, torch.nn.functional.max_pool2d
    image, kernel = torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)
    calls = [
        lambda: one.expand(big, big),
        lambda: one.expand(most, 2),
        lambda: one.expand(most).numel(),
        lambda: one.expand(0, big, big),
        lambda: one.expand(big, big, 0),
        lambda: one.expand([2] * 63),
        lambda: one.expand([2] * 62).numel(),
        lambda: one.expand(big).unsqueeze(1).expand(big, big),
        lambda: one.expand(big, 1).expand(-1, big),
        lambda: torch.broadcast_to(one, (big, big)),
        lambda: none.reshape(big, big, 0),
        lambda: none.view(big, big, 0),
        lambda: none.view(big, 0, big),
        lambda: none.reshape(-1, big, big),
        lambda: four.view(big, big),
        lambda: four.reshape(-1, big, big),
        lambda: four.as_strided((big, big), (0, 0)),
        lambda: four.as_strided((2,), (most,)),
        lambda: four.as_strided((2,), (1,), most),
        lambda: four.as_strided((-1,), (1,)),
        lambda: four.as_strided((0,), (big,), big),
        lambda: four.as_strided((3,), (2,)),
        lambda: torch.zeros(big, big),
        lambda: torch.empty(big, big, 0),
        lambda: torch.empty(0, big, big),
        lambda: torch.empty(most),
        lambda: torch.empty(2**60, dtype=torch.int64),
        lambda: torch.full((big, big), 1.0),
        lambda: torch.rand(big, big),
        lambda: torch.randint(0, 2, (big, big)),
        lambda: torch.normal(0.0, 1.0, (big, big)),
        lambda: torch.randperm(most),
        lambda: torch.linspace(0, 1, most),
        lambda: torch.Tensor(big, big),
        lambda: torch.Tensor(-1),
        lambda: torch.zeros(2, -3),
        lambda: torch.ones(2, -3),
        lambda: four.new_zeros(big, big),
        lambda: torch.nn.functional.one_hot(torch.tensor([0]), most),
        lambda: torch.nn.Linear(big, big),
        lambda: one.expand(big, 1) + one.expand(big),
        lambda: one.expand(big, 1) == one.expand(big),
        lambda: one.expand(big, 1) @ one.expand(1, big),
        lambda: wide.exp(),
        lambda: wide.to(torch.int64),
        lambda: torch.zeros_like(wide),
        lambda: wide.nbytes,
        lambda: wide.reshape(2**31, 2**31),
        lambda: four[2**64],
        lambda: four[:: 2**62],
        lambda: four[2**62 :],
        lambda: four.split([2**62, 2**62, most]),
        lambda: conv(image, kernel, padding=most),
        lambda: conv(image, kernel, padding=2**62),
        lambda: conv(image, kernel, stride=most),
        *(lambda args=args: pool(image, *args) for args in ((most,), (2, most), (2, 1, most), (2, 1, 0, most))),
    ]
    return [_refused(call) for call in calls]


def _of_rank(torch, n):
    x = torch.ones(1).expand([1] * n)
    calls = [
        lambda: x.ndim,
        lambda: (x + 1).ndim,
        lambda: x.sum(),
        lambda: x.exp().unsqueeze(0).ndim,
        lambda: x[None].ndim,
        lambda: torch.cat([x, x]).ndim,
        lambda: x.sum(0).ndim,
        lambda: x.mean(-1).ndim,
        lambda: x.amax(0).ndim,
        lambda: x.max(0)[0].ndim,
        lambda: x.argmax(0).ndim,
        lambda: x.any(),
        lambda: x.std(0, correction=0).ndim,
        lambda: x.squeeze((0, 1)).ndim,
        lambda: x.squeeze().ndim,
        lambda: x.sum(tuple(range(n))).ndim,
    ]
    return [_refused(call) for call in calls]


@case()
def tensors_of_more_than_64_dims(torch):
    return [_of_rank(torch, n) for n in (64, 65, 1500)]
