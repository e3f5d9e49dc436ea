"""The classes of results with named items: `torch.return_types.max` has `values` and `indices`."""

from ._names import lookup as _lookup
from ._rustgrad import _return_types

globals().update(_return_types())
__getattr__ = _lookup("torch.return_types")
