"""`OptimizedModule` under the name of the file where PyTorch keeps it."""

from .._names import lookup as _lookup
from . import OptimizedModule

__all__ = ["OptimizedModule"]

__getattr__ = _lookup("torch._dynamo.eval_frame")
