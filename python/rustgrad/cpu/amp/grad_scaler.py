"""GradScaler for the CPU, under its older name."""

from ..._names import lookup as _lookup
from ...amp.older import OlderGradScaler

__all__ = ["GradScaler"]


class GradScaler(OlderGradScaler):
    """`torch.amp.GradScaler("cpu", ...)`, which is what to write today."""

    _of = "cpu"


__getattr__ = _lookup("torch.cpu.amp.grad_scaler")
