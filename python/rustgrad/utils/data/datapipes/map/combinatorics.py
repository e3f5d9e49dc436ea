"""Pipes in another order."""

from collections.abc import Iterator
from typing import Any, TypeVar

from ..datapipe import IterDataPipe, MapDataPipe
from ..iter.combinatorics import Shuffling, drawn

__all__ = ["ShufflerIterDataPipe"]

_T_co = TypeVar("_T_co", covariant=True)


class ShufflerIterDataPipe(Shuffling, IterDataPipe[_T_co]):
    """The elements of a pipe with indices in a random order, to iterate over.

    indices: which of them; all from 0 on by default. The seed of a pass is what `set_seed` was given, or drawn from the
    default generator; the order is that of Python's `random`.
    """

    def __init__(self, datapipe: Any, *, indices: list | None = None) -> None:
        super().__init__()
        self.datapipe = datapipe
        self.indices = list(range(len(datapipe))) if indices is None else indices
        self._shuffled_indices: list = self.indices

    def __iter__(self) -> Iterator[_T_co]:
        if not self._enabled:
            for index in self.indices:
                yield self.datapipe[index]
            return
        while self._shuffled_indices:
            yield self.datapipe[self._shuffled_indices.pop()]

    def reset(self) -> None:
        if self._enabled and self._seed is None:
            self._seed = drawn()
        self._rng.seed(self._seed)
        self._seed = None
        self._shuffled_indices = self._rng.sample(self.indices, len(self.indices))

    def __len__(self) -> int:
        return len(self.datapipe)


MapDataPipe.register_datapipe_as_function("shuffle", ShufflerIterDataPipe)
