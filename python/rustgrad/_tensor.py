"""Where PyTorch defines its class Tensor."""

from ._names import lookup as _lookup
from ._rustgrad import Tensor as Tensor

__all__ = ["Tensor"]

__getattr__ = _lookup("torch._tensor")
