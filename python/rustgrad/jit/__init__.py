"""TorchScript's names. Nothing is compiled: `script` and `trace` give back what they got, which computes the same.

Files of TorchScript are neither written nor read.
"""

import builtins
from collections import namedtuple
from typing import Final, Union, get_args, get_origin

from .._names import lookup as _lookup
from .._rustgrad import Tensor
from ..futures import Future
from ..nn import Module

__all__ = [
    "Attribute",
    "Error",
    "Final",
    "Future",
    "ScriptFunction",
    "ScriptModule",
    "TracerWarning",
    "annotate",
    "enable_onednn_fusion",
    "export",
    "fork",
    "freeze",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "onednn_fusion_enabled",
    "optimize_for_inference",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "set_fusion_strategy",
    "strict_fusion",
    "trace",
    "trace_module",
    "unused",
    "wait",
]

_LACKS = frozenset({"load", "save", "ScriptFunction"})  # what is here only to raise a clear error

Attribute = namedtuple("Attribute", ["value", "type"])


class TracerWarning(Warning):
    """What PyTorch warns of when a trace may be wrong. Nothing here warns of it."""


class Error(RuntimeError):
    """What TorchScript raises when a compiled program fails. Nothing here raises it."""


class ScriptModule(Module):
    """A module. In PyTorch its methods are compiled; here they run as they are."""


class ScriptFunction:
    """The type of PyTorch's compiled functions. `script` gives functions back as they are: nothing is of this type."""

    def __init__(self, *args, **kwargs):
        raise RuntimeError("ScriptFunction: rustgrad does not compile TorchScript\nhint: use the function itself")


def script(obj, optimize=None, _frames_up=0, _rcb=None, example_inputs=None):
    """`obj` itself: a function, a module or a class. It runs as it is.

    Raises RuntimeError for anything else.
    """
    if not callable(obj) and not builtins.isinstance(obj, (list, dict)):
        raise RuntimeError(f"script: expected a function, a module or a class, but got {type(obj).__name__}")
    return obj


def trace(
    func,
    example_inputs=None,
    optimize=None,
    check_trace=True,
    check_inputs=None,
    check_tolerance=1e-5,
    strict=True,
    _force_outplace=False,
    _module_class=None,
    _compilation_unit=None,
    example_kwarg_inputs=None,
    _store_inputs=True,
):
    """`func` itself: it runs as it is, on inputs of any shape.

    As in PyTorch it is called with the example inputs, a tensor or a tuple: errors come here, and what it draws is
    drawn. Raises RuntimeError where it cannot be called, or gives other things than tensors in lists, tuples and dicts.
    """
    if not callable(func):
        raise RuntimeError(f"trace: expected a function or a module, but got {type(func).__name__}")
    if example_kwarg_inputs is not None:
        _check_traced(func(**example_kwarg_inputs))
        return func
    one = builtins.isinstance(example_inputs, (Tensor, dict))
    inputs: tuple = (example_inputs,) if one else tuple(example_inputs)  # pyright: ignore[reportArgumentType]
    _check_traced(func(*inputs))
    return func


def _check_traced(result) -> None:
    if result is None:
        raise RuntimeError(
            "The traced function didn't return any values! Side-effects are not captured in traces, so it would be a "
            "no-op."
        )

    def whole(x) -> bool:
        if builtins.isinstance(x, (list, tuple)):
            return all(map(whole, x))
        return builtins.isinstance(x, Tensor) or (builtins.isinstance(x, dict) and all(map(whole, x.values())))

    if not whole(result):
        raise RuntimeError(
            "Only tensors, lists, tuples of tensors, or dictionary of tensors can be output from traced functions"
        )


def trace_module(mod, inputs, *args, **kwargs):
    """`mod` itself, after a call of each method that `inputs` names, with these inputs."""
    for name, given in inputs.items():
        method = mod if name == "forward" else getattr(mod, name)
        _check_traced(method(*given) if builtins.isinstance(given, tuple) else method(given))
    return mod


def script_if_tracing(fn):
    """`fn` itself."""
    return fn


# Names that packages such as torchvision use. The overloads of a function are hints for a compiler.
_script_if_tracing = _overload = _overload_method = script_if_tracing


def _unwrap_optional(x):
    """`x`, which is not None."""
    assert x is not None, "Unwrapping null optional"
    return x


def script_method(fn):
    """`fn` itself."""
    return fn


def is_scripting() -> bool:
    """False: nothing is being compiled."""
    return False


def is_tracing() -> bool:
    """False: nothing is being traced."""
    return False


def ignore(drop=False, **kwargs):
    """Mark a function that a compiler should leave alone: `@ignore`, `@ignore()`, `@ignore(drop=True)`. No change."""
    return drop if callable(drop) else lambda fn: fn


def unused(fn):
    """`fn` itself."""
    return fn


def export(fn):
    """`fn` itself."""
    return fn


def interface(obj):
    """The class itself."""
    return obj


def annotate(the_type, the_value):
    """`the_value`: the type is for a compiler."""
    return the_value


def isinstance(obj, target_type) -> bool:
    """Whether `obj` is of a type, the items of containers included: `isinstance([1], list[int])`."""
    if builtins.isinstance(target_type, tuple):
        return any(isinstance(obj, one) for one in target_type)
    origin, arguments = get_origin(target_type), get_args(target_type)
    if origin is None:
        return builtins.isinstance(obj, type(None) if target_type is None else target_type)
    if origin is Union or origin.__name__ == "UnionType":
        return any(isinstance(obj, one) for one in arguments)
    if not builtins.isinstance(obj, origin):
        return False
    if origin is dict:
        key, value = arguments
        return all(isinstance(k, key) and isinstance(v, value) for k, v in obj.items())
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is ...:
            return all(isinstance(item, arguments[0]) for item in obj)
        return len(obj) == len(arguments) and all(isinstance(item, one) for item, one in zip(obj, arguments))
    return all(isinstance(item, arguments[0]) for item in obj)


def fork(func, *args, **kwargs) -> Future:
    """Call `func` now, and return a Future that holds its result, or its error."""
    future = Future()
    try:
        future.set_result(func(*args, **kwargs))
    except Exception as error:
        future.set_exception(error)
    return future


def wait(future):
    """The result of a Future; raises its error."""
    return future.wait()


def freeze(mod, preserved_attrs=None, optimize_numerics=True):
    """`mod` itself. Raises RuntimeError for a module in training mode, as PyTorch does."""
    if getattr(mod, "training", False):
        raise RuntimeError("Freezing is currently only implemented for modules in eval mode.")
    return mod


def optimize_for_inference(mod, other_methods=None):
    """`mod` itself."""
    return mod


def set_fusion_strategy(strategy):
    """How a compiler would fuse: there is none. Returns the strategy of before, empty."""
    return []


_onednn = False


def enable_onednn_fusion(enabled: bool) -> None:
    """Recorded only."""
    global _onednn
    _onednn = bool(enabled)


def onednn_fusion_enabled() -> bool:
    """What `enable_onednn_fusion` was told last."""
    return _onednn


class strict_fusion:
    """A `with` block in which a compiler would have to fuse everything. Nothing is compiled."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


def save(m, f, _extra_files=None) -> None:
    """Raises NotImplementedError: files of TorchScript hold compiled programs."""
    raise NotImplementedError(
        "torch.jit.save: rustgrad does not compile TorchScript and cannot write its files\n"
        "hint: save the state dict, torch.save(module.state_dict(), f)"
    )


def load(f, map_location=None, _extra_files=None, _restore_shapes=False):
    """Raises NotImplementedError: files of TorchScript hold compiled programs."""
    raise NotImplementedError(
        "torch.jit.load: rustgrad cannot run the compiled programs in TorchScript files\n"
        "hint: build the module in Python and load a state dict"
    )


__getattr__ = _lookup("torch.jit")
