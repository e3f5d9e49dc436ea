"""Helpers around the library: data loading, handles of hooks."""

from .._names import lookup as _lookup
from . import hooks

__all__ = ["hooks"]

__getattr__ = _lookup("torch.utils")
