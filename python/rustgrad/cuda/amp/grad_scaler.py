"""GradScaler for `cuda`, under its older name."""

from ..._names import lookup as _lookup
from ...amp.older import OlderGradScaler

__all__ = ["GradScaler"]


class GradScaler(OlderGradScaler):
    """`torch.amp.GradScaler("cuda", ...)`, which is what to write today."""

    _of = "cuda"


__getattr__ = _lookup("torch.cuda.amp.grad_scaler")
