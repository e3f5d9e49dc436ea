"""Which pipes a pipe reads."""

import io
import pickle
import threading
import warnings
from collections import deque
from collections.abc import Collection, Mapping
from typing import Any

from .datapipes.datapipe import IterDataPipe, MapDataPipe

__all__ = ["traverse", "traverse_dps"]

_KINDS: Any = (IterDataPipe, MapDataPipe)
_HOOKS = threading.Lock()  # hooks are the classes', and so every thread's


def traverse_dps(datapipe) -> dict[int, Any]:
    """`{id(pipe): (pipe, graph of what it reads)}`.

    Looked at are attributes that are pipes or collections. Raises RuntimeError for what is no pipe.
    """
    return _graph(datapipe, True, set())


def traverse(datapipe, only_datapipe: bool | None = None) -> dict[int, Any]:
    """`traverse_dps` under its older name; unless `only_datapipe`, of attributes of every kind."""
    more = "" if only_datapipe else " And, the behavior will be changed to the equivalent of `only_datapipe=True`."
    warnings.warn(
        "`traverse` function is deprecated and will be removed after 1.13. Please use `traverse_dps` instead." + more,
        FutureWarning,
        stacklevel=2,
    )
    return _graph(datapipe, bool(only_datapipe), set())


def _graph(pipe, only_pipes: bool, above: set[int]) -> dict[int, Any]:
    """`above`: the pipes on the way here, which a circle leads back to."""
    if not isinstance(pipe, _KINDS):
        raise RuntimeError(f"Expected `IterDataPipe` or `MapDataPipe`, but {type(pipe)} is found")
    if id(pipe) in above:
        return {}
    above = above | {id(pipe)}
    below: dict[int, Any] = {}
    for source in _attributes(pipe, above) if only_pipes else _pickled(pipe, above):
        below.update(_graph(source, only_pipes, above))
    return {id(pipe): (pipe, below)}


def _attributes(pipe, above: set[int]) -> list[Any]:
    """The pipes among the attributes of a pipe, and in collections there."""
    found: dict[int, Any] = {}
    seen: set[int] = set()

    def look(value):
        if isinstance(value, _KINDS):
            if id(value) not in above:
                found.setdefault(id(value), value)
        elif isinstance(value, Collection) and not isinstance(value, (str, bytes, range)) and id(value) not in seen:
            seen.add(id(value))
            if isinstance(value, Mapping):
                value = value.values()
            elif not isinstance(value, (list, tuple, set, frozenset, deque)):
                return  # what only claims to be a collection, such as a tensor
            for item in value:
                look(item)

    look(vars(pipe))
    return list(found.values())


def _nothing():
    return None


def _pickled(pipe, above: set[int]) -> list[Any]:
    """The pipes that the pickle of a pipe meets first, in objects of any kind."""
    found, seen = [], set(above)

    def reduce(met):
        if met is pipe or id(met) in seen:
            raise NotImplementedError
        found.append(met)
        seen.add(id(met))
        return _nothing, ()

    with _HOOKS:
        try:
            for kind in _KINDS:
                kind.set_reduce_ex_hook(reduce)
            pickle.Pickler(io.BytesIO()).dump(pipe)
        finally:
            for kind in _KINDS:
                kind.set_reduce_ex_hook(None)
    return found
