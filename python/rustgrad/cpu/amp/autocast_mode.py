"""autocast for the CPU, under its older name."""

import warnings

from ... import amp
from ..._names import lookup as _lookup
from ..._rustgrad import _library, bfloat16

__all__ = ["autocast"]


class autocast(amp.autocast):
    """`torch.amp.autocast("cpu", ...)`, which is what to write today."""

    def __init__(self, enabled: bool = True, dtype=bfloat16, cache_enabled: bool = True):
        warnings.warn(
            f"`{_library()}.cpu.amp.autocast(args...)` is deprecated. Please use "
            f"`{_library()}.amp.autocast('cpu', args...)` instead.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__("cpu", enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)


__getattr__ = _lookup("torch.cpu.amp.autocast_mode")
