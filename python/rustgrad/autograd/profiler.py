"""The profiler under its older name: `torch.profiler` has the rest."""

from .._names import lookup as _lookup
from ..profiler import kineto_available, record_function
from ..profiler import profile as _profile
from ..profiler.events import EventList, FunctionEvent, FunctionEventAvg

__all__ = [
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "emit_itt",
    "emit_nvtx",
    "kineto_available",
    "profile",
    "record_function",
]


class profile(_profile):
    """Watches the thread that enters it, if enabled; prints its table."""

    def __init__(self, enabled=True, *, use_cuda=False, use_device=None, record_shapes=False, **options) -> None:
        from ..profiler import ProfilerActivity

        wanted = {ProfilerActivity.CPU} | ({ProfilerActivity.CUDA} if use_cuda or use_device else set())
        super().__init__(activities=wanted)
        self.enabled = enabled

    def __enter__(self):
        return super().__enter__() if self.enabled else self

    def __exit__(self, *error):
        if self.enabled:
            super().__exit__(*error)

    @property
    def function_events(self) -> EventList:
        """The events."""
        return self.events()

    def table(self, sort_by=None, row_limit=100, **options) -> str:
        """The table of events."""
        return self.events().table(sort_by, row_limit)

    def total_average(self) -> FunctionEventAvg:
        """All events summed."""
        return self.events().total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events."""
        return self.events().self_cpu_time_total

    def __str__(self):
        return str(self.events())


class _Emit:
    """A `with` block whose operations the profiler of a maker of processors marks."""

    _whose = ""

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled, self.record_shapes = enabled, record_shapes

    def __enter__(self):
        if not self.enabled:
            return None
        raise RuntimeError(
            f"{type(self).__name__}: the marks are for {self._whose}, which rustgrad does not speak to\n"
            "hint: use profile(), whose export_chrome_trace writes the same times to a file"
        )

    def __exit__(self, *error) -> None:
        """Nothing was begun."""


class emit_nvtx(_Emit):
    """Marks for NVIDIA's tools, if enabled. Entering it raises RuntimeError, as in PyTorch without such a GPU."""

    _whose = "NVIDIA's tools"


class emit_itt(_Emit):
    """Marks for Intel's VTune, if enabled. Entering it raises RuntimeError."""

    _whose = "Intel's VTune"


__getattr__ = _lookup("torch.autograd.profiler")
