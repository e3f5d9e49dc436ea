"""GradScaler as `cpu.amp` and `cuda.amp` have it: under an older name, of one device."""

import warnings

from .._rustgrad import _library
from .grad_scaler import GradScaler

__all__ = ["OlderGradScaler"]


class OlderGradScaler(GradScaler):
    """A GradScaler of the device `_of`, which warns that `torch.amp.GradScaler` is what to write today."""

    _of: str

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        warnings.warn(
            f"`{_library()}.{self._of}.amp.GradScaler(args...)` is deprecated. Please use "
            f"`{_library()}.amp.GradScaler('{self._of}', args...)` instead.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(self._of, init_scale, growth_factor, backoff_factor, growth_interval, enabled)
