"""Names of PyTorch's compiler that programs call directly. Nothing is compiled: see `rustgrad.compiler`."""

from .._names import lookup as _lookup
from ..compiler import allow_in_graph, assume_constant_result, disable, is_compiling, list_backends, reset
from ..nn import Module
from . import config

__all__ = [
    "OptimizedModule",
    "allow_in_graph",
    "assume_constant_result",
    "config",
    "disable",
    "disallow_in_graph",
    "explain",
    "graph_break",
    "is_compiling",
    "list_backends",
    "mark_dynamic",
    "mark_static",
    "mark_static_address",
    "maybe_mark_dynamic",
    "optimize",
    "reset",
    "run",
]


class OptimizedModule(Module):
    """A class for `isinstance`: `torch.compile` gives a module back as it is. Raises NotImplementedError."""

    def __init__(self, mod, dynamo_ctx=None):
        raise NotImplementedError("OptimizedModule: rustgrad does not wrap modules\nhint: use torch.compile(module)")


def optimize(backend="inductor", *args, **kwargs):
    """A decorator that gives its function back."""
    return lambda fn: fn


def run(fn=None):
    """`fn` itself."""
    return (lambda fn: fn) if fn is None else fn


def disallow_in_graph(fn):
    """`fn` itself."""
    return fn


def graph_break(msg: str = "") -> None:
    """There is no graph to break."""


def mark_dynamic(t, index, *, hint_override=None, min=None, max=None, specialize_on=None) -> None:
    """Sizes are never compiled in."""


def maybe_mark_dynamic(t, index) -> None:
    """Sizes are never compiled in."""


def mark_static(t, index=None) -> None:
    """Sizes are never compiled in."""


def mark_static_address(t, guard=False) -> None:
    """Addresses are never compiled in."""


def explain(f, *extra_args, **extra_kwargs):
    """Raises NotImplementedError: there is no graph to explain."""
    raise NotImplementedError("torch._dynamo.explain: rustgrad does not capture programs yet")


__getattr__ = _lookup("torch._dynamo")
