"""Functions of neural networks. They are the extension's ops themselves, not wrappers around them."""

from ..._names import lookup as _lookup
from ..._rustgrad.nn import *

__getattr__ = _lookup("torch.nn.functional")
