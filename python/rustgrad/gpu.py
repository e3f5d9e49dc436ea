"""The GPU of any maker, through Vulkan, Metal or DX12: `device="gpu"`.

Nothing of it is started at import. `RUSTGRAD_GPU=software` allows a software adapter, `RUSTGRAD_GPU=NAME` chooses the
adapter with that part in its name, `RUSTGRAD_GPU=off` hides all.
"""

from . import _rustgrad as _core

__all__ = [
    "device_count",
    "device_name",
    "empty_cache",
    "is_available",
    "is_software",
    "max_memory_allocated",
    "memory_allocated",
    "memory_reserved",
    "memory_summary",
    "profile",
    "synchronize",
]


def is_available() -> bool:
    """Whether `device="gpu"` works here. Starts the GPU where there is one."""
    return _core.gpu_is_available()


def device_count() -> int:
    """1 where there is a GPU to use, else 0."""
    return int(is_available())


def device_name(device=None) -> str:
    """The name of the adapter in use.

    Raises RuntimeError where there is none.
    """
    return _core.gpu_adapter()[0]


def is_software() -> bool:
    """Whether the adapter in use is a program on the CPU, such as Mesa's lavapipe.

    Raises RuntimeError where there is no adapter.
    """
    return _core.gpu_adapter()[1]


def synchronize(device=None) -> None:
    """Wait until all that was asked of the GPU is done.

    Raises IndexError where an op has met a bad index since the last read, RuntimeError where the device was lost.
    """
    _core.gpu_synchronize()


def empty_cache() -> None:
    """Give buffers that no tensor uses back to the driver."""
    _core.gpu_empty_cache()


def memory_allocated(device=None) -> int:
    """Bytes of the buffers that tensors use."""
    return _core.gpu_memory()["in_use"]


def max_memory_allocated(device=None) -> int:
    """The most bytes that tensors used at once."""
    return _core.gpu_memory()["peak"]


def memory_reserved(device=None) -> int:
    """Bytes of all buffers, those kept for reuse included."""
    m = _core.gpu_memory()
    return m["in_use"] + m["cached"]


def memory_summary(device=None, abbreviated: bool = False) -> str:
    """The GPU's memory by use, as text."""
    m = _core.gpu_memory()
    limit = "none" if m["limit"] == 2**64 - 1 else f"{m['limit']:,} bytes"
    return (
        f"in use  {m['in_use']:>15,} bytes in {m['buffers']} buffers\n"
        f"cached  {m['cached']:>15,} bytes\n"
        f"peak    {m['peak']:>15,} bytes\n"
        f"limit   {limit:>15}"
    )


class profile:
    """Times every kernel that runs inside a `with` block; printed, a table by op.

    Kernels run one by one meanwhile, each waited for. A chain of elementwise ops is one kernel and one entry, such as
    `mul+add`. Times are the device's own where it has a clock, else
    this machine's (with some tens of microseconds of the call in them).
    """

    def __init__(self):
        self.entries: list[tuple[str, int, float]] = []
        """Per op: its name, how many kernels ran, and their seconds together; the longest first."""
        self.device_clock = False

    def __enter__(self):
        self.device_clock = _core.gpu_start_profile()
        return self

    def __exit__(self, *exception):
        self.entries = _core.gpu_stop_profile()

    def __str__(self):
        clock = "device clock" if self.device_clock else "wall clock, calls included"
        lines = [f"{'op':<24}{'kernels':>9}{'ms':>12}   ({clock})"]
        lines += [f"{op:<24}{n:>9}{1e3 * seconds:>12.3f}" for op, n, seconds in self.entries]
        return "\n".join(lines)
