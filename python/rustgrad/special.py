"""Special functions: the extension's ops of that place."""

from ._names import lookup as _lookup
from ._rustgrad import special as _ext
from ._rustgrad.special import *

__all__ = sorted(name for name in dir(_ext) if not name.startswith("_"))  # pyright: ignore[reportUnsupportedDunderAll]

__getattr__ = _lookup("torch.special")
