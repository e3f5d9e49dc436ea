"""Pipes in another order."""

import random
from collections.abc import Iterator
from typing import Any, TypeVar

from ...sampler import SequentialSampler
from .._decorator import functional_datapipe
from ..datapipe import IterDataPipe, length_of

__all__ = ["SamplerIterDataPipe", "ShufflerIterDataPipe"]

_T_co = TypeVar("_T_co", covariant=True)


class SamplerIterDataPipe(IterDataPipe[_T_co]):
    """The elements that a sampler made for the pipe gives. AssertionError for a pipe without a length."""

    def __init__(
        self,
        datapipe: IterDataPipe,
        sampler: Any = SequentialSampler,
        sampler_args: tuple | None = None,
        sampler_kwargs: dict | None = None,
    ) -> None:
        if not hasattr(type(datapipe), "__len__"):
            raise AssertionError("Sampler class requires input datapipe implemented `__len__`")
        super().__init__()
        self.datapipe = datapipe
        self.sampler_args = sampler_args or ()
        self.sampler_kwargs = {**(sampler_kwargs or {}), "data_source": datapipe}
        self.sampler = sampler(*self.sampler_args, **self.sampler_kwargs)

    def __iter__(self) -> Iterator[_T_co]:
        return iter(self.sampler)

    def __len__(self) -> int:
        return length_of(self, self.sampler)


class Shuffling:
    """The settings of a shuffler, by which a loader knows one: whether to shuffle, and the seed of the next pass."""

    def __init__(self) -> None:
        super().__init__()
        self._enabled = True
        self._seed: int | None = None
        self._rng = random.Random()

    def set_shuffle(self, shuffle=True):
        """Whether to shuffle at all. Returns the pipe."""
        self._enabled = shuffle
        return self

    def set_seed(self, seed: int):
        """The seed of the next pass. Returns the pipe."""
        self._seed = seed
        return self


@functional_datapipe("shuffle")
class ShufflerIterDataPipe(Shuffling, IterDataPipe[_T_co]):
    """The elements in a random order, as far as a buffer of `buffer_size` goes.

    unbatch_level: how many levels of batches to open before. The seed of a pass is what `set_seed` was given, or drawn
    from the default generator; the order is that of Python's `random`.
    """

    def __init__(self, datapipe: IterDataPipe, *, buffer_size: int = 10000, unbatch_level: int = 0) -> None:
        super().__init__()
        if buffer_size <= 0:
            raise AssertionError("buffer_size should be larger than 0")
        self.datapipe: Any = datapipe
        if unbatch_level != 0:
            self.datapipe = self.datapipe.unbatch(unbatch_level=unbatch_level)
        self.buffer_size = buffer_size
        self._buffer: list[Any] = []

    def __iter__(self) -> Iterator[_T_co]:
        if not self._enabled:
            yield from self.datapipe
            return
        for element in self.datapipe:
            if len(self._buffer) < self.buffer_size:
                self._buffer.append(element)
                continue
            place = self._rng.randint(0, len(self._buffer) - 1)
            chosen, self._buffer[place] = self._buffer[place], element
            yield chosen
        while self._buffer:
            yield self._buffer.pop(self._rng.randint(0, len(self._buffer) - 1))

    def __len__(self) -> int:
        return length_of(self, self.datapipe)

    def reset(self) -> None:
        self._buffer = []
        if self._enabled:
            self._rng.seed(drawn() if self._seed is None else self._seed)
            self._seed = None


def drawn() -> int:
    """A seed from the default generator."""
    from ...graph_settings import seed_of

    return seed_of()
