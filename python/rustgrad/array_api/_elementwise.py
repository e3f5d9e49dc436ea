"""Functions of each element: tables of the standard's names with PyTorch's, then the few that differ by more."""

import rustgrad as torch

from ._dtypes import of, together

_UNARY = (
    "abs acos acosh asin asinh atan atanh bitwise_invert:bitwise_not ceil conj cos cosh exp expm1 floor isfinite "
    "isinf isnan log log10 log1p log2 logical_not negative positive real reciprocal signbit sin sinh sqrt square tan "
    "tanh trunc"
)
_BINARY = (
    "add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign divide equal:eq "
    "greater:gt greater_equal:ge hypot less:lt less_equal:le logaddexp logical_and logical_or logical_xor maximum "
    "minimum multiply nextafter not_equal:ne pow subtract"
)

__all__ = ["clip", "floor_divide", "imag", "remainder", "round", "sign"]


def _unary(op):
    def call(x, /):
        return op(x)

    return call, f"`{op.__name__}` of PyTorch, of each element."


def _binary(op):
    def call(x1, x2, /):
        return op(*together(x1, x2))

    return call, f"`{op.__name__}` of PyTorch, of elements that meet, in the dtype both operands promote to."


for _make, _table in ((_unary, _UNARY), (_binary, _BINARY)):
    for _entry in _table.split():
        _name, _, _theirs = _entry.partition(":")
        _call, _call.__doc__ = _make(getattr(torch, _theirs or _name))
        _call.__name__ = _call.__qualname__ = _name
        globals()[_name] = _call
        __all__.append(_name)  # pyright: ignore[reportUnsupportedDunderAll]


def clip(x, /, min=None, max=None):
    """`x` held between bounds, numbers or arrays, in its own dtype."""
    if min is None and max is None:
        return x.clone()
    low, high = (None if bound is None else of(bound, x.dtype, x) for bound in (min, max))
    return torch.clamp(x, low, high)


def floor_divide(x1, x2, /):
    """The quotient rounded down; by and of infinity as the standard asks, where PyTorch has NaN or -1."""
    x1, x2 = together(x1, x2)
    out = torch.floor_divide(x1, x2)
    if not out.is_floating_point():
        return out
    return torch.where(torch.isinf(x1) | torch.isinf(x2), torch.floor(x1 / x2), out)


def imag(x, /):
    """Imaginary parts: zeros for real numbers."""
    return torch.imag(x) if x.is_complex() else torch.zeros_like(x)


def remainder(x1, x2, /):
    """The remainder that `floor_divide` leaves, with the sign of `x2`; zeros have it too."""
    x1, x2 = together(x1, x2)
    out = torch.remainder(x1, x2)
    return torch.where(out == 0, torch.copysign(out, x2), out) if out.is_floating_point() else out


def round(x, /):
    """The nearest integer, the even one of two; complex numbers by their parts."""
    return torch.complex(torch.round(x.real), torch.round(x.imag)) if x.is_complex() else torch.round(x)


def sign(x, /):
    """-1, 0 or 1; z / |z| of complex numbers; NaN of NaN, where PyTorch has 0."""
    return torch.where(torch.isnan(x), x, torch.sgn(x)) if x.is_floating_point() else torch.sgn(x)
