"""Signal processing: windows."""

from .._names import lookup as _lookup
from . import windows as windows

__all__ = ["windows"]

__getattr__ = _lookup("torch.signal")
