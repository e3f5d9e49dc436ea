"""The profiler: watches calls through Python's own profiling hook, so that it costs nothing while it is off.

Seen are calls of rustgrad's functions and methods from Python, operators written as signs (`a + b`), which a
TorchFunctionMode makes calls, and blocks of `record_function`. On the GPU every kernel is seen.
"""

import enum
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from types import BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType

from .. import _rustgrad
from .._rustgrad import Tensor
from ..overrides import TorchFunctionMode
from .events import EventList, FunctionEvent

__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]


class ProfilerActivity(enum.Enum):
    """What is watched: the CPU, the GPU."""

    CPU = 0
    XPU = 1
    CUDA = 2


class ProfilerAction(enum.Enum):
    """What a profiler does during a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def supported_activities() -> set[ProfilerActivity]:
    """The CPU, and the GPU where there is one to use."""
    found = {ProfilerActivity.CPU}
    return found | {ProfilerActivity.CUDA} if _rustgrad.gpu_is_available() else found


def schedule(
    *,
    wait: int,
    warmup: int,
    active: int,
    repeat: int = 0,
    skip_first: int = 0,
    skip_first_wait: int = 0,
) -> Callable[[int], ProfilerAction]:
    """What to do in each step: `skip_first` steps nothing, then rounds of waiting, warming up and recording.

    repeat: the number of rounds, 0 for no end. skip_first_wait: the first round does not wait.
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise AssertionError(
            f"Invalid profiler schedule arguments. Got wait={wait} (need >= 0), warmup={warmup} (need >= 0), "
            f"active={active} (need > 0), repeat={repeat} (need >= 0), skip_first={skip_first} (need >= 0)."
        )

    def action(step: int) -> ProfilerAction:
        step -= skip_first
        if step < 0:
            return ProfilerAction.NONE
        if skip_first_wait:
            step += wait
        length = wait + warmup + active
        if repeat > 0 and step // length >= repeat:
            return ProfilerAction.NONE
        step %= length
        if step < wait:
            return ProfilerAction.NONE
        if step < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if step < length - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


_running: list["_Recorder"] = []


def _now() -> float:
    return time.perf_counter() * 1e6


class _Recorder:
    """Takes down events of the threads that it is set on."""

    def __init__(self):
        self.events: list[FunctionEvent] = []
        self.open: list[FunctionEvent] = []
        self.thread = threading.get_ident()
        self.inside = False  # of a call that is taken down already

    def begin(self, name: str) -> None:
        event = FunctionEvent(name, _now(), self.thread)
        event.depth = len(self.open)
        self.open.append(event)
        self.events.append(event)

    def end(self) -> None:
        event = self.open.pop()
        event.end = _now()
        if self.open:
            self.open[-1].children_time += event.end - event.start

    def hook(self, frame, what, called) -> None:
        """Python's profiling hook."""
        if self.inside:
            return
        if what == "c_call":
            name = _op_name(called)
            if name:
                self.begin(name)
        elif what in ("c_return", "c_exception") and self.open and _op_name(called) == self.open[-1].name:
            self.end()


# What the package asks its extension for, which is no op.
_UNSEEN = frozenset({"_disable_overrides", "_expect_overrides", "_set_parameter_type", "_library"})
# Operators that have no method of the op's name, which Python's hook would see.
_SIGNS = {
    "__eq__": "eq",
    "__getitem__": "index",
    "__setitem__": "index_put_",
    "__invert__": "bitwise_not",
    "__floordiv__": "floor_divide",
    "__rfloordiv__": "floor_divide",
    "__mod__": "remainder",
    "__rmod__": "remainder",
    "__rsub__": "rsub",
    "__rpow__": "pow",
}


class _Operators(TorchFunctionMode):
    """Makes a call of an operator such as `x / y`, which Python's hook does not see."""

    def __init__(self, recorder: _Recorder):
        self._recorder = recorder

    def __torch_function__(self, func, types, args=(), kwargs=None):
        recorder, sign = self._recorder, _SIGNS.get(func.__name__)
        if sign is not None and isinstance(func, WrapperDescriptorType):
            recorder.begin(f"aten::{sign}")
            try:
                return func(*args, **(kwargs or {}))
            finally:
                recorder.end()
        recorder.inside = bool(recorder.open) and recorder.open[-1].name == _op_name(func)
        try:
            return func(*args, **(kwargs or {}))
        finally:
            recorder.inside = False


def _op_name(called) -> str:
    """`aten::relu` for a function or method of the extension; empty for any other."""
    if called.__name__ in _UNSEEN:
        return ""
    if isinstance(called, BuiltinFunctionType):
        owner = called.__self__
        if isinstance(owner, Tensor) or type(owner).__module__ in ("rustgrad", "torch"):
            return f"aten::{called.__name__}"
    elif isinstance(called, MethodDescriptorType) and called.__objclass__ is Tensor:
        return f"aten::{called.__name__}"
    return ""


class record_function:
    """A block of the program with a name in profiles: as a `with` block or a decorator."""

    def __init__(self, name: str, args: str | None = None):
        self.name = name
        self.args = args
        self._recorders: list[_Recorder] = []

    def __enter__(self):
        self._recorders = list(_running)
        for recorder in self._recorders:
            recorder.begin(self.name)
        return self

    def __exit__(self, *_):
        for recorder in self._recorders:
            while recorder.open and recorder.open[-1].name != self.name:
                recorder.end()
            if recorder.open:
                recorder.end()
        return False

    def __call__(self, fn):
        from functools import wraps

        @wraps(fn)
        def named(*args, **kwargs):
            with record_function(self.name, self.args):
                return fn(*args, **kwargs)

        return named


class profile:
    """Watches the thread that enters it. `key_averages().table()` prints where the time went.

    activities: the CPU, the GPU (CUDA). schedule: what to do in each step, which `step()` ends; on_trace_ready is
    called with the profiler after each round of recording. The other arguments are accepted; shapes, stacks, memory
    and operations are not recorded.
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., object] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config=None,
        execution_trace_observer=None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback=None,
    ):
        self.activities = set(activities) if activities else supported_activities()
        self.schedule = schedule or (lambda _: ProfilerAction.RECORD)
        self.on_trace_ready = on_trace_ready
        self.acc_events = acc_events
        self.step_num = 0
        self.current_action = ProfilerAction.NONE
        self._metadata: dict[str, str] = {}
        self._events = EventList()
        self._recorder: _Recorder | None = None
        self._kernels = False

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self) -> None:
        """Begin with the first step."""
        self.current_action = self.schedule(self.step_num)
        self._follow(ProfilerAction.NONE, self.current_action)

    def stop(self) -> None:
        """End, as if no step came any more."""
        before, self.current_action = self.current_action, ProfilerAction.NONE
        self._end_recording()
        if before in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE) and self.on_trace_ready:
            self.on_trace_ready(self)

    def step(self) -> None:
        """Say that a step of the program is over."""
        before = self.current_action
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        if before is ProfilerAction.RECORD_AND_SAVE:
            self._end_recording()
            if self.on_trace_ready:
                self.on_trace_ready(self)
        self._follow(before, self.current_action)

    def _follow(self, before: ProfilerAction, now: ProfilerAction) -> None:
        recording = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        if now in recording and self._recorder is None:
            self._begin_recording()
        elif now not in recording:
            self._end_recording()

    def _begin_recording(self) -> None:
        if not self.acc_events:
            self._events = EventList()
        self._recorder = _Recorder()
        _running.append(self._recorder)
        if ProfilerActivity.CUDA in self.activities and _rustgrad.gpu_memory()["buffers"]:
            self._kernels = True
            _rustgrad.gpu_start_profile()
        self._before = sys.getprofile()
        self._operators = _Operators(self._recorder)
        self._operators.__enter__()
        sys.setprofile(self._recorder.hook)

    def _end_recording(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        sys.setprofile(self._before)
        self._operators.__exit__()
        _running.remove(recorder)
        while recorder.open:
            recorder.end()
        self._events += recorder.events
        if self._kernels:
            self._kernels = False
            for name, count, seconds in _rustgrad.gpu_stop_profile():
                event = FunctionEvent(name, _now(), recorder.thread, "GPU")
                event.end = event.start + 1e6 * seconds
                event.count = count
                self._events.append(event)

    def events(self) -> EventList:
        """The events of the last recording."""
        return self._events

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False) -> EventList:
        """The events of each name summed."""
        return self._events.key_averages()

    def export_chrome_trace(self, path) -> None:
        """Write the last recording for chrome://tracing or Perfetto."""
        self._events.export_chrome_trace(path)

    def export_stacks(self, path, metric="self_cpu_time_total") -> None:
        """Not here: RuntimeError, stacks are not recorded."""
        raise RuntimeError("export_stacks: stacks are not recorded; Python's cProfile records them")

    def add_metadata(self, key: str, value: str) -> None:
        """Keep a text with the profile."""
        self._metadata[key] = value

    add_metadata_json = add_metadata


def tensorboard_trace_handler(dir_name: str, worker_name: str | None = None, use_gzip: bool = False, **_):
    """For `on_trace_ready`: writes each recording into a folder, under a name that TensorBoard's plugin reads."""

    def handler(profiler) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json"
        profiler.export_chrome_trace(os.path.join(dir_name, name + (".gz" if use_gzip else "")))

    return handler
