"""autocast for `cuda`, under its older name."""

import warnings
from functools import partial

from ... import amp
from ..._names import lookup as _lookup
from ..._rustgrad import _library, float16

__all__ = ["autocast", "custom_bwd", "custom_fwd"]


def _deprecated(name: str, now: str):
    warnings.warn(
        f"`{_library()}.cuda.amp.{name}(args...)` is deprecated. Please use `{_library()}.amp.{now}` instead.",
        FutureWarning,
        stacklevel=3,
    )


class autocast(amp.autocast):
    """`torch.amp.autocast("cuda", ...)`, which is what to write today."""

    def __init__(self, enabled: bool = True, dtype=float16, cache_enabled: bool = True):
        _deprecated("autocast", "autocast('cuda', args...)")
        super().__init__("cuda", enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)


def custom_fwd(fwd=None, *, cast_inputs=None):
    """`torch.amp.custom_fwd(..., device_type="cuda")`, which is what to write today."""
    _deprecated("custom_fwd", "custom_fwd(args..., device_type='cuda')")
    made = partial(amp.custom_fwd, device_type="cuda", cast_inputs=cast_inputs)
    return made if fwd is None else made(fwd)


def custom_bwd(bwd):
    """`torch.amp.custom_bwd(..., device_type="cuda")`, which is what to write today."""
    _deprecated("custom_bwd", "custom_bwd(args..., device_type='cuda')")
    return amp.custom_bwd(bwd, device_type="cuda")


__getattr__ = _lookup("torch.cuda.amp.autocast_mode")
