"""The CPU as a device, for programs that ask of it what they ask of others."""

from contextlib import AbstractContextManager, nullcontext

from .._names import lookup as _lookup
from .._rustgrad import _cpu_capability, _cpu_empty_cache

__all__ = [
    "Event",
    "Stream",
    "StreamContext",
    "current_device",
    "current_stream",
    "device_count",
    "empty_cache",
    "get_capabilities",
    "is_available",
    "is_initialized",
    "set_device",
    "stream",
    "synchronize",
]


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def synchronize(device=None) -> None:
    """Nothing to wait for: an op is done when its call returns."""


def current_device() -> str:
    """The word cpu."""
    return "cpu"


def set_device(device) -> None:
    """Nothing to choose."""


def device_count() -> int:
    """1."""
    return 1


def empty_cache() -> None:
    """Give memory kept for later tensors back to the system now; what lies unused goes back by itself in seconds."""
    _cpu_empty_cache()


def get_capabilities() -> dict:
    """The instruction set that kernels use, and this machine's architecture."""
    from platform import machine

    level = _cpu_capability()
    return {"architecture": machine(), "avx2": level != "DEFAULT", "avx512": level == "AVX512"}


class Stream:
    """The CPU has no streams: an op is done when its call returns."""

    def __init__(self, priority: int = -1):
        self.priority = priority

    def wait_stream(self, stream) -> None:
        """Nothing to wait for."""

    def record_event(self) -> None:
        """Nothing to record."""

    def wait_event(self, event) -> None:
        """Nothing to wait for."""


class Event:
    """The CPU has no events."""

    def query(self) -> bool:
        """True."""
        return True

    def record(self, stream=None) -> None:
        """Nothing to record."""

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def wait(self, stream=None) -> None:
        """Nothing to wait for."""


_stream = Stream()


def current_stream(device=None) -> Stream:
    """The one stream."""
    return _stream


class StreamContext:
    """A `with` block on a stream."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        return self.stream

    def __exit__(self, *_):
        return False


def stream(stream) -> AbstractContextManager:
    """A `with` block on a stream; None changes nothing."""
    return nullcontext() if stream is None else StreamContext(stream)


def __getattr__(name: str):
    if name == "amp":
        from importlib import import_module

        return import_module(f"{__name__}.amp")
    return _lookup("torch.cpu")(name)
