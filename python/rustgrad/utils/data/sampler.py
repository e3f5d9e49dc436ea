"""Samplers: the order in which a loader asks for examples. Draws are PyTorch's, in its order."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Generic, TypeVar

from ..._rustgrad import Generator, Tensor, float64, int64
from ..._rustgrad.torch import as_tensor, empty, randint, randperm

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

_T_co = TypeVar("_T_co", covariant=True)


def draw_seed(generator=None) -> int:
    """One draw of 63 bits, from the default generator if none is given."""
    return empty((), dtype=int64).random_(generator=generator).tolist()


def check_bool(name: str, value, error: type[Exception] = ValueError) -> None:
    """Refuse anything that is not True or False."""
    if not isinstance(value, bool):
        raise error(f"{name} should be a boolean value, but got {name}={value}")


def check_positive(name: str, value) -> None:
    """Refuse anything that is not an integer above 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")


class Sampler(Generic[_T_co]):
    """Base class: `__iter__` gives indices, or lists of them. `__len__` is there where the number is known."""

    def __init__(self, data_source=None) -> None:
        pass

    def __iter__(self) -> Iterator[_T_co]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """All indices in order."""

    def __init__(self, data_source) -> None:
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self):
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices at random: a shuffle, pass after pass, or independent draws with `replacement`.

    Without a generator of its own it seeds a new one from the default generator at its first element.
    """

    def __init__(self, data_source, replacement=False, num_samples=None, generator=None) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        check_bool("replacement", replacement, TypeError)
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={self.num_samples}")

    @property
    def num_samples(self) -> int:
        """How many indices one pass gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def _own_generator(self) -> Generator:
        if self.generator is not None:
            return self.generator
        seed = draw_seed()
        generator = Generator()
        generator.manual_seed(seed)
        return generator

    def __iter__(self):
        n, wanted = len(self.data_source), self.num_samples
        generator = self._own_generator()
        if self.replacement:
            # One draw at a time: no list holds those of a sampler without an end. The last is made even if it is empty.
            for drawn in range(0, wanted + 1, 32):
                yield from randint(0, n, (min(32, wanted - drawn),), generator=generator).tolist()
        else:
            for _ in range(wanted // n):
                yield from randperm(n, generator=generator).tolist()
            # The last, partial pass is drawn even when it is empty: so does PyTorch.
            yield from randperm(n, generator=generator).tolist()[: wanted % n]

    def __len__(self):
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given indices in random order."""

    def __init__(self, indices, generator=None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self):
        for i in randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self):
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with the odds of `weights`."""

    def __init__(self, weights, num_samples, replacement=True, generator=None) -> None:
        check_positive("num_samples", num_samples)
        check_bool("replacement", replacement)
        weights = as_tensor(weights, dtype=float64)
        if weights.ndim != 1:
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {tuple(weights.shape)}")
        self.weights = weights
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self):
        from ..._rustgrad.torch import multinomial

        drawn = multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        yield from drawn.tolist()

    def __len__(self):
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices of another sampler; the last may be shorter, or is left out with `drop_last`."""

    def __init__(self, sampler, batch_size, drop_last) -> None:
        check_positive("batch_size", batch_size)
        check_bool("drop_last", drop_last)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self):
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self):
        whole, rest = divmod(len(self.sampler), self.batch_size)
        return whole if self.drop_last else whole + (rest > 0)


def rows_of_batches(batch_sampler, size: int) -> Iterator[Any] | None:
    """What `batch_sampler` gives, without a Python number for each index: slices, or int64 tensors.

    `size` is the number of examples of the dataset. None if the samplers are not known to be plain passes over all of
    it, in order or shuffled. Draws come when and as iterating over the samplers would make them.
    """
    if type(batch_sampler) is not BatchSampler:
        return None
    sampler, step, drop_last = batch_sampler.sampler, batch_sampler.batch_size, batch_sampler.drop_last
    if type(sampler) is SequentialSampler and len(sampler) == size:
        whole = range(size)
        return (slice(i, i + step) for i in whole[::step] if not drop_last or i + step <= size)
    if type(sampler) is RandomSampler and not sampler.replacement:
        if len(sampler.data_source) == size == sampler.num_samples:
            return _permuted(sampler, size, step, drop_last)
    return None


def _permuted(sampler: RandomSampler, size: int, step: int, drop_last: bool) -> Iterator[Tensor]:
    order = randperm(size, generator=sampler._own_generator())
    end = size - size % step
    for i in range(0, end, step):
        yield order[i : i + step]
    if sampler.generator is not None:
        # The sampler's last, empty pass. Nobody sees the generator if it is the sampler's own.
        randperm(size, generator=sampler.generator)
    if end < size and not drop_last:
        yield order[end:]
