"""autocast: a stretch of code whose matrix products and convolutions compute in bfloat16 or float16, and whose losses
compute in float32, by PyTorch's lists of ops (`src/ops/autocast.rs`).
"""

import warnings
from functools import partial, wraps

from .._names import lookup as _lookup
from .._rustgrad import Tensor, _library, bfloat16, float16, float32
from .._rustgrad.torch import (
    autocast_decrement_nesting,
    autocast_increment_nesting,
    clear_autocast_cache,
    is_autocast_cache_enabled,
    set_autocast_cache_enabled,
)
from .state import get_autocast_dtype, is_autocast_enabled, number_of, set_autocast_dtype, set_autocast_enabled

__all__ = ["autocast", "autocast_decorator", "custom_bwd", "custom_fwd", "is_autocast_available"]

# For which device types PyTorch has lists of ops.
_AVAILABLE = ("cpu", "cuda", "gpu", "hpu", "ipu", "maia", "mps", "mtia", "privateuseone", "xla", "xpu")


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast is known for a device type: whether there is such a device is another question."""
    number_of(device_type)
    return device_type in _AVAILABLE


def autocast_decorator(autocast_instance, func):
    """`func` inside of `autocast_instance`."""

    @wraps(func)
    def decorate_autocast(*args, **kwargs):
        with autocast_instance:
            return func(*args, **kwargs)

    return decorate_autocast


class autocast:
    """Compute in `dtype` where that is safe: `with autocast("cpu"):`, or as a decorator. It belongs to the thread.

    device_type: "cpu", "gpu" (or "cuda" where that means the GPU). dtype: bfloat16 or float16, by default what
    `get_autocast_dtype` says: bfloat16 on the CPU, float16 elsewhere. cache_enabled: parameters are cast once in the
    outermost block. Ops that write in place or into `out=` are left as they are, and so are float64 tensors. Another
    dtype, or a device that is not there, switches it off with a warning. ValueError where device_type is no str,
    RuntimeError where it is no device type.
    """

    def __init__(self, device_type: str, dtype=None, enabled: bool = True, cache_enabled: bool | None = None):
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        if not is_autocast_available(device_type):
            raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        self.device = device_type
        self.custom_backend_name = "privateuseone"
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        self._enabled = bool(enabled) and self._possible()
        self._outer = []

    def _possible(self) -> bool:
        if self.device == "cuda":
            from ..cuda import is_available

            if not is_available():
                warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=4)
                return False
        supported = self.fast_dtype in (bfloat16, float16)
        if self.device == "cpu" and not supported:
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"CPU Autocast only supports dtypes of {_library()}.bfloat16, {_library()}.float16 currently.",
                stacklevel=4,
            )
            return False
        if self.device in ("cuda", "gpu") and not (supported or self.fast_dtype == float32):
            warnings.warn(
                f"In {self.device.upper()} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{self.device.upper()} Autocast only supports dtypes of bfloat16, float16, float32 currently.",
                stacklevel=4,
            )
            return False
        return True

    def __enter__(self):
        device = self.device
        self._outer.append((is_autocast_enabled(device), get_autocast_dtype(device), is_autocast_cache_enabled()))
        set_autocast_enabled(device, self._enabled)
        set_autocast_dtype(device, self.fast_dtype)
        set_autocast_cache_enabled(self._cache_enabled)
        autocast_increment_nesting()
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        if autocast_decrement_nesting() == 0:
            clear_autocast_cache()
        enabled, dtype, cached = self._outer.pop()
        set_autocast_enabled(self.device, enabled)
        set_autocast_dtype(self.device, dtype)
        set_autocast_cache_enabled(cached)
        return False

    def __call__(self, func):
        return autocast_decorator(self, func)


def _cast(value, device_type: str, dtype):
    """Tensors of floats on the device in `dtype`, also within containers; float64 stays."""
    if isinstance(value, Tensor):
        from .._rustgrad import float64

        here = "cpu" if value.is_cpu else "meta" if value.is_meta else "gpu"
        eligible = value.is_floating_point() and number_of(here) == number_of(device_type) and value.dtype != float64
        return value.to(dtype) if eligible else value
    if isinstance(value, (str, bytes)) or type(value).__module__ == "numpy":
        return value
    if isinstance(value, dict):
        return {_cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        items = [_cast(v, device_type, dtype) for v in value]
        return type(value)(items) if type(value) in (list, tuple) else type(value)(*items)
    return value


def _checked(device_type):
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


def custom_fwd(fwd=None, *, device_type: str, cast_inputs=None):
    """Decorate `forward` of a custom `autograd.Function` that runs under autocast.

    cast_inputs: inside of autocast, floats on that device are cast to this dtype and forward runs with autocast off;
    None leaves both as they are. ValueError where device_type is no str.
    """
    _checked(device_type)
    if fwd is None:
        return partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @wraps(fwd)
    def decorate_fwd(*args, **kwargs):
        context = args[0]
        enabled = is_autocast_enabled(device_type)
        context._dtype = get_autocast_dtype(device_type)
        context._fwd_used_autocast = enabled and cast_inputs is None
        if cast_inputs is None or not enabled:
            return fwd(*args, **kwargs)
        with autocast(device_type=device_type, enabled=False):
            return fwd(*_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return decorate_fwd


def custom_bwd(bwd=None, *, device_type: str):
    """Decorate `backward` of a custom `autograd.Function`, so that it runs with autocast as forward did.

    ValueError where device_type is no str.
    """
    _checked(device_type)
    if bwd is None:
        return partial(custom_bwd, device_type=device_type)

    @wraps(bwd)
    def decorate_bwd(*args, **kwargs):
        context = args[0]
        with autocast(device_type=device_type, enabled=context._fwd_used_autocast, dtype=context._dtype):
            return bwd(*args, **kwargs)

    return decorate_bwd


__getattr__ = _lookup("torch.amp.autocast_mode")
