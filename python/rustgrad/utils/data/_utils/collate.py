"""Batches: a list of examples becomes one structure of tensors with a batch dim in front."""

import re
import sys
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from copy import copy
from typing import Any

from ...._rustgrad import Tensor, float64, tensor
from ...._rustgrad.torch import as_tensor, stack

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]

# The type codes of arrays of strings and objects, for collating functions of one's own.
np_str_obj_array_pattern = re.compile(r"[SaUO]")
default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def _like_mapping(template, values: dict):
    """A mapping of the template's own type, where it can be made."""
    try:
        if isinstance(template, MutableMapping):
            clone = copy(template)
            clone.update(values)
            return clone
        return type(template)(values)  # type: ignore[call-arg]
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
        return type(template)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def default_convert(data):
    """NumPy arrays and numbers inside `data` as tensors; everything else as it is. Tuples become lists."""
    kind = type(data)
    if isinstance(data, Tensor):
        return data
    if kind.__module__ == "numpy" and kind.__name__ not in ("str_", "bytes_"):
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


def collate(batch, *, collate_fn_map: dict[Any, Callable] | None = None):
    """Join a list of examples, by the function that `collate_fn_map` has for their type.

    The map is asked for the first example's class, then for the first of its keys (classes, or tuples of them) that
    the example is an instance of. Its functions are called as `fn(batch, collate_fn_map=...)`. Mappings, named tuples
    and sequences that it does not know are gone through. Raises RuntimeError for sequences of unequal length,
    TypeError for anything else.
    """
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        fn = collate_fn_map.get(kind)
        if fn is None:
            fn = next((fn for key, fn in collate_fn_map.items() if isinstance(first, key)), None)
        if fn is not None:
            return fn(batch, collate_fn_map=collate_fn_map)

    def columns():
        return [collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)]

    if isinstance(first, Mapping):
        values = {key: collate([example[key] for example in batch], collate_fn_map=collate_fn_map) for key in first}
        return _like_mapping(first, values)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*columns())
    if isinstance(first, Sequence):
        if any(len(example) != len(first) for example in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return columns() if isinstance(first, tuple) else _like_sequence(first, columns())
    raise TypeError(default_collate_err_msg_format.format(kind))


def collate_tensor_fn(batch, *, collate_fn_map=None):
    """Tensors of one shape, stacked along a new first dim."""
    return stack(batch, 0)


def collate_numpy_array_fn(batch, *, collate_fn_map=None):
    """NumPy arrays as tensors, then joined as those are. TypeError for arrays of strings or objects."""
    first = batch[0]
    kind, shape = first.dtype, first.shape
    if kind.kind in "SUO":
        raise TypeError(default_collate_err_msg_format.format(kind))
    alike = all(array.dtype == kind and array.shape == shape for array in batch)
    if alike and collate_fn_map is not None and collate_fn_map.get(Tensor) is collate_tensor_fn:
        # One array, and one tensor over it, instead of a tensor for each.
        import numpy as np

        return as_tensor(np.stack(batch))
    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch, *, collate_fn_map=None):
    """NumPy numbers, one dim."""
    return as_tensor(batch)


def collate_float_fn(batch, *, collate_fn_map=None):
    """Python floats, one dim of float64."""
    return tensor(batch, dtype=float64)


def collate_int_fn(batch, *, collate_fn_map=None):
    """Python ints and bools, one dim."""
    return tensor(batch)


def collate_str_fn(batch, *, collate_fn_map=None):
    """Strings stay a list of strings."""
    return batch


# Programs add to it, so it is one object for ever.
default_collate_fn_map: dict[Any, Callable] = {
    Tensor: collate_tensor_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}
_knows_numpy = False


def _look_for_numpy() -> None:
    """Add NumPy's classes to the map, once the program has imported NumPy."""
    global _knows_numpy
    np: Any = sys.modules.get("numpy")
    if hasattr(np, "object_"):
        default_collate_fn_map.setdefault(np.ndarray, collate_numpy_array_fn)
        default_collate_fn_map.setdefault((np.bool_, np.number, np.object_), collate_numpy_scalar_fn)
        _knows_numpy = True


_look_for_numpy()


def default_collate(batch):
    """Stack tensors and arrays; turn numbers into a tensor; go through tuples, lists and dicts; leave strings.

    Tuples become lists, named tuples and mappings keep their class. Classes of one's own are added to
    `default_collate_fn_map`. Raises what `collate` does.
    """
    if not _knows_numpy:
        _look_for_numpy()
    return collate(batch, collate_fn_map=default_collate_fn_map)
