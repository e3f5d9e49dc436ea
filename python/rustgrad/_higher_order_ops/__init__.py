"""Functions of functions that PyTorch's compiler knows."""

from .._names import lookup as _lookup

__all__ = []

__getattr__ = _lookup("torch._higher_order_ops")
