"""What numbers each dtype can hold: `finfo` and `iinfo`."""

from ._rustgrad import _library, dtype, get_default_dtype

__all__ = ["finfo", "iinfo"]

# Bits, and of these the mantissa's; the smallest exponent of a normal number; the resolution PyTorch states.
_FLOATS = {
    "float16": (16, 10, -14, 1e-3),
    "bfloat16": (16, 7, -126, 1e-2),
    "float32": (32, 23, -126, 1e-6),
    "float64": (64, 52, -1022, 1e-15),
}
# The same and the maximum of formats of eight bits, which have no infinities or other places for them. No tensor is of
# these dtypes, but libraries ask for their limits.
_BYTES = {
    "float8_e4m3fn": (8, 3, -6, 1.0, 448.0),
    "float8_e4m3fnuz": (8, 3, -7, 1.0, 240.0),
    "float8_e5m2": (8, 2, -14, 1.0, 57344.0),
    "float8_e5m2fnuz": (8, 3, -15, 1.0, 57344.0),  # PyTorch says 1/8 of its epsilon, with two bits of mantissa
    "float8_e8m0fnu": (8, 0, -127, 1.0, 2.0**127),
}
_INTS = {f"{'u' * (not signed)}int{bits}": (bits, signed) for bits in (8, 16, 32, 64) for signed in (True, False)}


def _name(what: str, kind) -> str:
    if not isinstance(kind, dtype):
        raise TypeError(f"{what}(): argument 'type' (position 1) must be {_library()}.dtype, not {type(kind).__name__}")
    return str(kind).rpartition(".")[2]


class _Limits:
    dtype: str

    def __eq__(self, other):
        return type(self) is type(other) and self.dtype == other.dtype

    def __hash__(self):
        return hash((type(self), self.dtype))


class finfo(_Limits):
    """Limits of a floating point dtype, or of a complex one's parts.

    Attributes: bits, eps, max, min, tiny, smallest_normal, resolution, dtype (a name).
    """

    def __init__(self, type=None) -> None:
        self.dtype = _name("finfo", get_default_dtype() if type is None else type)
        if self.dtype.startswith("complex"):  # the limits of its parts
            self.dtype = f"float{int(self.dtype.removeprefix('complex')) // 2}"
        if self.dtype in _BYTES:
            self.bits, mantissa, lowest, self.resolution, self.max = _BYTES[self.dtype]
        elif self.dtype in _FLOATS:
            self.bits, mantissa, lowest, self.resolution = _FLOATS[self.dtype]
            self.max = (2 - 2.0**-mantissa) * 2.0 ** (1 - lowest)
        else:
            raise TypeError(
                f"{_library()}.finfo() requires a floating point input type. Use {_library()}.iinfo to handle "
                f"'{_library()}.finfo'"
            )
        self.eps = 2.0**-mantissa
        self.tiny = self.smallest_normal = 2.0**lowest
        self.min = self.tiny if self.dtype == "float8_e8m0fnu" else -self.max  # which has no sign

    def __repr__(self):
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo(_Limits):
    """Limits of an integer dtype: bits, min, max, dtype."""

    def __init__(self, type) -> None:
        self.dtype = _name("iinfo", type)
        if self.dtype in _FLOATS or self.dtype.startswith("complex"):
            raise TypeError(
                f"{_library()}.iinfo() requires an integer input type. Use {_library()}.finfo to handle "
                f"'{_library()}.iinfo'"
            )
        if self.dtype not in _INTS:
            raise TypeError(f"{_library()}.{self.dtype} is not supported by {_library()}.iinfo")
        self.bits, signed = _INTS[self.dtype]
        self.min = -(2 ** (self.bits - 1)) if signed else 0
        self.max = 2 ** (self.bits - signed) - 1

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
