"""`sym_int` and kin: functions of sizes that PyTorch may trace as symbols. Here sizes are numbers."""

from math import ceil, floor
from math import sqrt as _sqrt

__all__ = [
    "SymBool",
    "SymFloat",
    "SymInt",
    "sym_float",
    "sym_int",
    "sym_ite",
    "sym_max",
    "sym_min",
    "sym_not",
    "sym_sqrt",
    "sym_sum",
]


class _Symbol:
    def __init__(self, node):
        raise NotImplementedError(f"{type(self).__name__}: rustgrad does not trace sizes as symbols")


class SymInt(_Symbol):
    """A class for `isinstance`: nothing is traced, so that no size is one."""


class SymFloat(_Symbol):
    """A class for `isinstance`, of which there are no instances."""


class SymBool(_Symbol):
    """A class for `isinstance`, of which there are no instances."""


def sym_int(a) -> int:
    """`a` cut towards zero."""
    return floor(a) if a >= 0 else ceil(a)


def sym_float(a) -> float:
    """`a` as a float."""
    return float(a)


def sym_max(a, b):
    """The larger of both: a float where either is."""
    return max(float(a), float(b)) if isinstance(a, float) or isinstance(b, float) else max(a, b)


def sym_min(a, b):
    """The smaller of both: a float where either is."""
    return min(float(a), float(b)) if isinstance(a, float) or isinstance(b, float) else min(a, b)


def sym_not(a) -> bool:
    """`not a`."""
    return not a


def sym_ite(b: bool, t, f):
    """`t` if `b`, else `f`."""
    return t if b else f


def sym_sum(args):
    """The sum of a list."""
    return sum(args)


def sym_sqrt(a) -> float:
    """The square root."""
    return _sqrt(a)
