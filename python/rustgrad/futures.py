"""Results that come later: `Future`, filled by any thread and waited for by any other."""

import threading
from types import GenericAlias

from ._names import lookup as _lookup

__all__ = ["Future", "collect_all", "wait_all"]


class Future:
    """A result, or an error, that will be there later."""

    __class_getitem__ = classmethod(GenericAlias)

    def __init__(self, *, devices=None):
        self._ready = threading.Condition()
        self._done = False
        self._value = None
        self._error: BaseException | None = None
        self._callbacks: list = []

    def done(self) -> bool:
        """Whether the result or an error is there."""
        return self._done

    def wait(self):
        """The result, once it is there; raises the error instead if there is one."""
        with self._ready:
            self._ready.wait_for(lambda: self._done)
        return self.value()

    def value(self):
        """The result, which must be there. Raises RuntimeError where it is not, or the error that came instead."""
        if not self._done:
            raise RuntimeError("Future: the result is not there yet\nhint: wait() waits for it")
        if self._error is not None:
            raise self._error
        return self._value

    def _finish(self, value, error) -> None:
        with self._ready:
            if self._done:
                raise RuntimeError("Future can only be set once; set_result or set_exception was called before")
            self._value, self._error, self._done = value, error, True
            callbacks, self._callbacks = self._callbacks, []
            self._ready.notify_all()
        for callback in callbacks:
            callback(self)

    def set_result(self, result) -> None:
        """Fill in the result; callbacks run in this thread. RuntimeError where something was filled in before."""
        self._finish(result, None)

    def set_exception(self, result) -> None:
        """Fill in an error, which `wait` and `value` raise. AssertionError for what is no exception."""
        if not isinstance(result, BaseException):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._finish(None, result)

    def add_done_callback(self, callback) -> None:
        """Call `callback(future)` when it is done, or now if it is."""
        with self._ready:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback):
        """A Future of what `callback(future)` returns when this one is done, or of what it raises."""
        after = Future()

        def run(future):
            try:
                after.set_result(callback(future))
            except Exception as error:
                after.set_exception(error)

        self.add_done_callback(run)
        return after


def collect_all(futures) -> Future:
    """A Future of the list of futures, done when all of them are; it raises the first error."""
    futures = list(futures)
    whole = Future()
    left = [len(futures)]
    lock = threading.Lock()

    def one_done(_):
        with lock:
            left[0] -= 1
            last = left[0] == 0
        if last:
            errors = [future._error for future in futures if future._error is not None]
            whole.set_exception(errors[0]) if errors else whole.set_result(futures)

    for future in futures:
        future.add_done_callback(one_done)
    if not futures:
        whole.set_result(futures)
    return whole


def wait_all(futures) -> list:
    """The results of all futures; raises the first error."""
    futures = list(futures)
    collect_all(futures).wait()
    return [future.wait() for future in futures]


__getattr__ = _lookup("torch.futures")
