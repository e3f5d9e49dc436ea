"""Discrete Fourier transforms: the extension's ops of that place."""

from ._names import lookup as _lookup
from ._rustgrad.fft import *

__getattr__ = _lookup("torch.fft")
