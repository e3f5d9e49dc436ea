"""The package that finds a good order for `einsum`: whether it is there, and whether it would be asked."""

from functools import cache
from importlib import import_module

from .._names import lookup as _lookup

__all__ = ["get_opt_einsum", "is_available"]


@cache
def get_opt_einsum():
    """The package, or None where it is not installed."""
    try:
        return import_module("opt_einsum")
    except ImportError:
        return None


def is_available() -> bool:
    """Whether the package is installed."""
    return get_opt_einsum() is not None


def __getattr__(name: str):
    if name == "enabled":
        return is_available()
    if name == "strategy":
        return "auto" if is_available() else None
    return _missing(name)


_missing = _lookup("torch.backends.opt_einsum")
