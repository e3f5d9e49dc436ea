"""What older programs take from inside TorchScript: type hints, and marks of functions that are not compiled here."""

from typing import Any, Callable, Dict, Final, List, Optional, Tuple, Union  # noqa: UP035 - programs take them from here

from ._names import lookup as _lookup
from .futures import Future
from .jit import _overload as _overload
from .jit import _overload_method as _overload_method
from .jit import export, ignore, is_scripting, unused
from .jit.annotations import BroadcastingList1, BroadcastingList2, BroadcastingList3

__all__ = [
    "Any",
    "BroadcastingList1",
    "BroadcastingList2",
    "BroadcastingList3",
    "Callable",
    "Dict",
    "Final",
    "Future",
    "List",
    "Optional",
    "Tuple",
    "Union",
    "boolean_dispatch",
    "export",
    "ignore",
    "is_scripting",
    "unused",
]


def boolean_dispatch(arg_name, arg_index, default, if_true, if_false, module_name, func_name):
    """A function that calls `if_true` or `if_false`, by the argument `arg_name`, which stands at `arg_index`."""

    def fn(*args, **kwargs):
        chosen = kwargs[arg_name] if arg_name in kwargs else args[arg_index] if arg_index < len(args) else default
        return (if_true if chosen else if_false)(*args, **kwargs)

    fn.__doc__ = if_true.__doc__ or if_false.__doc__
    fn.__module__ = module_name or fn.__module__
    fn.__name__ = func_name or fn.__name__
    return fn


_copy_to_script_wrapper = _overload  # as these marks do, it gives back the function

__getattr__ = _lookup("torch._jit_internal")
