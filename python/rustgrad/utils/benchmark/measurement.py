"""What a timer measured: the times, their median and spread, and how to print them."""

import dataclasses
import math
import statistics
import textwrap
from collections.abc import Iterable

from ..._rustgrad import _library

__all__ = ["Measurement", "TaskSpec", "ordered_unique", "select_unit", "trim_sigfig", "unit_to_english"]

# Spreads above this part of the median are warned of.
_WARN_AT = 0.1
_UNITS = {"ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second"}


def select_unit(t: float) -> tuple[str, float]:
    """The unit that seconds are best written in, and its length: ("us", 1e-6) for 3e-4."""
    step = min(max(math.log10(t) // 3 if t > 0 else -3, -3), 0)
    return {-3: "ns", -2: "us", -1: "ms", 0: "s"}[int(step)], math.pow(10, 3 * step)


def unit_to_english(u: str) -> str:
    """The word of a unit: "microsecond" for "us"."""
    return _UNITS[u]


def trim_sigfig(x: float, n: int) -> float:
    """`x` rounded to `n` significant digits."""
    if x == 0:
        return 0.0
    scale = 10 ** (math.floor(math.log10(abs(x))) + 1 - n)
    return round(x / scale) * scale


def ordered_unique(elements: Iterable) -> list:
    """Elements without repetition, in the order they came first."""
    return list(dict.fromkeys(elements))


@dataclasses.dataclass(init=True, repr=False, eq=True, frozen=True)
class TaskSpec:
    """What was timed, and what it is called in tables."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, or the statement where there is none."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        return self.stmt if "\n" not in self.stmt else "stmt:" + "\n" + textwrap.indent(self.stmt, "  ")

    def setup_str(self) -> str:
        """The setup as it is printed; empty where it does nothing."""
        if not self.setup or self.setup == "pass":
            return ""
        return f"setup:\n{textwrap.indent(self.setup, '  ')}" if "\n" in self.setup else f"setup: {self.setup}"

    def summarize(self) -> str:
        """Title, description and setup, one a line."""
        lines = [self.title, self.description or "", self.setup_str()]
        return "\n".join(line for line in lines if line)


@dataclasses.dataclass(init=True, repr=False)
class Measurement:
    """Times of one task: `raw_times` are seconds of `number_per_run` runs each."""

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict | None = None

    @property
    def times(self) -> list[float]:
        """Seconds of one run, per measurement."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def mean(self) -> float:
        """The mean of the times."""
        return statistics.fmean(self._some())

    @property
    def median(self) -> float:
        """The median of the times."""
        return statistics.median(self._some())

    def _quarters(self) -> tuple[float, float]:
        times = sorted(self._some())

        def at(part: float) -> float:
            place = part * (len(times) - 1)
            low = int(place)
            high = min(low + 1, len(times) - 1)
            return times[low] + (times[high] - times[low]) * (place - low)

        return at(0.25), at(0.75)

    @property
    def iqr(self) -> float:
        """The spread of the middle half of the times."""
        low, high = self._quarters()
        return high - low

    @property
    def meets_confidence(self) -> bool:
        """Whether there are enough times with a small spread."""
        return len(self.raw_times) >= 3 and not self.has_warnings

    @property
    def has_warnings(self) -> bool:
        """Whether the spread is large."""
        return self.iqr / self.median > _WARN_AT

    @property
    def significant_figures(self) -> int:
        """How many digits of the median mean something, from the spread of the times and their number."""
        n = len(self.raw_times)
        spread = self.iqr / 1.35  # that of a normal distribution with this interquartile range
        error = max(spread / math.sqrt(n) * 1.96, self.median * 1e-6)
        return max(min(math.ceil(math.log10(self.median / error)), 5), 1)

    @property
    def title(self) -> str:
        """The task's title."""
        return self.task_spec.title

    @property
    def env(self) -> str:
        """The environment's name."""
        return "Unspecified env" if self.task_spec.env is None else self.task_spec.env

    @property
    def as_row_name(self) -> str:
        """What the row of a table is called."""
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    stmt = property(lambda self: self.task_spec.stmt)
    setup = property(lambda self: self.task_spec.setup)
    label = property(lambda self: self.task_spec.label)
    sub_label = property(lambda self: self.task_spec.sub_label)
    description = property(lambda self: self.task_spec.description)
    num_threads = property(lambda self: self.task_spec.num_threads)

    def _some(self) -> list[float]:
        if not self.raw_times:
            raise ValueError("Measurement: nothing was measured")
        return self.times

    def __repr__(self):
        place = f"{_library()}.utils.benchmark.utils.common.Measurement"
        lines = [f"<{place} object at {hex(id(self))}>", self.task_spec.summarize()]
        unit, scale = select_unit(self.median)
        n, runs = len(self.raw_times), self.number_per_run
        if n > 1:
            low, high = self._quarters()
            lines.append(f"  Median: {self.median / scale:.2f} {unit}")
            if n > 3:
                lines.append(f"  IQR:    {self.iqr / scale:.2f} {unit} ({low / scale:.2f} to {high / scale:.2f})")
        else:
            lines.append(f"  {self.median / scale:.2f} {unit}")
        measurements = f"{n} measurement{'s' if n > 1 else ''}"
        each = "per measurement" if n > 1 else ""
        threads = f"{self.num_threads} thread{'s' if self.num_threads > 1 else ''}"
        lines.append(f"  {measurements}, {runs} runs {each}, {threads}")
        if self.has_warnings:
            part = self.iqr / self.median
            lines.append(f"  WARNING: Interquartile range is {part:.1%} of the median measurement.")
            lines.append("           This suggests significant environmental influence.")
        return "\n".join(lines)

    @staticmethod
    def merge(measurements: Iterable["Measurement"]) -> list["Measurement"]:
        """One measurement for each task, of the times of all that measured it."""
        groups: dict[TaskSpec, list[Measurement]] = {}
        for one in measurements:
            groups.setdefault(one.task_spec, []).append(one)
        return [Measurement(1, [t for one in group for t in one.times], task, None) for task, group in groups.items()]
