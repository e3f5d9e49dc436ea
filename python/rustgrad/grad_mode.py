"""`no_grad` and its kin: context managers that also decorate functions, at one call into the extension each way."""

from __future__ import annotations

from ._rustgrad import _set_grad_enabled, _set_inference

TYPE_CHECKING = False  # typing is not imported for this alone
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ParamSpec, Self, TypeVar, overload

    P = ParamSpec("P")
    R = TypeVar("R")

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled", "set_multithreading_enabled"]


class _GradMode:
    """A stretch of code with gradient recording on or off. One object may be entered again and again, and nested."""

    __slots__ = ("_mode", "_outer")

    def __init__(self, mode: bool) -> None:
        self._mode = mode
        self._outer = []

    # Sets the mode and returns what it was, and sets that again.
    _switch = staticmethod(_set_grad_enabled)
    _restore = staticmethod(_set_grad_enabled)

    def __enter__(self) -> None:
        self._outer.append(self._switch(self._mode))

    def __exit__(self, *_) -> None:
        self._restore(self._outer.pop())

    def __call__(self, fn: Callable[P, R]) -> Callable[P, R]:
        """Decorate a function, or a generator function: its body runs in this mode, its callers do not."""
        from functools import wraps
        from inspect import isgeneratorfunction

        mode, switch, restore = self._mode, self._switch, self._restore

        @wraps(fn)
        def in_mode(*args, **kwargs):
            outer = switch(mode)
            try:
                return fn(*args, **kwargs)
            finally:
                restore(outer)

        @wraps(fn)
        def steps_in_mode(*args, **kwargs):
            return (yield from _generator_in_mode(mode, switch, restore, fn(*args, **kwargs)))

        return steps_in_mode if isgeneratorfunction(fn) else in_mode  # pyright: ignore[reportReturnType]


def _generator_in_mode(mode, switch, restore, generator):
    """Each resumption of `generator` runs in `mode`; between them the caller's own mode is back."""
    send, value = generator.send, None
    try:
        while True:
            outer = switch(mode)
            try:
                item = send(value)
            finally:
                restore(outer)
            try:
                send, value = generator.send, (yield item)
            except GeneratorExit:
                outer = switch(mode)
                try:
                    generator.close()
                finally:
                    restore(outer)
                raise
            except BaseException as error:
                send, value = generator.throw, error
    except StopIteration as stop:
        return stop.value


class no_grad(_GradMode):
    """Nothing inside is recorded for backward: `with no_grad():`, or as a decorator, with or without brackets."""

    __slots__ = ()

    if TYPE_CHECKING:

        @overload
        def __new__(cls, fn: None = None) -> Self: ...
        @overload
        def __new__(cls, fn: Callable[P, R]) -> Callable[P, R]: ...

    def __new__(cls, fn=None) -> Any:
        return super().__new__(cls) if fn is None else cls()(fn)

    def __init__(self) -> None:
        self._mode = False
        self._outer = []


class enable_grad(_GradMode):
    """Recording is on again inside, within a `no_grad` block."""

    __slots__ = ()

    if TYPE_CHECKING:

        @overload
        def __new__(cls, fn: None = None) -> Self: ...
        @overload
        def __new__(cls, fn: Callable[P, R]) -> Callable[P, R]: ...

    def __new__(cls, fn=None) -> Any:
        return super().__new__(cls) if fn is None else cls()(fn)

    def __init__(self) -> None:
        self._mode = True
        self._outer = []


class inference_mode(_GradMode):
    """Nothing inside is recorded, and tensors made inside take no part in graphs; `inference_mode(False)` ends that.

    Outside of the block its tensors may be read, but not written over or saved for backward: RuntimeError.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @overload
        def __new__(cls, mode: bool = True) -> Self: ...
        @overload
        def __new__(cls, mode: Callable[P, R]) -> Callable[P, R]: ...

    def __new__(cls, mode: Any = True) -> Any:
        return super().__new__(cls) if isinstance(mode, bool) else cls()(mode)

    def __init__(self, mode=True) -> None:
        self._mode = not mode
        self._outer = []

    @staticmethod
    def _switch(mode):
        return _set_grad_enabled(mode), _set_inference(not mode)

    @staticmethod
    def _restore(outer):
        _set_grad_enabled(outer[0])
        _set_inference(outer[1])


class set_grad_enabled(_GradMode):
    """Switch recording on or off: at once if called, until the block ends in a `with`, or as a decorator."""

    __slots__ = ("_before",)

    def __init__(self, mode: bool) -> None:
        self._mode = bool(mode)
        self._outer = []
        self._before = _set_grad_enabled(self._mode)

    def __enter__(self) -> None:
        self._outer.append(self._before)
        _set_grad_enabled(self._mode)

    def __call__(self, fn):
        _set_grad_enabled(self._before)
        return super().__call__(fn)


_multithreading = [True]


def is_multithreading_enabled() -> bool:
    """What `set_multithreading_enabled` set last; True at first."""
    return _multithreading[0]


class set_multithreading_enabled:
    """Kept for programs that ask for it: backward runs on the thread that calls it, and its kernels on several."""

    def __init__(self, mode: bool):
        self.mode = bool(mode)
        self._before, _multithreading[0] = _multithreading[0], self.mode

    def __enter__(self):
        return None

    def __exit__(self, *_):
        _multithreading[0] = self._before
