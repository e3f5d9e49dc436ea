"""Mixed precision: `autocast` computes in half the bits where that is safe, `GradScaler` keeps small gradients."""

from .._names import lookup as _lookup
from . import autocast_mode, grad_scaler
from .autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from .grad_scaler import GradScaler

__all__ = [
    "GradScaler",
    "autocast",
    "autocast_mode",
    "custom_bwd",
    "custom_fwd",
    "grad_scaler",
    "is_autocast_available",
]

__getattr__ = _lookup("torch.amp")
