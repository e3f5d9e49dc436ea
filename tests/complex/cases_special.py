"""Functions of complex numbers where a part is zero, infinite, NaN, huge or tiny: values and the signs of zeros."""

import itertools
import math

import numpy as np
from support import Cases

CASES = Cases()
case = CASES.case

PARTS = [0.0, -0.0, 1.0, -1.0, 1e-30, 3e38, math.inf, -math.inf, math.nan]
DTYPES = {"complex64": 1e-5, "complex128": 1e-12}
UNARY = (
    "exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal sin cos tan asin atan sinh cosh tanh asinh acosh "
    "atanh acos sigmoid abs angle conj_physical neg sinc square nan_to_num isfinite isinf isnan logical_not"
).split()
# Where PyTorch's complex64 and complex128 differ, its loops of vectors differ from those of single numbers, or an exact
# zero has the sign of what a float32 was too small for.
APART = {
    ("log1p", None): lambda x, y: x == 1e-30 and not math.isfinite(y),
    ("expm1", "complex64"): lambda x, y: x == 0 and y == 1e-30,
    ("rsqrt", "complex64"): lambda x, y: y == 1e-30,
    ("square", "complex64"): lambda x, y: abs(x) >= 1e30 or abs(y) >= 1e30,
    ("acos", "complex128"): lambda x, y: y in (0, 1e-30) or x == 3e38,
    ("neg", None): lambda x, y: x == 0 or y == 0,
    # The last digits of an angle of 1e30 turns are the dtype's rounding of pi.
    ("sinc", None): lambda x, y: abs(x) >= 1e30,
    ("exp2", None): lambda x, y: abs(y) >= 1e30,
}


def numbers(torch, dtype, pairs):
    """The array is written part by part: Python's sum of a real and an imaginary number loses signs of zeros."""
    z = np.zeros(len(pairs), dtype=dtype)
    z.real, z.imag = [p[0] for p in pairs], [p[1] for p in pairs]
    return torch.from_numpy(z)


def named(v):
    """A part: the sign of a zero, or nothing of a number that is compared by value."""
    if math.isnan(v) or math.isinf(v):
        return str(v)
    return str(v) if v == 0 else "x"


def told(y):
    """What kind of number each part is, and the finite ones, as shares of the number's size."""
    y = y.detach().numpy()
    if y.dtype.kind == "b":
        return "".join("01"[int(v)] for v in y)
    pairs = [(float(v.real), float(v.imag)) for v in y] if y.dtype.kind == "c" else [(float(v),) for v in y]
    found = []
    for pair in pairs:
        finite = [abs(v) for v in pair if math.isfinite(v)]
        size = max(finite, default=0.0)
        shares = [v / size for v in pair if v and math.isfinite(v)]
        found.append([" ".join(map(named, pair)), *(float(f"{v:.7g}") for v in [size, *shares] if v)])
    return found


def unary(name):
    def run(torch):
        found = []
        for dtype in DTYPES:
            apart = [f for (fn, of), f in APART.items() if fn == name and of in (None, dtype)]
            pairs = [p for p in itertools.product(PARTS, PARTS) if not any(f(*p) for f in apart)]
            found.append(told(getattr(torch, name)(numbers(torch, dtype, pairs))))
        return found

    return run


for _name in UNARY:
    CASES[_name] = (unary(_name), 1e-5, 1e-6)

FEW = [0.0, -0.0, 2.0, -1.0, math.inf, -math.inf, math.nan]
POINTS = [(x, y) for x, y in itertools.product(FEW, FEW)]


@case(1e-5, 1e-6)
def arithmetic_with_infinities(torch):
    """Sums with their factor, products, quotients and powers; by tensors and by numbers."""
    z = numbers(torch, "complex128", POINTS)
    ops = [
        lambda x, y: x + y,
        lambda x, y: x * y,
        lambda x, y: x / y,
        lambda x, y: x**y,
        lambda x, y: torch.add(x, y, alpha=2.5),
        lambda x, y: x * y.real,
        lambda x, y: x / y.real,
        lambda x, y: torch.addcmul(x, x, y),
        torch.logaddexp,
    ]
    found = []
    for op in ops:
        for k in (0, 1, 4, 9, 16, 23, 30, 37, 48):
            found.append(told(op(z, z[k].expand_as(z).clone())))
    for k in (0, 0.0, 1, 2, 3, 0.5, -0.5, -1, -2, 1.3, 2j):
        found.append(told(z**k))
    found += [told(2.5 / z), told(z / 2.5), told(z * 2.5), told(z / (1 + 2j)), told(0**z)]
    return found


@case(1e-5, 1e-6)
def sums_of_exponentials(torch):
    """logsumexp and logaddexp keep their imaginary parts, into out= and with other dtypes too; their gradients."""
    z = torch.tensor([[1 + 2j, -0.5 + 1j], [0.25 - 3j, 700 + 1j]], dtype=torch.complex128, requires_grad=True)
    w = torch.tensor([[0.5 - 1j, 2 + 1j], [0.25 + 3j, 650 + 1j]], dtype=torch.complex128, requires_grad=True)
    y = torch.logsumexp(z, 1)
    torch.view_as_real(y).sum().backward()
    found = [y, z.grad, torch.logsumexp(w, (0, 1)), torch.logsumexp(w, 0, keepdim=True)]
    z.grad = None
    y = torch.logaddexp(z, w)
    torch.view_as_real(y).sum().backward()
    out = torch.empty(0, dtype=torch.complex128)
    torch.logaddexp(z.detach(), w.detach(), out=out)
    found += [y, z.grad, w.grad, out]
    found.append(str(torch.logaddexp(z.detach().to(torch.complex64), w.detach()).dtype))
    return found


@case()
def nan_to_num_of_parts(torch):
    """Each part by itself; over the tensor and into out= as well."""
    z = numbers(torch, "complex64", POINTS)
    found = [told(torch.nan_to_num(z)), told(torch.nan_to_num(z, nan=2.0, posinf=5.0, neginf=-5.0))]
    out = torch.empty_like(z)
    torch.nan_to_num(z, out=out)
    found.append(told(out))
    over = z.clone().nan_to_num_(nan=1.0)
    return [*found, told(over)]


@case(1e-6)
def a_power_of_zero_is_one(torch):
    """x ** 0 of complex tensors, with a gradient of 0; x ** 1 is x."""
    z = torch.tensor([0j, 1 + 2j, complex(math.inf, 1)], requires_grad=True)
    y = z**0
    torch.view_as_real(y).sum().backward()
    found = [y, z.grad, z.detach() ** 1, torch.pow(z.detach(), 0.0)]
    found.append(z.detach().clone().pow_(0))
    return found


@case(1e-6)
def lerp_weights_have_sizes(torch):
    """The nearer end is chosen by the size of a complex weight."""
    a = torch.tensor([1 + 1j, 2 - 1j, 0.5j])
    b = torch.tensor([3 + 4j, -2 - 1j, 1e20 + 0j])
    w = torch.tensor([0.25 + 2j, 0.75j, 0.1 + 0.1j])
    return [torch.lerp(a, b, w), torch.lerp(a, b, 0.25 + 2j), torch.lerp(a, b, 0.75)]
