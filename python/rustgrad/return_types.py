"""The classes of results whose items have names, such as `torch.max(x, 0)`: `torch.return_types.max`."""

from operator import itemgetter

from ._names import lookup as _lookup
from ._rustgrad import _library, _return_types


class histogramdd(tuple):
    """The result of `torch.histogramdd`, which is Python: the counts, and a tuple of the edges of each dim."""

    __slots__ = ()
    n_fields = n_sequence_fields = 2
    n_unnamed_fields = 0
    hist = property(itemgetter(0))
    bin_edges = property(itemgetter(1))

    def __repr__(self):
        return f"{_library()}.return_types.histogramdd(\nhist={self[0]},\nbin_edges={self[1]})"


globals().update(_return_types())
__all__ = sorted(_return_types())  # pyright: ignore[reportUnsupportedDunderAll]
__getattr__ = _lookup("torch.return_types")
