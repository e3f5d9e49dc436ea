"""Helpers around the library: data loading, handles of hooks."""

from . import hooks

__all__ = ["hooks"]


def __getattr__(name: str):
    if name == "data":
        from importlib import import_module

        return import_module(f"{__name__}.data")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
