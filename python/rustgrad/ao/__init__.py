"""`torch.ao`: what packages import of PyTorch's quantization. Nothing is quantized."""

from .._names import lookup as _lookup
from . import quantization

__all__ = ["quantization"]

__getattr__ = _lookup("torch.ao")
