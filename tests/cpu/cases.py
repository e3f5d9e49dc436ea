"""What PyTorch's kernels give in the last bit: signs of zeros, one rounding or two, numbers beside halves."""

import hashlib
import math

from support import Cases, raised

CASES = Cases()
case = CASES.case

EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -2.5, math.inf, -math.inf, math.nan]


def _signs(x):
    """Elements as texts, since -0.0 equals 0.0."""
    return " ".join("nan" if v != v else repr(v) for v in x.double().flatten().tolist())


@case()
def signs_of_zeros(torch):
    relu = torch.nn.functional.relu
    results = {}
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        x = torch.tensor(EDGES * 3, dtype=dtype)
        bounds = [(0, None), (-0.0, None), (None, 0), (None, -0.0), (0, 1), (-1, 0), (-0.0, 0.0), (0.0, -0.0)]
        results[str(dtype).split(".")[1]] = [
            *(_signs(y) for y in (x.relu(), relu(x), x.clone().relu_(), x[::3].relu(), x[1:2].relu())),
            *(_signs(x.clamp(*pair)) for pair in bounds),
            *(_signs(x.clone().clamp_(*pair)) for pair in bounds),
            *(_signs(x[1:2].clamp(*pair)) for pair in bounds),
            *(_signs(f(x, bound)) for f in (torch.clamp_min, torch.clamp_max) for bound in (0, -0.0)),
            _signs(torch.tensor([0.0, -0.0, 0.0, -1.0, -2.0], dtype=dtype).cumprod(0)),
            _signs(torch.tensor([2.0, -1.0, 0.0, -1.0, -2.0] * 9, dtype=dtype).cumprod(0)),
        ]
    return results


def _checksum(x):
    values = (x.float() if x.is_floating_point() else x).numpy().copy()
    if x.is_floating_point():
        values[values != values] = math.nan  # one of the many
    return hashlib.sha256(values.tobytes()).hexdigest()


@case()
def streams_of_a_million_numbers(torch):
    """One digit less in a coefficient of the logarithm shows in one normal of 6,500."""
    n = 1_000_000
    results = []
    for seed in (0, 42, 1234):
        torch.manual_seed(seed)
        results.append(
            [
                _checksum(torch.randn(n)),
                _checksum(torch.empty(n).normal_(0.5, 2.25)),
                _checksum(torch.randn(n, dtype=torch.float16)),
                _checksum(torch.randn(n, dtype=torch.bfloat16)),
                _checksum(torch.rand(n)),
                _checksum(torch.empty(n).uniform_(-3, 11.5)),
                _checksum(torch.randint(-7, 1000, (n,))),
                _checksum(torch.randperm(n)),
                _checksum(torch.nn.functional.dropout(torch.ones(n), 0.3)),
            ]
        )
    return results


HALVES = ("float16", "bfloat16")


def _drawn(torch, dtype, seed=5, n=352):
    """Three vectors whose length is a multiple of PyTorch's vectors: it rounds the last elements once more."""
    torch.manual_seed(seed)
    return [(torch.randn(n) * scale).to(getattr(torch, dtype)) for scale in (3, 2, 1.7)]


def _bits(x):
    """A checksum of all elements, and the first few for who reads a failure."""
    return [_checksum(x.detach())[:16], x.detach().flatten()[:3].double()]


@case()
def one_rounding(torch):
    """Products that are added to something: PyTorch's vectors round once."""
    found = {}
    for dtype in ("float32", "float64", *HALVES):
        a, b, c = _drawn(torch, dtype)
        row, column = b[:32], a[:11].reshape(11, 1)
        found[dtype] = [
            *(_bits(f(a, b, alpha=2.7)) for f in (torch.add, torch.sub, torch.rsub)),
            _bits(a.clone().add_(b, alpha=-0.3)),
            _bits(a.add(1.5, alpha=0.3)),
            *(_bits(torch.addcmul(a, b, c, value=value)) for value in (1, 2.7)),
            *(_bits(torch.addcdiv(a, b, c, value=value)) for value in (1, 2.7)),
            *(_bits(torch.lerp(a, b, weight)) for weight in (0.3, 0.9, -0.7, c)),
            _bits(a.clone().lerp_(b, 0.1)),
            _bits(torch.linspace(-3.3, 2.7, 101, dtype=a.dtype)),
            _bits(torch.add(a.reshape(11, 32), row, alpha=0.7)),
            _bits(torch.addcmul(column.expand(11, 32).contiguous(), a.reshape(11, 32), b.reshape(11, 32), value=0.3)),
        ]
    return found


@case()
def numbers_beside_halves(torch):
    found = {}
    for dtype in HALVES:
        a, b, c = _drawn(torch, dtype)
        row = []
        for s in (0.1, 2.7, 1e-3, 1e-8, 65504, 1 / 3, -2.7, 100.3):
            for second in (s, torch.tensor(s), torch.tensor(s, dtype=a.dtype)):
                row += [
                    *(_bits(f(a, second)) for f in (torch.add, torch.sub, torch.mul, torch.div, torch.rsub)),
                    *(_bits(f(a, second)) for f in (torch.floor_divide, torch.remainder, torch.fmod)),
                    *(_bits(torch.div(a, second, rounding_mode=mode)) for mode in ("trunc", "floor")),
                    *(_bits(f(a, second)) for f in (torch.eq, torch.lt, torch.ge)),
                ]
            for first in (s, torch.tensor(s)):
                row += [
                    *(_bits(f(first, b)) for f in (torch.add, torch.sub, torch.mul, torch.div, torch.remainder)),
                    *(_bits(torch.div(first, b, rounding_mode=mode)) for mode in ("trunc", "floor")),
                    _bits(first / b),
                    _bits(first * b),
                ]
            row += [
                *(_bits(f(a, b, alpha=s)) for f in (torch.add, torch.sub)),
                _bits(torch.addcmul(a, b, c, value=s)),
                _bits(torch.addcdiv(a, b, c, value=s)),
                _bits(torch.lerp(a, b, s)),
                _bits(a.clamp(-abs(s), abs(s))),
                _bits(a.clone().fill_(s)),
                _bits(torch.where(a > 0, a, s)),
                _bits(torch.linspace(0, s, 100, dtype=a.dtype)),
            ]
        found[dtype] = row
    return found


@case()
def steps_in_halves(torch):
    """What PyTorch rounds after each step: quotients before they are cut, differences before they are squared."""
    found = {}
    for dtype in HALVES:
        a, b, _ = _drawn(torch, dtype)
        found[dtype] = [
            *(_bits(torch.div(a * 30, b, rounding_mode=mode)) for mode in ("trunc", "floor")),
            _bits(torch.floor_divide(a * 30, b * 0.1)),
            _bits(torch.nn.functional.mse_loss(a, b, reduction="none")),
            *(_bits(a**n) for n in (2, 3, -1, -2)),
        ]
    return found


@case()
def gradients_of_quotients_in_halves(torch):
    found = {}
    for dtype in HALVES:
        a, b, c = _drawn(torch, dtype)
        b = torch.where(b.abs() < 0.2, b + 0.5, b)
        for name, f in {
            "both": lambda x, y: x / y,
            "number": lambda x, y: 3 / y + x,
            "row": lambda x, y: x / y[:1],
        }.items():
            x, y, g = (t.clone().requires_grad_() for t in (a, b, c))
            first = torch.autograd.grad(f(x, y), [x, y], grad_outputs=g, create_graph=True)
            recorded = [t for t in first if t.requires_grad and t.grad_fn is not None]
            second = torch.autograd.grad(recorded, [x, y, g], [a for _ in recorded], allow_unused=True)
            found[f"{dtype} {name}"] = [_bits(t) for t in [*first, *second] if t is not None]
    return found


def _said(fn, *args, **kwargs):
    return raised(fn, *args, **kwargs).split("\n")[0]


@case()
def numbers_that_do_not_fit(torch):
    half, brain, byte, whole = (
        torch.ones(2, dtype=getattr(torch, d)) for d in ("float16", "bfloat16", "uint8", "int32")
    )
    single, huge = torch.ones(2), float("inf")
    return [
        *(
            _said(f, x, x, alpha=n)
            for f in (torch.add, torch.sub)
            for x, n in ((half, 7e4), (byte, 300), (whole, 2**40))
        ),
        *(_said(torch.add, single, single, alpha=n) for n in (1e39, huge)),
        *(
            _said(torch.addcmul, x, x, x, value=n)
            for x, n in ((single, 1e39), (half, 7e4), (brain, 1e39), (whole, 2**40))
        ),
        *(_said(torch.addcdiv, x, x, x, value=n) for x, n in ((single, 1e39), (half, 7e4))),
        *(_said(torch.lerp, x, x, n) for x, n in ((single, 1e39), (half, 7e4))),
        *(
            _said(torch.where, x > 0, x, n)
            for x, n in ((single, 1e39), (half, 7e4), (brain, 1e39), (byte, 300), (whole, 2**40))
        ),
        *(_said(x.fill_, n) for x, n in ((half, 7e4), (byte, 300), (whole, 2**40))),
        *(_said(x.clamp, 0, n) for x, n in ((half, 7e4), (byte, 300), (whole, 2**40))),
        torch.where(half > 0, half, 7e4),
    ]
