"""Batches in pinned memory, for programs that ask for it themselves; a loader's own batches are left where they are."""

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence

from ...._rustgrad import Tensor

__all__ = ["pin_memory"]


def pin_memory(data, device=None):
    """`data` with each tensor, and each object that has a `pin_memory`, replaced by what its `pin_memory()` gives.

    Containers keep their kind. RuntimeError where there are tensors and no GPU.
    """
    if isinstance(data, (str, bytes)):
        return data
    if isinstance(data, Tensor) or (hasattr(data, "pin_memory") and not isinstance(data, (Mapping, Sequence))):
        return data.pin_memory()
    if isinstance(data, Mapping):
        pinned = {key: pin_memory(value, device) for key, value in data.items()}
        if type(data) is dict or not isinstance(data, MutableMapping):
            return pinned
        clone = copy.copy(data)
        clone.update(pinned)
        return clone
    if isinstance(data, tuple):
        parts = [pin_memory(value, device) for value in data]
        return type(data)(*parts) if hasattr(data, "_fields") else tuple(parts)
    if isinstance(data, MutableSequence):
        clone = copy.copy(data)
        for at, value in enumerate(data):
            clone[at] = pin_memory(value, device)
        return clone
    return [pin_memory(value, device) for value in data] if isinstance(data, Sequence) else data
