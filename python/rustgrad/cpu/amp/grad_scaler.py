"""GradScaler for the CPU, under its older name."""

import warnings

from ... import amp
from ..._names import lookup as _lookup
from ..._rustgrad import _library

__all__ = ["GradScaler"]


class GradScaler(amp.GradScaler):
    """`torch.amp.GradScaler("cpu", ...)`, which is what to write today."""

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        warnings.warn(
            f"`{_library()}.cpu.amp.GradScaler(args...)` is deprecated. Please use "
            f"`{_library()}.amp.GradScaler('cpu', args...)` instead.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


__getattr__ = _lookup("torch.cpu.amp.grad_scaler")
