"""`torch.ao`: quantization of models, as PyTorch's tutorials do it."""

from .._names import lookup as _lookup
from . import nn, quantization

__all__ = ["nn", "quantization"]

__getattr__ = _lookup("torch.ao")
