"""The functions of `shaders/` run by wgpu-py, another binding with buffers and launches of its own, and compared with
numpy: none of our launch code takes part. Bounds are in ulp, as measured on Mesa, and one to spare.
"""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from gpu.wgpu_py import buffer, dispatch, metadata, read, unset

import rustgrad as torch
from rustgrad import _rustgrad

pytestmark = pytest.mark.gpu

SHADERS = Path(__file__).parents[2] / "shaders"
LIBRARY = ["common", "floats", "math", "half", "i32", "i64"]
INF, NAN = np.inf, np.nan


def launch(text, inputs, sizes, groups, count, words=(), floats=()):
    """Runs a kernel on metadata, inputs and outputs of so many bytes, in this order; gives the outputs' bytes."""
    buffers = [buffer(np.ascontiguousarray(x).tobytes()) for x in inputs]
    outputs = [unset(size) for size in sizes]
    dispatch(text, metadata(count, groups[0], words, floats), [(b, 0, b.size) for b in buffers + outputs], groups)
    return [read(b)[:size] for b, size in zip(outputs, sizes)]


WGSL = {np.float32: "f32", np.uint32: "u32", np.int32: "i32", np.int64: "vec2<u32>"}


def evaluate(expression, inputs, result):
    """An expression of x (and y) over arrays, with all files of functions before it."""
    library = "\n".join((SHADERS / f"{name}.wgsl").read_text() for name in LIBRARY)
    n = len(inputs[0])
    text = library + "\n@group(0) @binding(10) var<storage, read_write> rg_report: array<atomic<u32>>;\n"
    for k, (name, x) in enumerate(zip("xy", inputs)):
        text += f"@group(0) @binding({k + 1}) var<storage, read> in_{name}: array<{WGSL[x.dtype.type]}>;\n"
    text += f"@group(0) @binding({len(inputs) + 1}) var<storage, read_write> res: array<{WGSL[result]}>;\n"
    lets = "".join(f"let {name} = in_{name}[i]; " for name, _ in zip("xy", inputs))
    text += (
        "@compute @workgroup_size(64)\n"
        "fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {\n"
        f"let i = rg_group(w) * 64u + l; if (i < {n}u) {{ {lets}res[i] = {expression}; }} }}\n"
    )
    groups = -(-n // 64)
    across = min(groups, 65535)
    size = n * np.dtype(result).itemsize
    (out,) = launch(text, inputs, [size], (across, -(-groups // across), 1), n)
    return np.frombuffer(out, result)


# ---- floats


SPECIAL = np.array(
    "0 -0 1 -1 inf -inf nan 88.6 88.8 100 -87 -103 -104 3e38 -3e38 .5 1.5 2.5 1e-10 -1e-10 20 -20 9.1 .625 3e9".split(),
    np.float32,
)


def line(low, high, n=20011):
    return np.linspace(low, high, n).astype(np.float32)


def positive(low, high, n=20011):
    return np.exp(np.linspace(np.log(low), np.log(high), n)).astype(np.float32)


def both(low, high):
    return np.concatenate([positive(low, high), -positive(low, high)])


def ulps(got, wanted):
    """The distance in units of float32's last place at the wanted value; infinite where NaN or infinity differ."""
    with np.errstate(all="ignore"):
        rounded = wanted.astype(np.float32)
        step = np.maximum(np.spacing(np.abs(rounded)).astype(np.float64), 2.0**-149)
        distance = np.abs(got.astype(np.float64) - wanted) / step
    infinite = np.isinf(rounded) | np.isinf(got)
    distance[infinite] = np.where(rounded[infinite] == got[infinite], 0, INF)
    distance[np.isnan(wanted)] = 0
    distance[np.isnan(got) != np.isnan(wanted)] = INF
    # Devices may flush denormals.
    distance[(np.abs(wanted) < 1.2e-38) & (np.abs(got) < 1.2e-38)] = 0
    return distance


def exactly(f):
    return np.vectorize(f, otypes=[np.float64])


def lgamma(v):
    return math.lgamma(v) if math.isfinite(v) and not (v <= 0 and v == math.floor(v)) else (NAN if v != v else INF)


# name, reference in float64, inputs, worst ulp
UNARY = {
    "rg_exp": (np.exp, [line(-87, 88.7), line(-1, 1)], 2),
    "rg_exp2": (np.exp2, [line(-126, 127.9), line(-1, 1)], 3),
    "rg_expm1": (np.expm1, [line(-20, 88.7), line(-1, 1), both(1e-30, 1)], 3),
    "rg_log": (np.log, [positive(1e-37, 3e38), line(0.5, 2), line(0.99, 1.01)], 3),
    "rg_log2": (np.log2, [positive(1e-37, 3e38), line(0.5, 2)], 4),
    "rg_log1p": (np.log1p, [line(-0.999, 5), both(1e-30, 0.9)], 4),
    "rg_tanh": (np.tanh, [line(-10, 10), both(1e-30, 1e2)], 3),
    "rg_sigmoid": (lambda x: 1 / (1 + np.exp(-x)), [line(-80, 80)], 4),
    "rg_softplus": (lambda x: np.logaddexp(0, x), [line(-80, 80)], 5),
    "rg_sinh": (np.sinh, [line(-88, 88), both(1e-20, 1)], 5),
    "rg_cosh": (np.cosh, [line(-88, 88)], 6),
    "rg_sin": (np.sin, [line(-10, 10), line(-1e5, 1e5), both(1e6, 3e38), both(1e-20, 1)], 4),
    "rg_cos": (np.cos, [line(-10, 10), line(-1e5, 1e5), both(1e6, 3e38)], 4),
    "rg_tan": (np.tan, [line(-1.5, 1.5), line(-1e3, 1e3)], 6),
    "rg_atan": (np.arctan, [line(-10, 10), both(1e-20, 1e20)], 4),
    "rg_asin": (np.arcsin, [line(-1, 1), both(1e-20, 0.9)], 4),
    "rg_acos": (np.arccos, [line(-1, 1)], 4),
    "rg_erf": (exactly(math.erf), [line(-5, 5), both(1e-20, 1)], 4),
}


@pytest.mark.parametrize("name", UNARY)
def test_math(name):
    reference, ranges, bound = UNARY[name]
    for x in [*ranges, SPECIAL]:
        with np.errstate(all="ignore"):
            wanted = reference(x.astype(np.float64))
        distance = ulps(evaluate(f"{name}(x)", [x], np.float32), wanted)
        at = int(distance.argmax())
        assert distance[at] <= bound + (6 if x is SPECIAL else 0), (
            f"{name}({x[at]!r}) is {distance[at]} ulp off {wanted[at]!r}"
        )


@pytest.mark.parametrize(
    "name, reference, low, high, allowed",
    [
        ("rg_lgamma", exactly(lgamma), 0.1, 50, 4e-6),
        ("rg_lgamma", exactly(lgamma), -20.3, -0.3, 1e-4),
        ("rg_erfinv", None, -0.999, 0.999, 4e-6),
    ],
)
def test_math_with_an_absolute_bound(name, reference, low, high, allowed):
    x = line(low, high, 4001)
    got = evaluate(f"{name}(x)", [x], np.float32).astype(np.float64)
    if reference is None:  # by its inverse
        got, wanted = exactly(math.erf)(got), x.astype(np.float64)
    else:
        wanted = reference(x.astype(np.float64))
    got, wanted = got[np.isfinite(wanted)], wanted[np.isfinite(wanted)]
    assert (np.abs(got - wanted) <= allowed * np.maximum(np.abs(wanted), 1)).all(), np.abs(got - wanted).max()


RNG = np.random.default_rng(1)
PAIRS = [a.ravel().copy() for a in np.meshgrid(SPECIAL, SPECIAL)]
NORMAL = [RNG.normal(size=20000).astype(np.float32) for _ in range(2)]
WIDE = [(x * 10 ** RNG.uniform(-5, 5, x.size)).astype(np.float32) for x in NORMAL]
BINARY = {
    "rg_pow": (np.power, [positive(1e-6, 1e6)[:20000], RNG.uniform(-6, 6, 20000).astype(np.float32)], 6),
    "rg_atan2": (np.arctan2, NORMAL, 4),
    "rg_fmod": (np.fmod, WIDE, 0),
    "rg_max": (np.maximum, NORMAL, 0),
    "rg_min": (np.minimum, NORMAL, 0),
    "rg_fmax": (np.fmax, NORMAL, 0),
    "rg_fmin": (np.fmin, NORMAL, 0),
}


@pytest.mark.parametrize("name", BINARY)
def test_math_of_two(name):
    reference, values, bound = BINARY[name]
    for x, y in (values, PAIRS):
        with np.errstate(all="ignore"):
            wanted = reference(x.astype(np.float64), y.astype(np.float64))
        distance = ulps(evaluate(f"{name}(x, y)", [x, y], np.float32), wanted)
        at = int(distance.argmax())
        # pow of what is huge or tiny multiplies the error of the exponent.
        assert distance[at] <= (64 if x is PAIRS[0] and bound else bound), (
            f"{name}({x[at]!r}, {y[at]!r}): {distance[at]} ulp"
        )


ODD = np.array([0, -0.0, 1, -1, INF, -INF, NAN, -NAN, 3e38, 1e-40, 2.5], np.float32)
TESTS = {
    "rg_isnan(x)": np.isnan,
    "rg_isinf(x)": np.isinf,
    "rg_isfinite(x)": np.isfinite,
    "rg_signbit(x)": np.signbit,
    "rg_ne(x, x)": lambda x: x != x,
    "rg_eq(x, x)": lambda x: x == x,
    "rg_lt(x, 1.0)": lambda x: x < 1,
    "rg_le(x, x)": lambda x: x <= x,
}


@pytest.mark.parametrize("expression", TESTS)
def test_classes_of_floats(expression):
    with np.errstate(invalid="ignore"):
        wanted = TESTS[expression](ODD)
    assert (evaluate(f"select(0u, 1u, {expression})", [ODD], np.uint32) == wanted).all()


def test_infinity_and_nan_come_from_the_metadata():
    x = np.zeros(4, np.float32)
    assert np.isposinf(evaluate("rg_inf() + x", [x], np.float32)).all()
    assert np.isnan(evaluate("rg_nan() + x", [x], np.float32)).all()


# ---- halves


ALL = np.arange(65536, dtype=np.uint32)


def as_f32(bits):
    return bits.astype(np.uint32).view(np.float32)


ROUNDED = np.concatenate(
    [
        RNG.normal(size=50000).astype(np.float32) * np.float32(10) ** RNG.uniform(-9, 6, 50000).astype(np.float32),
        ALL.astype(np.uint16).view(np.float16).astype(np.float32),
        np.array([0, -0.0, 65504, 65519.9, 65520, 1e6, INF, -INF, NAN, 5.9e-8, 2.98e-8, 2.99e-8], np.float32),
        as_f32(0x3F800000 + 0x1000 * np.arange(64)),  # halfway, both ways
    ]
)


def test_float16():
    halves = ALL.astype(np.uint16).view(np.float16)
    got = evaluate("f16_unpack(x)", [ALL], np.float32)
    same = (got.view(np.uint32) == halves.astype(np.float32).view(np.uint32)) | (np.isnan(got) & np.isnan(halves))
    assert same.all()
    got = evaluate("f16_round(x)", [ROUNDED], np.uint32).astype(np.uint16).view(np.float16)
    with np.errstate(over="ignore"):
        wanted = ROUNDED.astype(np.float16)
    assert ((got.view(np.uint16) == wanted.view(np.uint16)) | (np.isnan(got) & np.isnan(wanted))).all()


def test_bfloat16():
    got = evaluate("bf16_unpack(x)", [ALL], np.float32)
    assert (got.view(np.uint32) == ALL << 16).all()
    bits = ROUNDED.view(np.uint32).astype(np.uint64)
    wanted = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint32)
    got = evaluate("bf16_round(x)", [ROUNDED], np.uint32)
    assert ((got == wanted) | (np.isnan(ROUNDED) & np.isnan(as_f32(got << 16)))).all()


# ---- integers


def integers(n=20000):
    a, b = (RNG.integers(-(2**63), 2**63 - 1, n) >> RNG.integers(0, 63, n) for _ in range(2))
    edges = np.array([0, -1, 1, 2**63 - 1, -(2**63), 2**32, -(2**32), 2**31, -(2**31), 2**32 - 1], np.int64)
    x, y = np.meshgrid(edges, edges)
    return np.concatenate([a, x.ravel()]), np.concatenate([b, y.ravel()])


A, B = integers()
D = np.where(B == 0, 7, B)
N = (B & 63).astype(np.int64)


def wrapped(f, *arrays):
    """Python's integers, modulo 2^64."""
    return np.array([(f(*map(int, v)) + 2**63) % 2**64 - 2**63 for v in zip(*arrays)], np.int64)


I64 = {
    "i64_add(x, y)": (A, B, lambda a, b: a + b),
    "i64_sub(x, y)": (A, B, lambda a, b: a - b),
    "i64_mul(x, y)": (A, B, lambda a, b: a * b),
    "i64_neg(x)": (A, B, lambda a, b: -a),
    "i64_abs(x)": (A, B, lambda a, b: abs(a)),
    "i64_sign(x)": (A, B, lambda a, b: (a > 0) - (a < 0)),
    "i64_min(x, y)": (A, B, min),
    "i64_max(x, y)": (A, B, max),
    "i64_and(x, y)": (A, B, lambda a, b: a & b),
    "i64_or(x, y)": (A, B, lambda a, b: a | b),
    "i64_xor(x, y)": (A, B, lambda a, b: a ^ b),
    "i64_not(x)": (A, B, lambda a, b: ~a),
    "i64_shl(x, y.x)": (A, N, lambda a, b: a << b),
    "i64_shr(x, y.x)": (A, N, lambda a, b: a >> b),
    "i64_div_trunc(x, y)": (A, D, lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)),
    "i64_rem(x, y)": (A, D, lambda a, b: abs(a) % abs(b) * (1 if a >= 0 else -1)),
    "i64_pow(x, y)": (A, N, lambda a, b: pow(a, b, 2**64)),
    "i64_from_i32(i64_low(x))": (A, B, lambda a, b: (a + 2**31) % 2**32 - 2**31),
    "vec2<u32>(select(0u, 1u, i64_lt(x, y)), 0u)": (A, B, lambda a, b: a < b),
    "vec2<u32>(select(0u, 1u, i64_eq(x, y)), 0u)": (A, B, lambda a, b: a == b),
    "vec2<u32>(select(0u, 1u, i64_fits_i32(x)), 0u)": (A, B, lambda a, b: -(2**31) <= a < 2**31),
}


@pytest.mark.parametrize("expression", I64)
def test_int64(expression):
    a, b, f = I64[expression]
    got, wanted = evaluate(expression, [a, b], np.int64), wrapped(f, a, b)
    at = np.flatnonzero(got != wanted)
    assert not at.size, f"{expression} of {a[at[0]]} and {b[at[0]]} is {got[at[0]]}, not {wanted[at[0]]}"


def test_int64_and_floats():
    assert (evaluate("i64_to_f32(x)", [A], np.float32) == A.astype(np.float32)).all()
    x = np.concatenate([both(1e-3, 9e18), np.array([0, -0.0, 2.0**62, -(2.0**63)], np.float32)])
    assert (evaluate("i64_from_f32(x)", [x], np.int64) == x.astype(np.int64)).all()
    odd = np.array([INF, -INF, NAN, 1e19, -1e19], np.float32)
    assert (evaluate("i64_from_f32(x)", [odd], np.int64) == -(2**63)).all()


A32, B32 = (v.astype(np.int32) for v in (A, B))
D32 = np.where(B32 == 0, 7, B32).astype(np.int32)
I32 = {
    "i32_div(x, y)": (A32, D32, lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)),
    "i32_rem(x, y)": (A32, D32, lambda a, b: abs(a) % abs(b) * (1 if a >= 0 else -1)),
    "i32_pow(x, y)": (A32, (B32 & 63).astype(np.int32), lambda a, b: pow(a, b, 2**32)),
    "i32_shl(x, y)": (A32, (B32 & 63).astype(np.int32), lambda a, b: a << b if b < 32 else 0),
    "i32_shr(x, y)": (A32, (B32 & 63).astype(np.int32), lambda a, b: a >> min(b, 31)),
}


@pytest.mark.parametrize("expression", I32)
def test_int32(expression):
    a, b, f = I32[expression]
    wanted = ((np.array([f(int(x), int(y)) for x, y in zip(a, b)], object) + 2**31) % 2**32 - 2**31).astype(np.int64)
    if expression in ("i32_div(x, y)", "i32_rem(x, y)"):  # the one quotient that does not fit is the driver's
        keep = ~((a == -(2**31)) & (b == -1))
        a, b, wanted = a[keep], b[keep], wanted[keep]
    got = evaluate(expression, [a, b], np.int32)
    at = np.flatnonzero(got != wanted)
    assert not at.size, f"{expression} of {a[at[0]]} and {b[at[0]]} is {got[at[0]]}, not {wanted[at[0]]}"


# ---- whole kernels


def kernel(op, *parts):
    """The text of the one kernel of `op` that has all parts, which a call before has compiled."""
    found = [text for name, text in _rustgrad._gpu_texts() if name == op and all(part in text for part in parts)]
    assert found, f"no kernel of {op} has {parts}"
    return found[-1]


def test_a_kernel_of_four_neighbours():
    """`tanh` of contiguous floats: what is counted are fours; words are where the result and the operand begin."""
    torch.ones(1024, device="gpu").tanh().cpu()
    x = RNG.normal(size=1000).astype(np.float32)
    plain = "let t1 = rg_tanh(x0);\n    return t1;"
    text = kernel("tanh", "x0: array<vec4<f32>>", "@binding(2) var<storage, read_write> y0: array<vec4<f32>>", plain)
    (out,) = launch(text, [x], [4000], (1, 1, 1), 250, words=[0, 0])
    assert ulps(np.frombuffer(out, np.float32), np.tanh(x.astype(np.float64))).max() <= 3


def test_a_kernel_that_walks():
    """`add` of a matrix and a transposed one: sizes and strides are words. `alpha` is a number."""
    torch.ones(3, 4, device="gpu").add(torch.ones(4, 3, device="gpu").t())
    a, b = RNG.normal(size=(5, 7)).astype(np.float32), RNG.normal(size=(7, 5)).astype(np.float32)
    text = kernel("add", "const DIMS: u32 = 2u", "x0: array<f32>", "x1: array<f32>", "y0: array<f32>")
    # First of the result and of both operands; per dim, fastest first: size, strides.
    words = [0, 0, 0, 7, 1, 1, 5, 5, 7, 7, 1]
    order = re.search(r"place \+= c0", text) is not None
    assert order
    (out,) = launch(text, [a, b], [140], (1, 1, 1), 35, words=words, floats=[1])
    assert (np.frombuffer(out, np.float32).reshape(5, 7) == a + b.T).all()


NARROW = {
    "uint8": ("fn load0(i: u32) -> i32", "& 0xffu) << s"),
    "bool": ("fn load0(i: u32) -> i32", "let b = select(0u, 1u, (v) != 0) << s"),
    "float16": ("f16_unpack((x0", "let b = f16_round(v) << s"),
    "int64": ("x0: array<vec2<u32>>", "y0[i] = v;"),
}


@pytest.mark.parametrize("dtype", NARROW)
def test_a_kernel_of_narrow_elements(dtype):
    """A copy to every third element, which leaves the neighbours in the word alone."""
    kind = np.dtype(dtype)
    torch.zeros(32, dtype=getattr(torch, dtype), device="gpu")[1::3].copy_(
        torch.ones(11, dtype=getattr(torch, dtype), device="gpu")
    )
    text = kernel("copy", "const DIMS: u32 = 1u", "@binding(2)", *NARROW[dtype])
    x = (RNG.integers(0, 2, 21) if dtype == "bool" else RNG.integers(0, 200, 21)).astype(kind)
    size = 64 * kind.itemsize
    (out,) = launch(text, [x], [size], (1, 1, 1), 21, words=[1, 0, 21, 3, 1])
    got = np.frombuffer(out, np.uint8).reshape(64, kind.itemsize)
    wanted = np.full((64, kind.itemsize), 0xA5, np.uint8)
    wanted[1:64:3][:21] = x.view(np.uint8).reshape(21, kind.itemsize)
    assert (got == wanted).all()
