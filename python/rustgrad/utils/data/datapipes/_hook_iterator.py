"""What happens around the `__iter__`, `__next__` and `reset` of every iterable pipe.

A pipe has one valid iterator at a time, since its buffers are its own: a new one resets the pipe and ends the one
before. Samples are counted, so that a pipe can be brought forward to where another was (`utils/snapshot.py`).
"""

import functools
import inspect
from enum import Enum

__all__ = ["_SnapshotState", "described", "watch"]


class _SnapshotState(Enum):
    """NotStarted; Restored: brought forward, so that the next iterator does not reset; Iterating."""

    NotStarted = 0
    Restored = 1
    Iterating = 2


def described(pipe) -> str:
    """`Mapper(datapipe=..., fn=name)`: the class, with what its constructor was given."""
    wanted = set(inspect.signature(type(pipe)).parameters)
    given = [
        f"{name}={value.__name__ if inspect.isfunction(value) else repr(value)}"
        for name, value in inspect.getmembers(pipe)
        if name in wanted
    ]
    return f"{type(pipe).__name__}({', '.join(given)})"


_ISSUE = (
    "\nFor feedback regarding this single iterator per IterDataPipe constraint, feel free to comment on this issue: "
    "https://github.com/pytorch/data/issues/45."
)


def _invalidated(pipe, more: str = "") -> RuntimeError:
    return RuntimeError(
        "This iterator has been invalidated because another iterator has been created from the same IterDataPipe: "
        f"{described(pipe)}\nThis may be caused by multiple references to the same IterDataPipe. We recommend using "
        f"`.fork()` if that is necessary.{more}{_ISSUE}"
    )


def _begin(pipe) -> int:
    """Makes earlier iterators of the pipe invalid and resets it. Returns the number of the new one."""
    if pipe._is_child_datapipe:
        pipe._enter_round()
    else:
        pipe._valid_iterator_id = 0 if pipe._valid_iterator_id is None else pipe._valid_iterator_id + 1
        pipe.reset()
    return pipe._valid_iterator_id


def _check(pipe, number: int | None) -> None:
    if pipe._valid_iterator_id == number and (not pipe._is_child_datapipe or pipe._round_is(number)):
        return
    if pipe._is_child_datapipe:
        raise RuntimeError(
            "This iterator has been invalidated, because a new iterator has been created from one of the "
            f"ChildDataPipes of {described(pipe.main_datapipe)}.{_ISSUE}"
        )
    raise _invalidated(pipe)


class _Pass:
    """One pass over a pipe whose `__iter__` is a generator: the pipe is reset when the first element is asked for."""

    def __init__(self, pipe, elements) -> None:
        self._pipe, self._elements = pipe, elements
        self._number: int | None = None
        self._ahead = False

    def __iter__(self):
        return self

    def __next__(self):
        pipe = self._pipe
        try:
            if self._number is None and not self._ahead:
                self._start()
            elif not self._ahead:
                _check(pipe, self._number)
            element = next(self._elements)
        except StopIteration:
            self.close()
            raise
        except Exception as error:
            self.close()
            _say_where(error, pipe)
            raise
        if not self._ahead:
            pipe._number_of_samples_yielded += 1
        return element

    def _start(self) -> None:
        pipe = self._pipe
        if pipe._fast_forward_iterator is not None:
            # It counts for itself.
            self._elements, pipe._fast_forward_iterator = pipe._fast_forward_iterator, None
            pipe._snapshot_state = _SnapshotState.Iterating
            self._ahead = True
        else:
            self._number = _begin(pipe)

    def close(self) -> None:
        """End the pass: nothing follows."""
        close = getattr(self._elements, "close", None)
        if close is not None:
            close()
        self._elements, self._ahead = iter(()), True


def _say_where(error: Exception, pipe) -> None:
    text = error.args[0] if error.args and isinstance(error.args[0], str) else None
    said = f"\nThis exception is thrown by __iter__ of {described(pipe)}"
    if text is None:
        error.args = (said,)
    elif "thrown by __iter__ of" not in text and "single iterator per IterDataPipe constraint" not in text:
        error.args = (text + said, *error.args[1:])


class _Guarded:
    """Any other iterator of a pipe, which has been reset: elements come while no newer one has been made."""

    def __init__(self, pipe, elements, number: int, counts_itself: bool) -> None:
        self._pipe, self._elements, self._number = pipe, elements, number
        self._counts_itself = counts_itself

    def __iter__(self):
        return self

    def __next__(self):
        _check(self._pipe, self._number)
        element = next(self._elements)
        if not self._counts_itself:
            self._pipe._number_of_samples_yielded += 1
        return element

    def __getattr__(self, name):
        return getattr(self.__dict__["_elements"], name)


def watch(cls) -> None:
    """Put the rules around the methods that a class of pipes itself defines."""
    own = vars(cls)
    if "reset" in own:
        cls.reset = _resetting(own["reset"])
    if "__iter__" not in own:
        return
    if inspect.isgeneratorfunction(own["__iter__"]):
        cls.__iter__ = _lazily(own["__iter__"])
        return
    has_next = "__next__" in own
    if has_next:
        cls.__next__ = _counting(own["__next__"])
    cls.__iter__ = _at_once(own["__iter__"], has_next)


def _resetting(method):
    @functools.wraps(method)
    def reset(pipe, *args, **kwargs):
        if pipe._snapshot_state is not _SnapshotState.Restored:
            pipe._number_of_samples_yielded = 0
            pipe._fast_forward_iterator = None
            method(pipe, *args, **kwargs)
        pipe._snapshot_state = _SnapshotState.Iterating

    return reset


def _lazily(method):
    @functools.wraps(method)
    def __iter__(pipe):
        return _Pass(pipe, method(pipe))

    return __iter__


def _counting(method):
    @functools.wraps(method)
    def __next__(pipe):
        element = method(pipe)
        pipe._number_of_samples_yielded += 1
        return element

    return __next__


def _at_once(method, has_next: bool):
    @functools.wraps(method)
    def __iter__(pipe):
        elements = method(pipe)
        pipe._snapshot_state = _SnapshotState.Iterating
        if pipe._fast_forward_iterator is not None:
            elements, pipe._fast_forward_iterator = pipe._fast_forward_iterator, None
            return elements
        number = _begin(pipe)
        return _Guarded(pipe, elements, number, has_next and elements is pipe)

    return __iter__
