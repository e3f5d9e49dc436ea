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
