"""Type hints that programs write for TorchScript's compiler: those of Python, and lists that a number may stand for."""

from typing import Dict, List, Optional, Tuple, Union  # noqa: UP035 - programs take these names from here

from .._names import lookup as _lookup
from ..futures import Future

__all__ = [
    "BroadcastingList1",
    "BroadcastingList2",
    "BroadcastingList3",
    "Dict",
    "Future",
    "List",
    "Optional",
    "Tuple",
    "Union",
]


class _Broadcasting:
    """`BroadcastingList2[int]`: a list of two ints, or one int for both."""

    def __getitem__(self, types):
        return None


BroadcastingList1 = _Broadcasting()
BroadcastingList2 = _Broadcasting()
BroadcastingList3 = _Broadcasting()

__getattr__ = _lookup("torch.jit.annotations")
