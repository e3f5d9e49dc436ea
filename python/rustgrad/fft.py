"""Discrete Fourier transforms: the extension's ops of that place."""

from ._names import lookup as _lookup
from ._rustgrad import fft as _ext
from ._rustgrad.fft import *

__all__ = sorted(name for name in dir(_ext) if not name.startswith("_"))  # pyright: ignore[reportUnsupportedDunderAll]

__getattr__ = _lookup("torch.fft")
