"""Batches: a list of examples becomes one structure of tensors with a batch dim in front."""

from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from copy import copy

from ..._rustgrad import Tensor, float64, tensor
from ..._rustgrad.torch import as_tensor, stack

__all__ = ["default_collate", "default_convert"]


def _is_numpy(kind: type) -> bool:
    # Seen by name, so that numpy is not imported for programs that have none of its arrays.
    return kind.__module__ == "numpy" and kind.__name__ not in ("str_", "bytes_")


def _like_mapping(template, values: dict):
    """A mapping of the template's own type, where it can be made."""
    try:
        if isinstance(template, MutableMapping):
            clone = copy(template)
            clone.update(values)
            return clone
        return type(template)(values)
    except TypeError:
        return values


def _like_sequence(template, values: list):
    """A sequence of the template's own type, where it can be made."""
    try:
        if isinstance(template, MutableSequence):
            clone = copy(template)
            for index, value in enumerate(values):
                clone[index] = value
            return clone
        return type(template)(values)
    except TypeError:
        return values


def default_convert(data):
    """NumPy arrays inside `data` as tensors; everything else as it is."""
    kind = type(data)
    if isinstance(data, Tensor):
        return data
    if _is_numpy(kind):
        return data if kind.__name__ == "ndarray" and data.dtype.kind in "SUO" else as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kind(*(default_convert(value) for value in data))
    if isinstance(data, tuple):
        return [default_convert(value) for value in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like_sequence(data, [default_convert(value) for value in data])
    return data


def default_collate(batch):
    """Stack tensors and arrays; turn numbers into a tensor; go through tuples, lists and dicts; leave strings."""
    first = batch[0]
    kind = type(first)
    if isinstance(first, Tensor):
        return stack(batch, 0)
    if _is_numpy(kind):
        if kind.__name__ != "ndarray":
            return as_tensor(batch)
        if first.dtype.kind in "SUO":
            raise TypeError(_unknown(first.dtype))
        return stack([as_tensor(array) for array in batch], 0)
    if isinstance(first, float):
        return tensor(batch, dtype=float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _like_mapping(first, {key: default_collate([example[key] for example in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(default_collate(column) for column in zip(*batch)))
    if isinstance(first, Sequence):
        if any(len(example) != len(first) for example in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [default_collate(column) for column in zip(*batch)]
        return columns if isinstance(first, tuple) else _like_sequence(first, columns)
    raise TypeError(_unknown(kind))


def _unknown(kind) -> str:
    return f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {kind}"
