"""`torch.utils.dlpack`: tensors and other libraries' arrays over one memory, on the CPU."""

from .._methods import from_dlpack as from_dlpack
from .._methods import to_dlpack as to_dlpack

__all__ = ["from_dlpack", "to_dlpack"]
