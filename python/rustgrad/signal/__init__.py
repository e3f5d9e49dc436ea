"""Signal processing: windows."""

from . import windows as windows
from .._names import lookup as _lookup

__all__ = ["windows"]

__getattr__ = _lookup("torch.signal")
