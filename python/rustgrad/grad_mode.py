"""`no_grad` and its kin: context managers that also decorate functions, at one call into the extension each way."""

from ._rustgrad import _set_grad_enabled

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled"]


class _GradMode:
    """A stretch of code with gradient recording on or off. One object may be entered again and again, and nested."""

    __slots__ = ("_mode", "_outer")

    def __init__(self, mode: bool):
        self._mode = mode
        self._outer = []

    def __enter__(self):
        self._outer.append(_set_grad_enabled(self._mode))

    def __exit__(self, *_):
        _set_grad_enabled(self._outer.pop())

    def __call__(self, fn):
        """Decorate a function, or a generator function: its body runs in this mode, its callers do not."""
        from functools import wraps
        from inspect import isgeneratorfunction

        mode = self._mode

        if isgeneratorfunction(fn):

            @wraps(fn)
            def wrapper(*args, **kwargs):
                return (yield from _generator_in_mode(mode, fn(*args, **kwargs)))
        else:

            @wraps(fn)
            def wrapper(*args, **kwargs):
                outer = _set_grad_enabled(mode)
                try:
                    return fn(*args, **kwargs)
                finally:
                    _set_grad_enabled(outer)

        return wrapper


def _generator_in_mode(mode, generator):
    """Each resumption of `generator` runs in `mode`; between them the caller's own mode is back."""
    send, value = generator.send, None
    try:
        while True:
            outer = _set_grad_enabled(mode)
            try:
                item = send(value)
            finally:
                _set_grad_enabled(outer)
            try:
                send, value = generator.send, (yield item)
            except GeneratorExit:
                outer = _set_grad_enabled(mode)
                try:
                    generator.close()
                finally:
                    _set_grad_enabled(outer)
                raise
            except BaseException as error:
                send, value = generator.throw, error
    except StopIteration as stop:
        return stop.value


class no_grad(_GradMode):
    """Nothing inside is recorded for backward: `with no_grad():`, or as a decorator, with or without brackets."""

    __slots__ = ()

    def __new__(cls, fn=None):
        return super().__new__(cls) if fn is None else cls()(fn)

    def __init__(self):
        self._mode = False
        self._outer = []


class enable_grad(_GradMode):
    """Recording is on again inside, within a `no_grad` block."""

    __slots__ = ()

    def __new__(cls, fn=None):
        return super().__new__(cls) if fn is None else cls()(fn)

    def __init__(self):
        self._mode = True
        self._outer = []


class inference_mode(_GradMode):
    """Like `no_grad`; `inference_mode(False)` switches recording back on."""

    __slots__ = ()

    def __new__(cls, mode=True):
        return super().__new__(cls) if isinstance(mode, bool) else cls()(mode)

    def __init__(self, mode=True):
        self._mode = not mode
        self._outer = []


class set_grad_enabled(_GradMode):
    """Switch recording on or off: at once if called, until the block ends in a `with`, or as a decorator."""

    __slots__ = ("_before",)

    def __init__(self, mode: bool):
        self._mode = bool(mode)
        self._outer = []
        self._before = _set_grad_enabled(self._mode)

    def __enter__(self):
        self._outer.append(self._before)
        _set_grad_enabled(self._mode)

    def __call__(self, fn):
        _set_grad_enabled(self._before)
        return super().__call__(fn)
