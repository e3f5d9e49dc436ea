"""The classes of results whose items have names, such as `torch.max(x, 0)`: `torch.return_types.max`."""

from ._names import lookup as _lookup
from ._rustgrad import _return_types

globals().update(_return_types())
__all__ = sorted(_return_types())  # pyright: ignore[reportUnsupportedDunderAll]
__getattr__ = _lookup("torch.return_types")
