"""Streams and events. The GPU runs all that it is asked for in order: there is one stream; every Stream means it."""

import time

from .. import gpu as _gpu
from ._device import index_of, need

__all__ = [
    "Event",
    "ExternalStream",
    "Stream",
    "StreamContext",
    "current_stream",
    "default_stream",
    "set_stream",
    "stream",
]


class Stream:
    """A queue of work for the GPU. All of them are the one queue there is. Raises AssertionError without a device."""

    def __init__(self, device=None, priority=0, **kwargs):
        self.device_index = index_of(device)
        self.priority = priority

    @property
    def device(self):
        """The device that the stream is of."""
        from .._rustgrad import device

        return device("cuda", self.device_index)

    def wait_stream(self, stream) -> None:
        """Work asked for later runs later in any case."""

    def wait_event(self, event) -> None:
        """Work asked for later runs later in any case."""

    def record_event(self, event=None):
        """Record an event behind the work asked for so far, and return it."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def synchronize(self) -> None:
        """Wait for all work asked for so far."""
        _gpu.synchronize()

    def query(self) -> bool:
        """Whether all work is done: it is waited for."""
        _gpu.synchronize()
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def __eq__(self, other):
        return isinstance(other, Stream)

    def __hash__(self):
        return hash((Stream, self.device_index))

    def __repr__(self):
        return f"<torch.cuda.Stream device=cuda:{self.device_index} cuda_stream=0x0>"


class ExternalStream(Stream):
    """A stream of another library: not here. Raises RuntimeError."""

    def __init__(self, stream_ptr, device=None, **kwargs):
        raise RuntimeError("ExternalStream: the GPU is not reached through CUDA, and takes no streams of others")


class Event:
    """A point in the GPU's work. Recording one waits until the GPU comes there: the time between two is true."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False, external=False):
        if interprocess:
            raise RuntimeError("Event: events are not shared between processes")
        self._timed = enable_timing
        self._at: float | None = None

    def record(self, stream=None) -> None:
        """Wait for the work asked for so far, and note the time. Raises AssertionError without a device."""
        need()
        _gpu.synchronize()
        self._at = time.perf_counter()

    def wait(self, stream=None) -> None:
        """Work asked for later runs later in any case."""

    def query(self) -> bool:
        """Whether the event has come: True, `record` waited for it."""
        return True

    def synchronize(self) -> None:
        """Wait for the event: `record` has done so."""

    def elapsed_time(self, end_event) -> float:
        """Milliseconds from this event to another. Raises ValueError unless both were recorded and take times."""
        if not (self._timed and end_event._timed):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if self._at is None or end_event._at is None:
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        return 1e3 * (end_event._at - self._at)

    def __repr__(self):
        return "<torch.cuda.Event uninitialized>" if self._at is None else f"<torch.cuda.Event 0x{id(self):x}>"


class StreamContext:
    """A `with` block whose work goes to a stream: to the only one."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        return None

    def __exit__(self, *_):
        return False


def stream(stream) -> StreamContext:
    """A `with` block whose work goes to `stream`; None changes nothing."""
    return StreamContext(stream)


def current_stream(device=None) -> Stream:
    """The stream in use. Raises AssertionError where there is no device."""
    return Stream(device)


def default_stream(device=None) -> Stream:
    """The stream that is used by default. Raises AssertionError where there is no device."""
    return Stream(device)


def set_stream(stream) -> None:
    """Choose a stream: there is one."""
