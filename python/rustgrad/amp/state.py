"""The switches of autocast, by device type: `torch.is_autocast_enabled("cpu")` and its kin, per thread."""

import warnings

from .._rustgrad import _library
from .._rustgrad import dtype as _dtype
from .._rustgrad.torch import _autocast_dtype, _autocast_enabled, _set_autocast_dtype, _set_autocast_enabled

__all__ = [
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "get_autocast_gpu_dtype",
    "get_autocast_ipu_dtype",
    "get_autocast_xla_dtype",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "is_autocast_ipu_enabled",
    "is_autocast_xla_enabled",
    "number_of",
    "set_autocast_cpu_dtype",
    "set_autocast_cpu_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
    "set_autocast_gpu_dtype",
    "set_autocast_ipu_dtype",
    "set_autocast_ipu_enabled",
    "set_autocast_xla_dtype",
    "set_autocast_xla_enabled",
]

# PyTorch's device types. The extension computes by numbers 0 and 1; number 1 is rustgrad's GPU, under whatever name.
_TYPES = (
    "cpu gpu ipu xpu mkldnn opengl opencl ideep hip ve fpga maia lazy xla vulkan mps meta hpu mtia privateuseone cuda"
).split()
_EXPECTED = (
    "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, hpu, mtia, "
    "privateuseone"
)


def number_of(device_type: str) -> int:
    """The number under which the extension keeps a device type. RuntimeError for a word that is none."""
    if device_type not in _TYPES:
        raise RuntimeError(f"Expected one of {_EXPECTED} device type at start of device string: {device_type}")
    if device_type == "cuda":
        from ..cuda import is_available

        if is_available():
            return 1
    return _TYPES.index(device_type)


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on for a device type in this thread. RuntimeError for a word that is no device type."""
    return _autocast_enabled(number_of(device_type))


def set_autocast_enabled(*args, **kwargs) -> None:
    """`set_autocast_enabled(device_type, enabled)`, or `(enabled)` for "cuda": switch autocast in this thread."""
    names = ("device_type", "enabled") if len(args) + len(kwargs) == 2 else ("enabled",)
    given = dict(zip(names, args)) | kwargs
    if set(given) != set(names):
        raise TypeError("set_autocast_enabled() takes device_type and enabled, or enabled alone")
    _set_autocast_enabled(number_of(given.get("device_type", "cuda")), bool(given["enabled"]))


def get_autocast_dtype(device_type: str) -> _dtype:
    """The dtype in which autocast computes on a device type, in this thread. RuntimeError for no device type."""
    return _autocast_dtype(number_of(device_type))


def set_autocast_dtype(device_type: str, dtype: _dtype) -> None:
    """Set the dtype in which autocast computes on a device type, in this thread. RuntimeError for no device type."""
    _set_autocast_dtype(number_of(device_type), dtype)


def _deprecated(old: str, new: str) -> None:
    text = f"{_library()}.{old} is deprecated. Please use {_library()}.{new} instead."
    warnings.warn(text, DeprecationWarning, stacklevel=3)


def get_autocast_gpu_dtype() -> _dtype:
    """`get_autocast_dtype("cuda")`."""
    _deprecated("get_autocast_gpu_dtype()", "get_autocast_dtype('cuda')")
    return get_autocast_dtype("cuda")


def get_autocast_cpu_dtype() -> _dtype:
    """`get_autocast_dtype("cpu")`."""
    _deprecated("get_autocast_cpu_dtype()", "get_autocast_dtype('cpu')")
    return get_autocast_dtype("cpu")


def get_autocast_xla_dtype() -> _dtype:
    """`get_autocast_dtype("xla")`."""
    _deprecated("get_autocast_xla_dtype()", "get_autocast_dtype('xla')")
    return get_autocast_dtype("xla")


def get_autocast_ipu_dtype() -> _dtype:
    """`get_autocast_dtype("ipu")`."""
    _deprecated("get_autocast_ipu_dtype()", "get_autocast_dtype('ipu')")
    return get_autocast_dtype("ipu")


def set_autocast_gpu_dtype(dtype: _dtype) -> None:
    """`set_autocast_dtype("cuda", dtype)`."""
    _deprecated("set_autocast_gpu_dtype(dtype)", "set_autocast_dtype('cuda', dtype)")
    set_autocast_dtype("cuda", dtype)


def set_autocast_cpu_dtype(dtype: _dtype) -> None:
    """`set_autocast_dtype("cpu", dtype)`."""
    _deprecated("set_autocast_cpu_dtype(dtype)", "set_autocast_dtype('cpu', dtype)")
    set_autocast_dtype("cpu", dtype)


def set_autocast_xla_dtype(dtype: _dtype) -> None:
    """`set_autocast_dtype("xla", dtype)`."""
    _deprecated("set_autocast_xla_dtype(dtype)", "set_autocast_dtype('xla', dtype)")
    set_autocast_dtype("xla", dtype)


def set_autocast_ipu_dtype(dtype: _dtype) -> None:
    """`set_autocast_dtype("ipu", dtype)`."""
    _deprecated("set_autocast_ipu_dtype(dtype)", "set_autocast_dtype('ipu', dtype)")
    set_autocast_dtype("ipu", dtype)


def is_autocast_cpu_enabled() -> bool:
    """`is_autocast_enabled("cpu")`."""
    _deprecated("is_autocast_cpu_enabled()", "is_autocast_enabled('cpu')")
    return is_autocast_enabled("cpu")


def is_autocast_xla_enabled() -> bool:
    """`is_autocast_enabled("xla")`."""
    _deprecated("is_autocast_xla_enabled()", "is_autocast_enabled('xla')")
    return is_autocast_enabled("xla")


def is_autocast_ipu_enabled() -> bool:
    """`is_autocast_enabled("ipu")`."""
    _deprecated("is_autocast_ipu_enabled()", "is_autocast_enabled('ipu')")
    return is_autocast_enabled("ipu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """`set_autocast_enabled("cpu", enabled)`."""
    _deprecated("set_autocast_cpu_enabled(enabled)", "set_autocast_enabled('cpu', enabled)")
    set_autocast_enabled("cpu", enabled)


def set_autocast_xla_enabled(enabled: bool) -> None:
    """`set_autocast_enabled("xla", enabled)`."""
    _deprecated("set_autocast_xla_enabled(enabled)", "set_autocast_enabled('xla', enabled)")
    set_autocast_enabled("xla", enabled)


def set_autocast_ipu_enabled(enabled: bool) -> None:
    """`set_autocast_enabled("ipu", enabled)`."""
    _deprecated("set_autocast_ipu_enabled(enabled)", "set_autocast_enabled('ipu', enabled)")
    set_autocast_enabled("ipu", enabled)
