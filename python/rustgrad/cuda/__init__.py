"""What programs ask of CUDA. In a program run by `rustgrad.as_torch` on a machine with a hardware GPU, `cuda` means
that GPU, of whatever maker; elsewhere there is no device of that name, as in PyTorch's builds for the CPU.
"""

from .. import gpu as _gpu
from .._names import lookup as _lookup
from .._rustgrad import OutOfMemoryError as OutOfMemoryError
from ..typed import kind as _kind
from . import memory, nvtx, random, streams
from ._device import index_of as _index_of
from ._device import is_available as is_available
from ._device import need as _need
from .memory import *
from .random import *
from .streams import *

has_half = True
has_magma = False
default_generators: tuple = ()


def is_initialized() -> bool:
    """Whether there is a device: it starts when it is first asked for."""
    return is_available()


def init() -> None:
    """Start the device. Raises AssertionError where there is none."""
    _need()


def device_count() -> int:
    """1 where `is_available()`, else 0."""
    return int(is_available())


def current_device() -> int:
    """The number of the device in use: 0. Raises AssertionError where there is none."""
    return _index_of(None)


def set_device(device) -> None:
    """Choose the device: the only one. Raises RuntimeError for another number, AssertionError where there is none."""
    if device is not None and not (isinstance(device, int) and device < 0):
        _index_of(device)


class device:
    """A `with` block in which a device is the current one: the only one."""

    def __init__(self, device):
        self.idx = device if isinstance(device, int) else None
        self._device = device

    def __enter__(self):
        if self._device is not None and self.idx != -1:
            _index_of(self._device)

    def __exit__(self, *_):
        return False


class device_of(device):
    """A `with` block on the device of a tensor; nothing changes for a tensor on the CPU."""

    def __init__(self, obj):
        super().__init__(0 if obj.is_cuda else -1)


def synchronize(device=None) -> None:
    """Wait for all that was asked of the device. Raises AssertionError where there is none."""
    _index_of(device)
    _gpu.synchronize()


def get_device_name(device=None) -> str:
    """The name of the adapter. Raises AssertionError where there is none."""
    _index_of(device)
    return _gpu.device_name()


def get_device_capability(device=None) -> tuple[int, int]:
    """CUDA's compute capability. (0, 0): no feature of CUDA is there. Raises AssertionError without a device."""
    _index_of(device)
    return 0, 0


class _DeviceProperties:
    """What is known of the adapter. `total_memory` is the limit that rustgrad keeps to."""

    major = minor = 0
    is_multi_gpu_board = 0

    def __init__(self):
        self.name = _gpu.device_name()
        self.is_integrated = int(_gpu.is_software())

    @property
    def total_memory(self) -> int:
        """Bytes; RuntimeError where the driver does not say, and RUSTGRAD_GPU_MEMORY sets no limit."""
        return memory.mem_get_info()[1]

    @property
    def multi_processor_count(self) -> int:
        """Not known: RuntimeError."""
        raise RuntimeError("get_device_properties: drivers do not tell how many multiprocessors there are")

    def __repr__(self):
        return f"_CudaDeviceProperties(name='{self.name}', major={self.major}, minor={self.minor})"


def get_device_properties(device=None) -> _DeviceProperties:
    """The adapter's name and memory. Raises AssertionError where there is no device."""
    _index_of(device)
    return _DeviceProperties()


def get_arch_list() -> list[str]:
    """The kinds of device that CUDA code was compiled for: none."""
    return []


def get_gencode_flags() -> str:
    """The flags that CUDA code was compiled with: none."""
    return ""


def can_device_access_peer(device, peer_device) -> bool:
    """False: there is one device. Raises AssertionError where there is none."""
    _index_of(device)
    _index_of(peer_device)
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether bfloat16 works there. It is stored as such and computed in float32, which counts as emulation."""
    return is_available() and including_emulation


def is_tf32_supported() -> bool:
    """False: float32 products are computed in float32."""
    return False


def ipc_collect() -> None:
    """Nothing to collect: memory is not shared between processes. Raises AssertionError where there is no device."""
    _need()


def set_sync_debug_mode(debug_mode: int | str) -> None:
    """Warn where a call waits for the device: recorded only. Raises AssertionError where there is no device."""
    global _sync_mode
    _need()
    words = ("default", "warn", "error")
    if isinstance(debug_mode, str):
        if debug_mode not in words:
            raise RuntimeError("invalid value of debug_mode, expected one of `default`, `warn`, `error`")
        debug_mode = words.index(debug_mode)
    _sync_mode = debug_mode


_sync_mode = 0


def get_sync_debug_mode() -> int:
    """What `set_sync_debug_mode` was told last."""
    _need()
    return _sync_mode


def is_current_stream_capturing() -> bool:
    """False: there are no CUDA graphs."""
    return False


class CUDAGraph:
    """Recorded launches of CUDA: not here. Raises RuntimeError."""

    def __init__(self, keep_graph: bool = False):
        raise RuntimeError("CUDAGraph: rustgrad cannot record and replay launches of a GPU\nhint: run them as they are")


class graph:
    """A `with` block whose launches of CUDA are recorded: not here. Raises RuntimeError."""

    def __init__(self, cuda_graph, pool=None, stream=None, capture_error_mode: str = "global"):
        raise RuntimeError("graph: rustgrad cannot record and replay launches of a GPU\nhint: run them as they are")


def __getattr__(name: str):
    if name == "amp":
        from importlib import import_module

        return import_module(f"{__name__}.amp")
    if name == "_initialized":
        return is_initialized()
    made = _kind(name, on_gpu=True) if name.endswith("Tensor") else None
    if made is None:
        return _missing(name)
    globals()[name] = made
    return made


_missing = _lookup("torch.cuda")
