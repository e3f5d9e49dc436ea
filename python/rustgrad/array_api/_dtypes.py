"""Dtypes of the standard, what can become of them, and operands brought to one dtype."""

import builtins
from collections import namedtuple
from functools import reduce

import rustgrad as torch

from .._rustgrad import (
    Tensor,
    bool,
    complex64,
    complex128,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)

SIGNED = {"int8": int8, "int16": int16, "int32": int32, "int64": int64}
UNSIGNED = {"uint8": uint8, "uint16": uint16, "uint32": uint32, "uint64": uint64}
REAL = {"float32": float32, "float64": float64}
COMPLEX = {"complex64": complex64, "complex128": complex128}
KINDS = {
    "bool": {"bool": bool},
    "signed integer": SIGNED,
    "unsigned integer": UNSIGNED,
    "integral": SIGNED | UNSIGNED,
    "real floating": REAL,
    "complex floating": COMPLEX,
    "numeric": SIGNED | UNSIGNED | REAL | COMPLEX,
}

__all__ = [
    "astype", "bool", "can_cast", "complex128", "complex64", "finfo", "float32", "float64", "iinfo", "int16", "int32",
    "int64", "int8", "isdtype", "result_type", "uint16", "uint32", "uint64", "uint8",
]  # fmt: skip

_Finfo = namedtuple("finfo", "bits eps max min smallest_normal dtype")
_Iinfo = namedtuple("iinfo", "bits max min dtype")
_NUMBERS = {builtins.bool: 0, int: 1, float: 2, complex: 3}  # the kinds of Python's numbers, in order


def astype(x, dtype, /, *, copy=True, device=None):
    """`x` in a dtype, on a device; `x` itself only with `copy=False`. Raises TypeError from complex to real numbers."""
    if x.is_complex() and dtype is not bool and not dtype.is_complex:
        raise TypeError(f"astype: {x.dtype} to {dtype} would drop imaginary parts\nhint: take xp.real(x) first")
    return x.to(device=x.device if device is None else device, dtype=dtype, copy=copy)


def can_cast(from_, to, /):
    """Whether a dtype, or an array's, promotes to the dtype `to` beside it."""
    try:
        return result_type(from_, to) == to
    except (TypeError, RuntimeError):
        return False


def finfo(type, /):
    """Limits of a floating dtype, or of an array's; of a complex one's parts."""
    it = torch.finfo(_dtype(type))
    return _Finfo(it.bits, it.eps, it.max, it.min, it.smallest_normal, getattr(torch, it.dtype))


def iinfo(type, /):
    """Limits of an integer dtype, or of an array's."""
    it = torch.iinfo(_dtype(type))
    return _Iinfo(it.bits, it.max, it.min, getattr(torch, it.dtype))


def isdtype(dtype, kind):
    """Whether a dtype is another, of a kind (such as "real floating"), or one of a tuple of both."""
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise ValueError(f"isdtype: unknown kind {kind!r}\nhint: kinds are {', '.join(KINDS)}")
        return dtype in KINDS[kind].values()
    return dtype == kind


def result_type(*arrays_and_dtypes):
    """The dtype that arrays, dtypes and Python's numbers promote to; numbers count by their kind only."""
    numbers = [_NUMBERS[type(x)] for x in arrays_and_dtypes if type(x) in _NUMBERS]
    dtypes = [_dtype(x) for x in arrays_and_dtypes if type(x) not in _NUMBERS]
    if not dtypes:
        raise ValueError("result_type: numbers alone have no dtype\nhint: at least one array or dtype is needed")
    out = reduce(_promoted, dtypes)
    if max(numbers, default=0) > _rank(out):
        default = torch.get_default_dtype()
        least = (bool, int64, default, default.to_complex())[max(numbers)]
        return torch.promote_types(out, least)
    return out


def _dtype(x):
    return x.dtype if isinstance(x, Tensor) else x


def _rank(dtype) -> int:
    return 3 if dtype.is_complex else 2 if dtype.is_floating_point else 0 if dtype is bool else 1


def _promoted(a, b):
    """The dtype of two: PyTorch's lattice, which leaves out the wide unsigned ones."""
    if a == b:
        return a
    if {a, b} & {uint16, uint32, uint64} and _rank(a) == _rank(b) == 1:
        a, b = sorted((a, b), key=lambda d: (d in UNSIGNED.values(), d.itemsize))  # the signed first, then the widest
        if a in UNSIGNED.values():
            return b
        if b is not uint64:
            return SIGNED[f"int{8 * max(a.itemsize, 2 * b.itemsize)}"]
    return torch.promote_types(a, b)


def of(x, dtype, like):
    """An array or number as an array of a dtype on the device of `like`."""
    return x.to(dtype) if isinstance(x, Tensor) else torch.tensor(x, dtype=dtype, device=like.device)


def together(*operands):
    """Arrays and numbers as arrays of the dtype they promote to."""
    dtype = result_type(*operands)
    like = next(x for x in operands if isinstance(x, Tensor))
    return [of(x, dtype, like) for x in operands]
