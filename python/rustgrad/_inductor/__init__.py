"""What stands for PyTorch's code generator: its settings only, since nothing is compiled."""

from .._names import lookup as _lookup
from . import config

__all__ = ["config"]

__getattr__ = _lookup("torch._inductor")
