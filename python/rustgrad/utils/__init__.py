"""Helpers around the library: data loading, TensorBoard's files, drawings of the graph, handles of hooks."""

from .._names import lookup as _lookup
from . import hooks

__all__ = ["hooks"]

_MODULES = frozenset(
    "checkpoint collect_env cpp_extension data deterministic flop_counter module_tracker tensorboard".split()
)


def __getattr__(name: str):
    if name in _MODULES:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    if name == "draw":
        from .graphviz import draw

        return draw
    return _lookup("torch.utils")(name)


def __dir__():
    return sorted({*globals(), "draw", *_MODULES})
