"""The accelerator of this machine, whatever it is called: the GPU, where there is one to use.

In a program run by `rustgrad.as_torch` it is `cuda` and must be hardware; else it is `gpu`.
"""

from collections import OrderedDict

from . import _rustgrad
from . import gpu as _gpu
from ._names import lookup as _lookup
from ._rustgrad import device as _device

__all__ = [
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "get_device_capability",
    "get_memory_info",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_accumulated_memory_stats",
    "reset_peak_memory_stats",
    "set_device_idx",
    "set_device_index",
    "set_stream",
    "synchronize",
]


def _name() -> str:
    return "cuda" if _rustgrad._library() == "torch" else "gpu"


def is_available() -> bool:
    """Whether there is an accelerator. Starts the GPU where there is one."""
    return _rustgrad._cuda_is_gpu() if _name() == "cuda" else _gpu.is_available()


def device_count() -> int:
    """1 where there is an accelerator, else 0."""
    return int(is_available())


def current_accelerator(check_available: bool = False):
    """The accelerator's device without a number, None where there is none."""
    return _device(_name()) if is_available() else None


def _need(device=None) -> None:
    if not is_available():
        raise RuntimeError("Cannot access accelerator device when none is available.")
    if device is not None and not isinstance(device, int):
        named = _device(device)
        if named.type != _name():
            raise ValueError(f"{named.type} doesn't match the current accelerator {_name()}.")
        device = named.index
    if device not in (None, 0):
        raise RuntimeError(f"invalid device index {device}\nhint: there is one accelerator, number 0")


def current_device_index() -> int:
    """0. Raises RuntimeError where there is no accelerator."""
    _need()
    return 0


def set_device_index(device, /) -> None:
    """Choose the accelerator: the only one. Raises RuntimeError for another number, or where there is none."""
    _need(device)


current_device_idx = current_device_index
set_device_idx = set_device_index


class device_index:
    """A `with` block in which an accelerator is the current one: the only one."""

    def __init__(self, device, /):
        self.idx = device

    def __enter__(self):
        if self.idx is not None:
            _need(self.idx)

    def __exit__(self, *_):
        return False


def synchronize(device=None, /) -> None:
    """Wait for all that was asked of the accelerator. Raises RuntimeError where there is none."""
    _need(device)
    _gpu.synchronize()


def current_stream(device=None, /):
    """The accelerator's stream. Raises RuntimeError where there is none, or where it is not called cuda."""
    _need(device)
    from .cuda import Stream

    return Stream(device)


def set_stream(stream) -> None:
    """Choose a stream: there is one."""
    _need()


def get_device_capability(device=None, /) -> dict:
    """What the accelerator supports: the dtypes. Raises RuntimeError where there is none."""
    _need(device)
    names = ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32")
    return {"supported_dtypes": {getattr(_rustgrad, name) for name in names}}


def empty_cache() -> None:
    """Give buffers that no tensor uses back to the driver."""
    if is_available():
        _gpu.empty_cache()


def memory_allocated(device_index=None, /) -> int:
    """Bytes of the buffers that tensors use."""
    return _gpu.memory_allocated() if is_available() else 0


def max_memory_allocated(device_index=None, /) -> int:
    """The most bytes that tensors used at once."""
    return _gpu.max_memory_allocated() if is_available() else 0


def memory_reserved(device_index=None, /) -> int:
    """Bytes of all buffers, those kept for reuse included."""
    return _gpu.memory_reserved() if is_available() else 0


def max_memory_reserved(device_index=None, /) -> int:
    """At least the most bytes of all buffers at once."""
    return max(max_memory_allocated(), memory_reserved())


def memory_stats(device_index=None, /) -> OrderedDict:
    """Figures of the allocator by PyTorch's names; empty where there is no accelerator."""
    if not is_available():
        return OrderedDict()
    return OrderedDict(
        {
            "allocated_bytes.all.current": memory_allocated(),
            "allocated_bytes.all.peak": max_memory_allocated(),
            "reserved_bytes.all.current": memory_reserved(),
            "reserved_bytes.all.peak": max_memory_reserved(),
        }
    )


def get_memory_info(device_index=None, /) -> tuple[int, int]:
    """Bytes that are free and bytes in all. RuntimeError where there is no accelerator, or nobody knows."""
    _need(device_index)
    limit = _rustgrad.gpu_memory()["limit"]
    if limit == 2**64 - 1:
        raise RuntimeError(
            "get_memory_info: the driver does not tell how much memory the GPU has\n"
            "hint: set RUSTGRAD_GPU_MEMORY to the bytes that may be used"
        )
    return limit - memory_reserved(), limit


def reset_peak_memory_stats(device_index=None, /) -> None:
    """Count `max_memory_allocated` anew. Raises RuntimeError where there is no accelerator."""
    _need(device_index)
    _rustgrad.gpu_reset_peak()


def reset_accumulated_memory_stats(device_index=None, /) -> None:
    """Nothing is accumulated. Raises RuntimeError where there is no accelerator."""
    _need(device_index)


__getattr__ = _lookup("torch.accelerator")
