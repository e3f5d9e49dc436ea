"""`torch.ao.nn`: layers that compute with integers (`quantized`), and those on the way there (`intrinsic`, `qat`)."""

from ..._names import lookup as _lookup
from . import intrinsic, qat, quantized

__all__ = ["intrinsic", "qat", "quantized"]

__getattr__ = _lookup("torch.ao.nn")
