"""The classes of results whose items have names, such as `torch.max(x, 0)`: `torch.return_types.max`."""

from collections import namedtuple

from ._names import lookup as _lookup
from ._rustgrad import _return_types

histogramdd = namedtuple("histogramdd", ("hist", "bin_edges"))
globals().update(_return_types())
__all__ = sorted(_return_types())  # pyright: ignore[reportUnsupportedDunderAll]
__getattr__ = _lookup("torch.return_types")
