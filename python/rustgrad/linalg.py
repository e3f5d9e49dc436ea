"""Linear algebra: the extension's ops of that place, and the error of singular matrices."""

from ._names import lookup as _lookup
from ._rustgrad import _LinAlgError as LinAlgError  # noqa: F401
from ._rustgrad.linalg import *

__getattr__ = _lookup("torch.linalg")
