"""GradScaler for `cuda`, under its older name."""

import warnings

from ... import amp
from ..._names import lookup as _lookup
from ..._rustgrad import _library

__all__ = ["GradScaler"]


class GradScaler(amp.GradScaler):
    """`torch.amp.GradScaler("cuda", ...)`, which is what to write today."""

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        warnings.warn(
            f"`{_library()}.cuda.amp.GradScaler(args...)` is deprecated. Please use "
            f"`{_library()}.amp.GradScaler('cuda', args...)` instead.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


__getattr__ = _lookup("torch.cuda.amp.grad_scaler")
