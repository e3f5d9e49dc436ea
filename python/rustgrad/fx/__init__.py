"""`torch.fx`: programs cannot be traced yet, so that every call raises a clear error. Classes can be derived from."""

from .._names import lookup as _lookup
from ..nn import Module

__all__ = [
    "Graph",
    "GraphModule",
    "Interpreter",
    "Node",
    "Proxy",
    "Tracer",
    "Transformer",
    "has_side_effect",
    "map_arg",
    "replace_pattern",
    "symbolic_trace",
    "wrap",
]

# What is here only to raise a clear error.
_LACKS = frozenset(
    "Graph GraphModule Interpreter Node Proxy Tracer Transformer map_arg replace_pattern symbolic_trace".split()
)


def _refuse(what: str):
    raise NotImplementedError(
        f"torch.fx.{what}: rustgrad does not trace programs symbolically yet\n"
        "hint: forward hooks see a module's calls: module.register_forward_hook(hook)"
    )


def symbolic_trace(root, concrete_args=None):
    """Raises NotImplementedError."""
    _refuse("symbolic_trace")


def replace_pattern(gm, pattern, replacement):
    """Raises NotImplementedError."""
    _refuse("replace_pattern")


def map_arg(a, fn):
    """Raises NotImplementedError."""
    _refuse("map_arg")


def wrap(fn_or_name):
    """`fn_or_name` itself: a function that a tracer would not look into."""
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    return fn_or_name


def has_side_effect(fn):
    """`fn` itself."""
    return fn


class Graph:
    """A traced program: raises NotImplementedError."""

    def __init__(self, *args, **kwargs):
        _refuse("Graph")


class Node:
    """A call in a traced program: raises NotImplementedError."""

    def __init__(self, *args, **kwargs):
        _refuse("Node")


class Proxy:
    """A value in a program that is traced: raises NotImplementedError."""

    def __init__(self, *args, **kwargs):
        _refuse("Proxy")


class Tracer:
    """What traces programs: `trace` raises NotImplementedError."""

    def __init__(self, autowrap_modules=(), autowrap_functions=(), param_shapes_constant=False):
        self.autowrap_modules = autowrap_modules

    def is_leaf_module(self, m, module_qualified_name) -> bool:
        """Whether a module is called as a whole: those of `nn` are."""
        return type(m).__module__.split(".")[1:2] == ["nn"] and not isinstance(m, _sequential())

    def trace(self, root, concrete_args=None):
        """Raises NotImplementedError."""
        _refuse("Tracer.trace")


def _sequential():
    from ..nn import Sequential

    return Sequential


class GraphModule(Module):
    """A module made of a traced program: raises NotImplementedError."""

    def __init__(self, *args, **kwargs):
        _refuse("GraphModule")


class Interpreter:
    """Runs a traced program call by call: raises NotImplementedError."""

    def __init__(self, *args, **kwargs):
        _refuse("Interpreter")


class Transformer(Interpreter):
    """Makes a traced program into another: raises NotImplementedError."""


__getattr__ = _lookup("torch.fx")
