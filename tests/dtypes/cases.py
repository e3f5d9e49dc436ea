"""What dtypes are, and what casts, promotion, creation, printing and refusals give per dtype on PyTorch."""

# Each function made in a loop is called before the next round.
# ruff: noqa: B023

import pickle

import numpy as np
from support import Cases, raised

CASES = Cases()
case = CASES.case

SIGNED = ["int8", "int16", "int32", "int64"]
LIMITED = ["uint16", "uint32", "uint64"]
INTS = ["uint8", *SIGNED, *LIMITED]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
REAL = ["bool", *INTS, *FLOATS]
ALL = [*REAL, "complex32", "complex64", "complex128"]


def dtypes(torch, names):
    return [getattr(torch, name) for name in names]


def attempt(fn):
    """What a call gives with its dtype, or the first line of what it raises."""
    try:
        value = fn()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return [str(value.dtype), value] if hasattr(value, "dtype") else value


@case()
def attributes(torch):
    """Sizes, kinds, aliases and partners of every dtype; they survive pickling as themselves."""
    found = [
        [repr(d), d.itemsize, d.is_floating_point, d.is_complex, d.is_signed, repr(d.to_real())]
        + [repr(d.to_complex()) if d.is_floating_point or d.is_complex else None, pickle.loads(pickle.dumps(d)) is d]
        for d in dtypes(torch, ALL)
    ]
    names = ["half", "float", "double", "short", "int", "long", "cfloat", "cdouble", "chalf"]
    return [found, [repr(getattr(torch, name)) for name in names]]


@case()
def limits(torch):
    return [
        [repr(info), info.bits, repr(info.min), repr(info.max), info.dtype]
        for kind, names in ((torch.iinfo, INTS), (torch.finfo, [*FLOATS, "complex32", "complex64", "complex128"]))
        for info in (kind(d) for d in dtypes(torch, names))
    ]


@case()
def promotion(torch):
    """Every pair of dtypes, as dtypes, as tensors of several ranks, and in place."""
    out = []
    for a in dtypes(torch, ALL):
        for b in dtypes(torch, ALL):
            x, y = torch.empty(2, dtype=a), torch.empty((), dtype=b)
            out.append([attempt(lambda: repr(torch.promote_types(a, b))), torch.can_cast(a, b)])
            out[-1].append(attempt(lambda: repr(torch.result_type(x, y))))
    return out


@case()
def promotion_with_numbers(torch):
    numbers = [True, 1, -300, 2**63, 1.5]
    return [
        [
            attempt(lambda: repr(torch.result_type(torch.empty(shape, dtype=d), n)))
            for n in numbers
            for shape in ((2,), ())
        ]
        for d in dtypes(torch, REAL)
    ]


VALUES = [
    0.9,
    -0.9,
    -1.0,
    127.5,
    128.0,
    200.7,
    255.9,
    256.0,
    300.0,
    -128.9,
    -129.0,
    32768.0,
    40000.0,
    65536.0,
    -40000.0,
]
LARGE = [2147483648.0, 3e9, -3e9, 1e10, 9.3e18, 1.8e19, 2e19, -1e19, 1e30, float("inf"), float("-inf"), float("nan")]


@case()
def casts_from_floats(torch):
    """Values out of range have PyTorch's results; for uint32 those of its loop over single elements."""
    out = []
    for source in FLOATS:
        x = torch.tensor([*VALUES, *LARGE], dtype=getattr(torch, source))
        out += [torch.stack([v.to(d) for v in x]) for d in dtypes(torch, ["bool", *INTS])]
    return out


@case()
def casts_from_integers(torch):
    whole = [
        0,
        1,
        -1,
        127,
        128,
        255,
        256,
        -128,
        -129,
        32767,
        65535,
        65536,
        2**31,
        2**32 + 5,
        -(2**31) - 1,
        2**53 + 1,
        2**63 - 1,
    ]
    x = torch.tensor(whole)
    sources = [x.to(d) for d in dtypes(torch, ["bool", *INTS])]
    return [[s.to(d) for d in dtypes(torch, REAL)] for s in sources]


@case()
def casts_keep_strides(torch):
    """Casts that go through a lane, of rows and of columns, longer than a tile between."""
    x = (torch.arange(3 * 1500) % 251).reshape(3, 1500)
    out = []
    for name in ("int8", "uint16", "uint64"):
        for to in ("float16", "int16", "bool", "float64"):
            y = x.to(getattr(torch, name)).t().to(getattr(torch, to))
            out.append([list(y.stride()), y.double().sum(0), y[::499, 1].double()])
    return out


CREATED = {
    "tensor": lambda torch, d: [
        attempt(lambda: torch.tensor([v], dtype=d))
        for v in (300, -1, -300, 70000, 2**40, 2**63, 2**64, 1.5, 300.5, 1e20, float("nan"), True)
    ],
    "full": lambda torch, d: [
        attempt(lambda: torch.full((2,), v, dtype=d)) for v in (300, -1, -300, 70000, 2**63, 1.5, 300.5, 1e30, True)
    ],
    "fill": lambda torch, d: [attempt(lambda: torch.ones(2, dtype=d).fill_(v)) for v in (7, -1, 300, 2**63, 2.9, 1e30)],
    "ranges": lambda torch, d: [
        attempt(lambda: torch.arange(5, dtype=d)),
        attempt(lambda: torch.arange(1, 9, 3, dtype=d)),
        attempt(lambda: torch.linspace(0, 5, 4, dtype=d)),
        attempt(lambda: torch.linspace(0, 5, 0, dtype=d)),
        attempt(lambda: torch.eye(2, dtype=d)),
        attempt(lambda: torch.zeros(2, dtype=d)),
        attempt(lambda: torch.ones(2, dtype=d)),
    ],
}


@case()
def creation(torch):
    return [[make(torch, d) for make in CREATED.values()] for d in dtypes(torch, INTS)]


@case()
def draws(torch):
    """The same random integers, and the refusals of dtypes that have no generator."""
    torch.manual_seed(3)
    out = []
    for d in dtypes(torch, INTS):
        out.append(attempt(lambda: torch.randint(0, 100, (5,), dtype=d)))
        out.append(attempt(lambda: torch.randint(-(2**40), 5, (3,), dtype=d)))
        out.append(attempt(lambda: torch.zeros(4, dtype=d).random_()))
        out.append(attempt(lambda: torch.zeros(4, dtype=d).random_(3, 90)))
        out.append(attempt(lambda: torch.randperm(9, dtype=d)))
        out.append(attempt(lambda: torch.zeros(6, dtype=d).bernoulli_(0.5)))
    return out


@case()
def printing(torch):
    out = [repr(torch.tensor([[1, 20], [100, 3]], dtype=d)) for d in dtypes(torch, INTS)]
    out += [repr(torch.empty(0, dtype=d)) for d in dtypes(torch, INTS)]
    return out + [
        repr(torch.tensor([1, 2**64 - 1, 2**63], dtype=torch.uint64)),
        repr(torch.zeros(2, 2, dtype=torch.int8) - 7),
    ]


@case()
def numbers(torch):
    """Elements as Python numbers, and arithmetic with numbers: they are cast to the tensor's dtype first."""
    out = []
    for d in dtypes(torch, INTS):
        x = torch.tensor([1, 3], dtype=d)
        out.append([x[1].item(), x.tolist(), bool(x[0]), int(x[1]), float(x[1]), [0, 10, 20, 30][x[1]]])
        out.append(
            [attempt(lambda: f(n)) for n in (3, -1, 300, 2**40, 2**63, 1.5, True) for f in (x.mul, x.eq, x.add, x.lt)]
        )
    return out + [torch.tensor([2**64 - 1], dtype=torch.uint64).item()]


@case()
def wrapping(torch):
    """Arithmetic keeps the low bits; shifts by as many bits as there are, or by less than none, give nothing."""
    out = []
    for d in dtypes(torch, ["uint8", *SIGNED]):
        low, high = torch.iinfo(d).min, torch.iinfo(d).max
        x = torch.tensor([low, high, 1, 100, 7], dtype=d)
        y = torch.tensor([3, high, 8, 7, 2], dtype=d)
        for f in (torch.add, torch.sub, torch.mul, torch.floor_divide, torch.remainder, torch.fmod, torch.maximum):
            out.append(attempt(lambda: f(x, y)))
        out.append([attempt(lambda: f()) for f in (x.neg, x.abs, x.square, x.sum, x.bitwise_not, x.amax, x.argmin)])
        shifts = torch.tensor([1, 7, 9, 33, 64], dtype=d)
        out.append([x << shifts, x >> shifts, x & y, x | y, x ^ y, x**3, x.to(torch.int64) << 2])
        out.append([attempt(lambda: x // 0), attempt(lambda: x << -1), attempt(lambda: torch.clamp(x, 2, 300))])
    return out


UNARY = "neg abs square sin exp relu sigmoid bitwise_not logical_not sum".split()
UNARY += "amax amin argmax mean".split()
BINARY = "add sub mul div floor_divide remainder fmod maximum minimum pow eq ne lt le gt ge".split()
BINARY += "bitwise_and bitwise_or bitwise_xor bitwise_left_shift logical_and logical_or logical_xor".split()


@case(rtol=1e-6)
def limited_ops(torch):
    """The short list of ops of uint16, uint32 and uint64; all others are refused by name."""
    out = {}
    for name in LIMITED:
        x, y = (torch.tensor(v, dtype=getattr(torch, name)) for v in ([[3, 2], [1, 65535]], [[1, 2], [3, 4]]))
        for op in UNARY:
            out[f"{op} {name}"] = attempt(lambda: getattr(torch, op)(x))
        for op in BINARY:
            out[f"{op} {name}"] = attempt(lambda: getattr(torch, op)(x, y))
        out[f"more {name}"] = [
            attempt(f)
            for f in (
                lambda: x @ y,
                lambda: torch.where(x == y, x, y),
                lambda: torch.cat([x, y]),
                lambda: torch.stack([x, y], 1),
                lambda: x.gather(0, torch.zeros(1, 2, dtype=torch.int64)),
                lambda: x.index_select(0, torch.tensor([1])),
                lambda: x.cumprod(1),
                lambda: x.any(),
                lambda: x.all(1),
                lambda: x.sum(0, dtype=torch.float32),
                lambda: x.clamp(1, 2),
                lambda: x**0,
                lambda: x**1,
                lambda: x * torch.ones((), dtype=torch.int64),
                lambda: x * torch.ones(2, dtype=torch.int64),
                lambda: x + 1.5,
                lambda: x.expand(3, 2, 2).sum(0),
                lambda: x.clone().add_(1),
                lambda: x.clone().mul_(3),
                lambda: x.clone().copy_(torch.tensor([-1, 300])),
            )
        ]
    return out


@case()
def arrays(torch):
    """NumPy's arrays in and out, of every dtype that both have; a dtype that is asked for is cast to."""
    out = []
    for name in ["bool", *INTS, "float16", "float32", "float64"]:
        a = np.array([[0, 1, 2], [100, 3, 4]]).astype(name)
        t = torch.from_numpy(a)
        t[0, 0] = 7
        back = t.t().numpy()
        out.append([repr(t), str(back.dtype), list(back.strides), bool((a.T == back).all()), repr(torch.tensor(a))])
        out.append([repr(torch.tensor(a, dtype=d)) for d in dtypes(torch, ["int16", "uint32", "float32", "bool"])])
        if name != "uint64":  # PyTorch takes no scalar of that dtype
            out.append([attempt(lambda: torch.tensor(a[0, 1])), repr(torch.as_tensor(a).dtype)])
    for name in ("complex64", "complex128"):
        a = np.array([[1 + 2j, 3], [4j, 5]]).astype(name)
        t = torch.from_numpy(a)
        out.append([repr(t.dtype), list(t.t().stride()), bool((t.t().clone().numpy() == a.T).all())])
    return [*out, raised(torch.from_numpy, np.zeros(2, np.longdouble)).splitlines()[0][:60]]


@case()
def methods(torch):
    x = torch.tensor([1.5, -2.5, 300.0])
    out = [attempt(lambda: f()) for f in (x.short, x.char, x.int, x.long, x.byte)]
    types = [torch.zeros(1, dtype=d).type() for d in dtypes(torch, ALL)]
    y = x.to(torch.int8)
    return [out, types, x.to(torch.uint16)[0], y.new_tensor([5]).dtype, y.type_as(x.short()).dtype, y.is_signed()]


@case()
def views_of_bits(torch):
    """The same memory as another dtype."""
    x = torch.tensor([[1, -1, 300, -300]], dtype=torch.int16)
    y = torch.tensor([1.0, -2.0])
    return [
        attempt(lambda: x.view(d)) for d in dtypes(torch, ["uint16", "int8", "uint8", "int32", "uint64", "float16"])
    ] + [
        y.view(torch.uint32),
        attempt(lambda: y.view(torch.complex64).dtype),
        torch.zeros(2, dtype=torch.complex128).view(torch.float64),
    ]


@case()
def gradients(torch):
    """Floats and complex numbers may require gradients, integers may not; gradients pass casts from integers' side."""
    x = torch.tensor([1.5, 2.5], requires_grad=True)
    w = torch.tensor([2, 3], dtype=torch.int8)
    (x * w).sum().backward()
    refused = [
        raised(torch.zeros(2, dtype=d).requires_grad_).splitlines()[0] for d in dtypes(torch, ["int8", "uint64"])
    ]
    return [x.grad, refused, torch.zeros(2, dtype=torch.complex64).requires_grad_().requires_grad]
