"""Mixed precision on the CPU, under its older names: `torch.amp` has the rest."""

from ..._names import lookup as _lookup
from . import autocast_mode, grad_scaler
from .autocast_mode import autocast
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "autocast_mode", "grad_scaler"]

__getattr__ = _lookup("torch.cpu.amp")
