"""`__torch_function__`: classes that take over calls of ops that have an instance of theirs among the arguments, and
modes that take over all calls of a block. The extension asks `_take_over` once such a class is defined or a mode
entered.
"""

import sys

from . import _rustgrad
from ._names import lookup as _lookup
from ._rustgrad import Tensor
from ._rustgrad.torch import _disable_overrides, _expect_overrides

__all__ = [
    "TorchFunctionMode",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "resolve_name",
    "wrap_torch_function",
]

_modes: list["TorchFunctionMode"] = []


class DisableTorchFunctionSubclass:
    """A `with` block in which calls go to the ops themselves."""

    def __enter__(self):
        _disable_overrides(1)

    def __exit__(self, *_):
        _disable_overrides(-1)
        return False


DisableTorchFunction = DisableTorchFunctionSubclass


class _Disabled:
    """What a class has as `__torch_function__` that takes no part: the op itself is called."""

    def __call__(self, func, types, args=(), kwargs=None):
        with DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))


_disabled_torch_function_impl = _Disabled()


def _classes(values) -> list:
    """The arguments of different classes that take part, subclasses before their bases."""
    found: list = []
    for value in values:
        for one in value if type(value) in (list, tuple) else (value,):
            kind = type(one)
            part = getattr(kind, "__torch_function__", None)
            if part is None or part is _disabled_torch_function_impl or kind is Tensor:
                continue
            if any(type(other) is kind for other in found):
                continue
            place = next((i for i, other in enumerate(found) if issubclass(kind, type(other))), len(found))
            found.insert(place, one)
    return found


def _take_over(place: str, name: str, args: tuple, kwargs: dict):
    """The result, in a tuple, of a mode or of the first class that has one; None where none takes part."""
    func = getattr(Tensor if place == "Tensor" else sys.modules[f"{_rustgrad.__name__}.{place}"], name)
    return _asked(func, args, kwargs)


def _asked(func, args, kwargs):
    found = _classes([*args, *kwargs.values()])
    kinds = tuple(type(one) for one in found)
    if _modes:
        mode = _modes.pop()
        _expect_overrides(mode=bool(_modes))
        try:
            result = mode.__torch_function__(func, kinds, args, kwargs)
        finally:
            _modes.append(mode)
            _expect_overrides(mode=True)
        if result is not NotImplemented:
            return (result,)
    if not found:
        return None
    for one in found:
        result = type(one).__torch_function__(func, kinds, args, kwargs)
        if result is not NotImplemented:
            return (result,)
    raise TypeError(
        f"no implementation found for '{resolve_name(func)}' on types that implement __torch_function__: {list(kinds)}"
    )


def _converted(value, cls):
    """`value` with its plain tensors as instances of `cls`."""
    if isinstance(value, Tensor):
        return value if cls is Tensor or isinstance(value, cls) else value.as_subclass(cls)
    if type(value) in (tuple, list):
        return type(value)(_converted(one, cls) for one in value)
    if isinstance(value, tuple) and hasattr(type(value), "n_fields"):
        return type(value)([_converted(one, cls) for one in value])
    return value


def _torch_function(cls, func, types, args=(), kwargs=None):
    """What subclasses do that do not say otherwise: the op itself, whose tensors become instances of the subclass."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        return _converted(func(*args, **(kwargs or {})), cls)


def is_tensor_like(inp) -> bool:
    """Whether `inp` is a tensor, or of a class that has `__torch_function__`."""
    return isinstance(inp, Tensor) or hasattr(type(inp), "__torch_function__")


def has_torch_function(relevant_args) -> bool:
    """Whether the class of one of the arguments, or a mode, takes over calls."""
    return bool(_modes) or bool(_classes(relevant_args))


def has_torch_function_unary(obj) -> bool:
    """`has_torch_function` of one argument."""
    return has_torch_function((obj,))


def has_torch_function_variadic(*args) -> bool:
    """`has_torch_function` of the arguments."""
    return has_torch_function(args)


def handle_torch_function(public_api, relevant_args, *args, **kwargs):
    """The result of `__torch_function__` of a mode or of the first of `relevant_args` that has it.

    Raises TypeError where none has, or where all return NotImplemented.
    """
    found = _classes(relevant_args)
    kinds = tuple(type(one) for one in found)
    for one in [*_modes[-1:], *found]:
        owner = one if one in _modes else type(one)
        result = owner.__torch_function__(public_api, kinds, args, kwargs)
        if result is not NotImplemented:
            return result
    raise TypeError(
        f"no implementation found for '{resolve_name(public_api)}' on types that implement __torch_function__: "
        f"{list(kinds)}"
    )


def wrap_torch_function(dispatcher):
    """A decorator: the function first asks those arguments that `dispatcher` returns for `__torch_function__`."""
    from functools import wraps

    def decorate(fn):
        @wraps(fn)
        def wrapped(*args, **kwargs):
            relevant = dispatcher(*args, **kwargs)
            if any(hasattr(type(x), "__torch_function__") for x in relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return fn(*args, **kwargs)

        return wrapped

    return decorate


def resolve_name(f) -> str:
    """The dotted name of a function or method."""
    if hasattr(f, "__objclass__"):
        return f"{f.__objclass__.__module__}.{f.__qualname__}"
    return f"{f.__module__}.{getattr(f, '__qualname__', f.__name__)}"


def is_tensor_method_or_property(func) -> bool:
    """Whether `func` is a method of Tensor, or reads one of its attributes."""
    return getattr(Tensor, getattr(func, "__name__", ""), None) is func or getattr(func, "__name__", "") == "__get__"


class TorchFunctionMode:
    """A `with` block that takes over calls of ops: `__torch_function__(self, func, types, args, kwargs)` is called
    for each.

    Inside that method the mode is off.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        raise NotImplementedError("a TorchFunctionMode defines __torch_function__")

    def __enter__(self):
        _modes.append(self)
        _expect_overrides(mode=True)
        return self

    def __exit__(self, *_):
        _modes.pop()
        _expect_overrides(mode=bool(_modes))
        return False


__getattr__ = _lookup("torch.overrides")
