"""`__torch_function__`: classes that take over calls of ops that have an instance of theirs among the arguments, and
modes that take over all calls of a block. The extension asks `_take_over` once such a class is defined or a mode
entered, and those functions of `nn.functional` that are written in Python ask for themselves (`overridable`).
"""

import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

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


F = TypeVar("F", bound=Callable[..., Any])


class _Modes(threading.local):
    """The modes that are open in this thread, the innermost last."""

    def __init__(self):
        self.open: list[TorchFunctionMode] = []


_here = _Modes()
_there: list[str] = []  # the names of classes that take part, of any thread


class DisableTorchFunctionSubclass:
    """A `with` block in which no class is asked, and in which results of ops are plain tensors."""

    def __enter__(self):
        _disable_overrides(1)

    def __exit__(self, *_):
        _disable_overrides(-1)
        return False


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """A `with` block in which neither classes nor modes are asked."""

    def __enter__(self):
        super().__enter__()
        self._modes, _here.open = _here.open, []
        _expect_overrides(mode=False)

    def __exit__(self, *exception):
        _here.open = self._modes
        _expect_overrides(mode=bool(_here.open))
        return super().__exit__(*exception)


class _Disabled:
    """What a class has as `__torch_function__` that takes no part: the op itself is called."""

    _takes_no_part = True

    def __call__(self, func, types, args=(), kwargs=None):
        with DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))


_disabled_torch_function_impl = _Disabled()


def _own(kind: type) -> bool:
    """Whether a class has a `__torch_function__` that is neither Tensor's nor says that it takes no part."""
    for base in kind.__mro__:
        if "__torch_function__" in base.__dict__:
            return base is not Tensor and not isinstance(base.__dict__["__torch_function__"], _Disabled)
    return False


def _subclassed(cls, **kwargs) -> None:
    """A subclass of Tensor was defined: from now on ops ask their arguments, if the class has a say."""
    super(Tensor, cls).__init_subclass__(**kwargs)
    if _own(cls):
        _there.append(cls.__name__)
        _expect_overrides(mode=bool(_here.open))


def _concerned(values) -> list:
    """The arguments of different classes that take part, subclasses before their bases."""
    found: list = []
    if _disable_overrides(0) > 0:
        return found
    for value in values:
        for one in value if type(value) in (list, tuple) else (value,):
            kind = type(one)
            part = None if kind is Tensor else getattr(kind, "__torch_function__", None)
            if part is None or isinstance(part, _Disabled) or any(type(other) is kind for other in found):
                continue
            place = next((i for i, other in enumerate(found) if issubclass(kind, type(other))), len(found))
            found.insert(place, one)
    return found


def _take_over(place: str, name: str, args: tuple, kwargs: dict, operator: bool = False):
    """The result, in a tuple, of a mode or of the first class that has one; None where none takes part.

    Where nobody can compute an operator, Python says so.
    """
    relevant = [*args, *kwargs.values()]
    if not _here.open and not any(_own(type(one)) for one in _concerned(relevant)):
        return None  # the extension itself keeps the class of those that say nothing
    func = Tensor if place == "Tensor" else sys.modules[f"{_rustgrad.__name__}.{place}"]
    for part in name.split("."):
        func = getattr(func, part)
    try:
        return _asked(func, relevant, args, kwargs)
    except TypeError:
        if operator:
            return (NotImplemented,)
        raise


def _asked(func, relevant, args, kwargs):
    """As `_take_over`, for a function. Raises TypeError where all return NotImplemented."""
    found = _concerned(relevant)
    kinds = tuple(type(one) for one in found)
    # As in PyTorch, what has no keywords is called without.
    rest = (func, kinds, args, kwargs) if kwargs else (func, kinds, args)
    if _here.open:
        mode = _here.open.pop()
        _expect_overrides(mode=bool(_here.open))
        try:
            result = mode.__torch_function__(*rest)
        finally:
            _here.open.append(mode)
            _expect_overrides(mode=True)
        if result is not NotImplemented:
            return (result,)
    elif not found:
        return None
    for one in found:
        result = one.__torch_function__(*rest)
        if result is not NotImplemented:
            return (result,)
    listed = "".join(f"\n\n  - tensor subclass {kind}" for kind in kinds)
    raise TypeError(
        f"Multiple dispatch failed for '{resolve_name(func)}'; all __torch_function__ handlers returned "
        f"NotImplemented:{listed}\n\nFor more information, try re-running with TORCH_LOGS=not_implemented"
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


# What these give belongs to the tensor, whatever its class.
_KEPT = {"grad", "_grad", "_base"}


def _torch_function(cls, func, types, args=(), kwargs=None):
    """What subclasses do that do not say otherwise: the op itself, whose tensors become instances of the subclass."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
        attribute = getattr(func, "__self__", None)
        if getattr(func, "__name__", "") == "__get__" and getattr(attribute, "__name__", "") in _KEPT:
            return result
        return _converted(result, cls)


def is_tensor_like(inp) -> bool:
    """Whether `inp` is a tensor, or of a class that has `__torch_function__`."""
    return isinstance(inp, Tensor) or hasattr(inp, "__torch_function__")


def has_torch_function(relevant_args) -> bool:
    """Whether the class of one of the arguments, or a mode, takes over calls."""
    return bool(_here.open) or bool(_concerned(relevant_args))


def has_torch_function_unary(obj) -> bool:
    """`has_torch_function` of one argument."""
    return has_torch_function((obj,))


def has_torch_function_variadic(*args) -> bool:
    """`has_torch_function` of the arguments."""
    return has_torch_function(args)


def handle_torch_function(public_api, relevant_args, *args, **kwargs):
    """The result of `__torch_function__` of a mode, or of the first of `relevant_args` that has one.

    Raises TypeError where none has, or where all return NotImplemented.
    """
    found = _asked(public_api, relevant_args, args, kwargs)
    if found is None:
        raise TypeError(
            f"no implementation found for '{resolve_name(public_api)}' on types that implement __torch_function__: []"
        )
    return found[0]


def wrap_torch_function(dispatcher):
    """A decorator: the function first asks those arguments that `dispatcher` returns for `__torch_function__`."""
    from functools import wraps

    def decorate(fn):
        @wraps(fn)
        def wrapped(*args, **kwargs):
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return fn(*args, **kwargs)

        return wrapped

    return decorate


def overridable(fn: F) -> F:
    """A function written in Python which modes and the classes of its arguments may take over, as they do ops."""
    from functools import wraps

    @wraps(fn)
    def asking(*args, **kwargs):
        if _there or _here.open:
            relevant = [*args, *kwargs.values()]
            if _here.open or any(_own(type(one)) for one in _concerned(relevant)):
                found = _asked(asking, relevant, args, kwargs)
                if found is not None:
                    return found[0]
        return fn(*args, **kwargs)

    return asking  # pyright: ignore[reportReturnType]


def resolve_name(f) -> str:
    """The dotted name of a function or method."""
    if hasattr(f, "__objclass__"):
        return f"{f.__objclass__.__module__}.{f.__qualname__}"
    owner = getattr(f, "__self__", None)
    if getattr(f, "__name__", "") == "__get__" and hasattr(owner, "__objclass__"):
        return f"{resolve_name(owner)}.__get__"
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
        _here.open.append(self)
        _expect_overrides(mode=True)
        return self

    def __exit__(self, *_):
        _here.open.pop()
        _expect_overrides(mode=bool(_here.open))
        return False


__getattr__ = _lookup("torch.overrides")
