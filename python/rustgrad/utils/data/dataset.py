"""Datasets: what can be indexed, what can only be iterated, and how to join and split them."""

import math
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

from ... import _rustgrad
from ..._rustgrad import Tensor, default_generator
from ..._rustgrad.torch import randperm

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

_T_co = TypeVar("_T_co", covariant=True)


class Dataset(Generic[_T_co]):
    """Examples by index: subclasses define `__getitem__`, and usually `__len__`.

    A subclass may define `__getitems__` as well: it takes a list of indices and returns a list of examples, and a
    loader then makes one such call for a batch.
    """

    def __getitem__(self, index) -> _T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: "Dataset") -> "Dataset":
        return ConcatDataset([self, other])


class IterableDataset(Dataset[_T_co], Iterable[_T_co]):
    """Examples one after another: subclasses define `__iter__`.

    Each worker of a loader iterates over a copy of its own; `get_worker_info()` tells it which part is its share.
    """

    def __add__(self, other: Dataset):
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors of equal first size; example i is the tuple of their rows i.

    Raises AssertionError if the first sizes differ.
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        if any(tensors[0].size(0) != tensor.size(0) for tensor in tensors):
            raise AssertionError("Size mismatch between tensors")
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple([tensor[index] for tensor in self.tensors])

    def __len__(self) -> int:
        return self.tensors[0].size(0)


def _fetch(dataset, indices: list) -> list:
    """The examples at `indices`, by one call where the dataset can answer one."""
    fetch = getattr(dataset, "__getitems__", None)
    if not callable(fetch):
        return [dataset[index] for index in indices]
    items: Any = fetch(indices)
    if len(items) != len(indices):
        raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(items)}")
    return items


class StackDataset(Dataset):
    """Datasets of equal length side by side; example i is the tuple, or the dict, of their examples i.

    Raises ValueError if lengths differ, if there is no dataset, or if datasets are given by position and by name.
    """

    datasets: tuple | dict

    def __init__(self, *args: Dataset, **kwargs: Dataset) -> None:
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or"
                "``dict``- (via ``kwargs``) like input/output, but both types are given."
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        lengths = [len(dataset) for dataset in args or kwargs.values()]  # type: ignore[arg-type]
        self._length = lengths[0]
        if any(length != self._length for length in lengths):
            raise ValueError("Size mismatch between datasets")
        self.datasets = args or kwargs

    def __getitem__(self, index):
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple([dataset[index] for dataset in self.datasets])

    def __getitems__(self, indices: list) -> list:
        if not isinstance(self.datasets, dict):
            columns = [_fetch(dataset, indices) for dataset in self.datasets]
            return list(zip(*columns))
        names = list(self.datasets)
        columns = [_fetch(dataset, indices) for dataset in self.datasets.values()]
        return [dict(zip(names, row)) for row in zip(*columns)]

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[_T_co]):
    """Datasets one after another, by index.

    Raises AssertionError if there is none, or if one can only be iterated.
    """

    datasets: list[Dataset[_T_co]]
    cumulative_sizes: list[int]

    @staticmethod
    def cumsum(sequence) -> list[int]:
        """For each dataset how many examples it and those in front of it have."""
        return list(accumulate(map(len, sequence)))

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = self.cumsum(self.datasets)

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx):
        if idx < 0:
            if -idx > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            idx += len(self)
        which = bisect_right(self.cumulative_sizes, idx)
        return self.datasets[which][idx - (self.cumulative_sizes[which - 1] if which else 0)]

    @property
    def cummulative_sizes(self) -> list[int]:
        """The old, misspelt name of `cumulative_sizes`."""
        message = "`cummulative_sizes` attribute is renamed to `cumulative_sizes`"
        warnings.warn(message, FutureWarning, stacklevel=2)
        return self.cumulative_sizes


class ChainDataset(IterableDataset):
    """Iterable datasets one after another. Others raise AssertionError when their turn comes."""

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = datasets

    def _checked(self):
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield dataset

    def __iter__(self):
        for dataset in self._checked():
            yield from dataset

    def __len__(self) -> int:
        return sum(map(len, self._checked()))  # type: ignore[arg-type]


class Subset(Dataset[_T_co]):
    """The examples of a dataset at some indices.

    A loader asks it for batches by `__getitems__`, so a subclass that changes `__getitem__` has to change both
    (NotImplementedError otherwise).
    """

    dataset: Dataset[_T_co]
    indices: Sequence[int]

    def __init__(self, dataset: Dataset[_T_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} overrides __getitem__ but not __getitems__. A DataLoader fetches the batches of a "
                "Subset by __getitems__, and would not see the change.\n"
                "hint: define __getitems__ as well:\n"
                "    def __getitems__(self, indices):\n"
                "        return [self[i] for i in indices]"
            )

    def __getitem__(self, idx):
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: list[int]) -> list[_T_co]:
        whole = [self.indices[i] for i in indices]
        fetch = getattr(self.dataset, "__getitems__", None)
        if callable(fetch):
            examples: Any = fetch(whole)
            return examples
        return [self.dataset[i] for i in whole]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Dataset[_T_co], lengths: Sequence[int | float], generator: _rustgrad.Generator | None = default_generator
) -> list[Subset[_T_co]]:
    """Split a dataset at random into subsets of `lengths`, or of fractions that sum to 1. One `randperm` is drawn.

    What fractions leave over goes to the first parts, one example each. Raises ValueError if the lengths do not sum to
    the dataset's, or a fraction is not between 0 and 1; warns of a part without examples.
    """
    size = len(dataset)  # type: ignore[arg-type]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        parts = []
        for index, fraction in enumerate(lengths):
            if fraction < 0 or fraction > 1:
                raise ValueError(f"Fraction at index {index} is not between 0 and 1")
            parts.append(math.floor(size * fraction))
        for index in range(size - sum(parts)):
            parts[index % len(parts)] += 1
        for index, length in enumerate(parts):
            if length == 0:
                message = f"Length of split at index {index} is 0. This might result in an empty dataset."
                warnings.warn(message, stacklevel=2)
        lengths = parts
    if sum(lengths) != size:
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = randperm(sum(lengths), generator=generator).tolist()  # type: ignore[arg-type]
    return [Subset(dataset, order[end - length : end]) for end, length in zip(accumulate(lengths), lengths)]  # type: ignore[misc]
