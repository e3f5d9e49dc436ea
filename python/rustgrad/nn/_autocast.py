"""Autocast for functions that are written in Python with other ops: it acts on the function as a whole."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from .._rustgrad import Tensor, float32, float64
from .._rustgrad.torch import _autocast_active, _autocast_dtype, _autocast_enabled, _suspend_autocast

__all__ = ["cast_lower", "cast_to_float32", "left_alone"]

F = TypeVar("F", bound=Callable[..., Any])


def _under(policy):
    """A decorator: where autocast is on, `policy(dtype)` says to which dtype the floats among the arguments go."""

    def decorate(fn: F) -> F:
        @wraps(fn)
        def under_autocast(*args, **kwargs):
            if not _autocast_active():
                return fn(*args, **kwargs)
            first = next((x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)), None)
            device = 0 if first is None or first.is_cpu else 1
            to = policy(_autocast_dtype(device)) if _autocast_enabled(device) else None
            if to is not None:
                args = [_cast(x, to) for x in args]
                kwargs = {name: _cast(x, to) for name, x in kwargs.items()}
            before = _suspend_autocast(True)
            try:
                return fn(*args, **kwargs)
            finally:
                _suspend_autocast(before)

        return under_autocast  # pyright: ignore[reportReturnType]

    return decorate


def _cast(x, to):
    eligible = isinstance(x, Tensor) and x.is_floating_point() and x.dtype not in (to, float64)
    return x.to(to) if eligible else x


cast_lower = _under(lambda lower: lower)
cast_to_float32 = _under(lambda lower: float32)
left_alone = _under(lambda lower: None)
