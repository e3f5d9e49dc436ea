"""Where a program's time goes: calls of rustgrad's functions and methods, blocks that it names, kernels of the GPU."""

from .._names import lookup as _lookup
from .events import EventList, FunctionEvent, FunctionEventAvg
from .profile import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    record_function,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)

__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]


def kineto_available() -> bool:
    """False: times are taken by rustgrad itself."""
    return False


__getattr__ = _lookup("torch.profiler")
