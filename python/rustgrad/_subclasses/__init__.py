"""PyTorch's tensors without data, which its compiler traces with. There are none; see the device `meta`."""

from .._names import lookup as _lookup
from .fake_tensor import FakeTensor, FakeTensorMode

__all__ = ["FakeTensor", "FakeTensorMode"]

__getattr__ = _lookup("torch._subclasses")
