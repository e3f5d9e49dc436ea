"""Process-wide switches that programs set before they train. Those that ask for less exact or less repeatable results
are kept and change nothing: every result here is repeatable, and float32 products are computed in float32.
"""

import warnings
from importlib import import_module

from ._rustgrad import _fill_uninitialized, dtype
from ._rustgrad.torch import set_default_dtype

__all__ = [
    "are_deterministic_algorithms_enabled",
    "compiled_with_cxx11_abi",
    "get_deterministic_debug_mode",
    "get_device_module",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_vulkan_available",
    "is_warn_always_enabled",
    "set_default_tensor_type",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_warn_always",
    "use_deterministic_algorithms",
]

_PRECISIONS = ("highest", "high", "medium")
_MODES = ("default", "warn", "error")

_precision = "highest"
_mode = 0
_fills = True
_warn_always = False
_interop_threads = 1


def get_device_module(device=None):
    """The module of a device's kind, `torch.cpu` or `torch.cuda`; of the accelerator, or the CPU, if None.

    Raises RuntimeError for a device without a module, and for what is no device.
    """
    from . import _rustgrad, accelerator

    place = _rustgrad._library()
    if device is None:
        kind = getattr(accelerator.current_accelerator(), "type", "cpu")
    elif isinstance(device, str | _rustgrad.device):
        kind = _rustgrad.device(device).type
    else:
        raise RuntimeError(f"Invalid value of device '{device}', expect {place}.device, str, or None")
    if kind not in ("cpu", "cuda", "gpu", "mps", "xpu"):
        raise RuntimeError(f"Device '{kind}' does not have a corresponding module registered as '{place}.{kind}'.")
    return import_module(f"rustgrad.{kind}")


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was told last: "highest", "high" or "medium"."""
    return _precision


def set_float32_matmul_precision(precision: str) -> None:
    """Allow products of float32 matrices to be less exact ("high", "medium"). They stay as exact as "highest" says.

    Another word is ignored with a warning.
    """
    global _precision
    if precision not in _PRECISIONS:
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current setFloat32MatmulPrecision call has "
            "no effect.",
            stacklevel=2,
        )
        return
    _precision = precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for repeatable results. They are always repeatable; only memory that nothing was written to is filled from
    now on, unless `utils.deterministic.fill_uninitialized_memory` says otherwise. Raises TypeError for what is no bool.
    """
    for at, (name, value) in enumerate((("mode", mode), ("warn_only", warn_only)), 1):
        if not isinstance(value, bool):
            where = f"_set_deterministic_algorithms(): argument '{name}' (position {at})"
            raise TypeError(f"{where} must be bool, not {type(value).__name__}")
    _set_mode((1 if warn_only else 2) if mode else 0)


def _set_mode(mode: int) -> None:
    global _mode
    _mode = mode
    _fill_uninitialized(_mode > 0 and _fills)


def fills() -> bool:
    """`utils.deterministic.fill_uninitialized_memory`."""
    return _fills


def set_fills(on: bool) -> None:
    """Set `utils.deterministic.fill_uninitialized_memory`."""
    global _fills
    _fills = on
    _set_mode(_mode)


def are_deterministic_algorithms_enabled() -> bool:
    """Whether `use_deterministic_algorithms(True)` was called."""
    return _mode > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether it was called with `warn_only=True`."""
    return _mode == 1


def get_deterministic_debug_mode() -> int:
    """0: repeatable results were not asked for; 1: asked for with a warning; 2: with an error."""
    return _mode


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """`use_deterministic_algorithms` in one word: "default", "warn", "error", or 0, 1, 2.

    Raises TypeError or RuntimeError for anything else.
    """
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in _MODES:
            raise RuntimeError(
                f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}"
            )
        debug_mode = _MODES.index(debug_mode)
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    _set_mode(int(debug_mode))


def set_warn_always(b: bool) -> None:
    """Whether warnings that come once come each time. Python's own filters decide here; the wish is recorded."""
    global _warn_always
    _warn_always = bool(b)


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` was told last."""
    return _warn_always


def get_num_interop_threads() -> int:
    """How many ops may run side by side: 1, unless `set_num_interop_threads` said otherwise."""
    return _interop_threads


def set_num_interop_threads(num: int) -> None:
    """Recorded only: ops run one after the other, each on `set_num_threads` threads. RuntimeError below 1."""
    global _interop_threads
    if num < 1:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    _interop_threads = int(num)


def set_flush_denormal(mode: bool) -> bool:
    """False: whether tiny numbers are kept is not changed."""
    return False


def is_vulkan_available() -> bool:
    """False, as in PyTorch's own wheels: it means PyTorch's mobile backend. `gpu.is_available()` tells of the GPU."""
    return False


def compiled_with_cxx11_abi() -> bool:
    """True, as for PyTorch's wheels of today. No C++ is compiled against rustgrad."""
    return True


def set_default_tensor_type(t) -> None:
    """Set the dtype of Python floats by a class such as `torch.DoubleTensor`, or its name.

    Raises TypeError where that is not a class of floating point tensors on the CPU.
    """
    from . import typed

    if isinstance(t, str):
        name = t.rpartition(".")[2]
        t = getattr(typed, name, None) if t.partition(".")[0] in ("torch", "rustgrad") else None
    kind = getattr(t, "dtype", None)
    if not isinstance(t, typed.tensortype) or not isinstance(kind, dtype) or t.is_cuda:
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    set_default_dtype(kind)
