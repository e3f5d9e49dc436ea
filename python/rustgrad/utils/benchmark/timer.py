"""The timer: runs a statement many times and measures, on a fixed number of threads."""

import enum
import textwrap
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ... import _rustgrad
from .measurement import Measurement, TaskSpec

__all__ = ["Language", "Timer", "set_torch_threads", "timer"]


class Language(enum.Enum):
    """The language of a statement."""

    PYTHON = 0
    CPP = 1


def timer() -> float:
    """Seconds of a steady clock, read when the GPU is done, if it is in use."""
    if _gpu_in_use():
        _rustgrad.gpu_synchronize()
    return timeit.default_timer()


def _gpu_in_use() -> bool:
    return _rustgrad.gpu_memory()["in_use"] > 0


@contextmanager
def set_torch_threads(n: int) -> Iterator[None]:
    """A `with` block in which kernels may use `n` threads."""
    before = _rustgrad.torch.get_num_threads()
    try:
        _rustgrad.torch.set_num_threads(n)
        yield
    finally:
        _rustgrad.torch.set_num_threads(before)


class Timer:
    """Times a statement: `timeit` a given number of runs, `blocked_autorange` as many as fill a time.

    globals: the names that the statement sees. label, sub_label, description, env: what it is called in tables.
    num_threads: how many threads kernels may use, 1 unless said. Statements of C++ raise NotImplementedError.
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Language | str = Language.PYTHON,
    ):
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if language not in (Language.PYTHON, "py", "python"):
            raise NotImplementedError("Timer: only statements of Python are timed")
        if global_setup:
            raise ValueError(
                f"global_setup is C++ only, got `{global_setup}`. Most likely this code can simply be moved to `setup`."
            )
        stmt, setup = textwrap.dedent(stmt).strip(), textwrap.dedent(setup).strip()
        names = {"torch": __import__("rustgrad"), **(globals or {})}
        self._globals = names
        self._clock = timer
        self._timer = timeit.Timer(stmt=stmt, setup=setup, timer=timer, globals=names)
        self._task_spec = TaskSpec(stmt, setup, "", label, sub_label, description, env, num_threads)

    def _run(self, number: int) -> float:
        return max(self._timer.timeit(number), 1e-9)

    def timeit(self, number: int = 1000000) -> Measurement:
        """Run the statement `number` times, after some runs to warm up."""
        with set_torch_threads(self._task_spec.num_threads):
            self._run(max(number // 100, 2))
            return Measurement(number, [self._run(number)], self._task_spec)

    def repeat(self, repeat: int = -1, number: int = -1):
        """Not here, as in PyTorch: use `blocked_autorange`."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def autorange(self, callback=None):
        """Not here, as in PyTorch: use `blocked_autorange`."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def _estimate_block_size(self, min_run_time: float) -> int:
        """How many runs are long enough that reading the clock is less than a thousandth of them."""
        clock = min(timeit.Timer("pass", timer=self._clock).timeit(0) for _ in range(5))
        number = 1
        while True:
            taken = self._run(number)
            if clock / taken <= 1e-4 and taken >= min_run_time / 1000:
                return number
            if taken > min_run_time:
                return number
            number *= 10

    def blocked_autorange(self, callback=None, min_run_time: float = 0.2) -> Measurement:
        """Run blocks of the statement until they have taken `min_run_time` seconds together.

        callback(number, seconds) is called after each block.
        """
        with set_torch_threads(self._task_spec.num_threads):
            number = self._estimate_block_size(min_run_time)
            times: list[float] = []
            while sum(times) < min_run_time:
                times.append(self._run(number))
                if callback is not None:
                    callback(number, times[-1])
        return Measurement(number, times, self._task_spec)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback=None,
    ) -> Measurement:
        """Run blocks until the spread of their times is below `threshold` of the median, or `max_run_time` is over."""
        with set_torch_threads(self._task_spec.num_threads):
            number = self._estimate_block_size(0.05)
            times: list[float] = []
            while True:
                times.append(self._run(number))
                if callback is not None:
                    callback(number, times[-1])
                found = Measurement(number, times, self._task_spec)
                settled = len(times) >= 3 and found.iqr / found.median < threshold and sum(times) >= min_run_time
                if settled or sum(times) >= max_run_time:
                    return found

    def collect_callgrind(self, number: int = 100, **options):
        """Not here: RuntimeError. Valgrind counts instructions of programs that it runs itself."""
        raise RuntimeError("collect_callgrind: rustgrad does not run Valgrind; time with blocked_autorange")
