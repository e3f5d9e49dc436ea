"""What stands for PyTorch's tracer of gradients: its settings only, since nothing is traced."""

from .._names import lookup as _lookup
from . import config

__all__ = ["config"]

__getattr__ = _lookup("torch._functorch")
