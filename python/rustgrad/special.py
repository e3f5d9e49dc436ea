"""Special functions: the extension's ops of that place."""

from ._names import lookup as _lookup
from ._rustgrad.special import *

__getattr__ = _lookup("torch.special")
