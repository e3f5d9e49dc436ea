"""Parts of `torch.fx` that other libraries ask."""

from ..._names import lookup as _lookup

__all__ = []

__getattr__ = _lookup("torch.fx.experimental")
