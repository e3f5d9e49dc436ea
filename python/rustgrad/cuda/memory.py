"""The memory of the GPU, under the names of CUDA's allocator. Figures are 0 where there is no device called cuda."""

from collections import OrderedDict

from .. import _rustgrad
from .. import gpu as _gpu
from .._names import lookup as _lookup
from ._device import index_of, is_available

__all__ = [
    "empty_cache",
    "get_allocator_backend",
    "list_gpu_processes",
    "max_memory_allocated",
    "max_memory_cached",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_cached",
    "memory_reserved",
    "memory_stats",
    "memory_summary",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_memory_stats",
    "set_per_process_memory_fraction",
]


def empty_cache() -> None:
    """Give buffers that no tensor uses back to the driver."""
    if is_available():
        _gpu.empty_cache()


def memory_allocated(device=None) -> int:
    """Bytes of the buffers that tensors use."""
    return _gpu.memory_allocated() if is_available() else 0


def max_memory_allocated(device=None) -> int:
    """The most bytes that tensors used at once, since the start or `reset_peak_memory_stats`."""
    return _gpu.max_memory_allocated() if is_available() else 0


def memory_reserved(device=None) -> int:
    """Bytes of all buffers, those kept for reuse included."""
    return _gpu.memory_reserved() if is_available() else 0


def max_memory_reserved(device=None) -> int:
    """At least the most bytes of all buffers at once: the peak in use, or what is reserved now."""
    return max(max_memory_allocated(), memory_reserved())


memory_cached = memory_reserved
max_memory_cached = max_memory_reserved


def reset_peak_memory_stats(device=None) -> None:
    """Count `max_memory_allocated` anew. Raises AssertionError where there is no device."""
    index_of(device)
    _rustgrad.gpu_reset_peak()


reset_max_memory_allocated = reset_peak_memory_stats
reset_max_memory_cached = reset_peak_memory_stats


def reset_accumulated_memory_stats(device=None) -> None:
    """Nothing is accumulated. Raises AssertionError where there is no device."""
    index_of(device)


def memory_stats(device=None) -> OrderedDict:
    """Figures of the allocator by PyTorch's names, those that are known; empty where there is no device."""
    if not is_available():
        return OrderedDict()
    allocated, peak, reserved = memory_allocated(), max_memory_allocated(), memory_reserved()
    return OrderedDict(
        {
            "allocated_bytes.all.current": allocated,
            "allocated_bytes.all.peak": peak,
            "reserved_bytes.all.current": reserved,
            "reserved_bytes.all.peak": max_memory_reserved(),
        }
    )


def memory_summary(device=None, abbreviated: bool = False) -> str:
    """The GPU's memory by use, as text. Raises AssertionError where there is no device."""
    index_of(device)
    return _gpu.memory_summary()


def mem_get_info(device=None) -> tuple[int, int]:
    """Bytes that are free and bytes in all, of the limit that is kept to.

    Raises AssertionError where there is no device, RuntimeError where there is no limit: drivers do not tell.
    """
    index_of(device)
    limit = _rustgrad.gpu_memory()["limit"]
    if limit == 2**64 - 1:
        raise RuntimeError(
            "mem_get_info: the driver does not tell how much memory the GPU has\n"
            "hint: set RUSTGRAD_GPU_MEMORY to the bytes that may be used"
        )
    return limit - memory_reserved(), limit


def set_per_process_memory_fraction(fraction, device=None) -> None:
    """Not here: RuntimeError. The environment variable RUSTGRAD_GPU_MEMORY sets the limit, in bytes."""
    index_of(device)
    raise RuntimeError("set_per_process_memory_fraction: set RUSTGRAD_GPU_MEMORY to the bytes that may be used instead")


def get_allocator_backend() -> str:
    """The name of the allocator: "native", rustgrad's own."""
    return "native"


def list_gpu_processes(device=None) -> str:
    """Which processes use the GPU: drivers do not tell."""
    index_of(device)
    return "rustgrad does not know which processes use the GPU"


__getattr__ = _lookup("torch.cuda.memory")
