"""From indices to a batch: example by example, or with one gather a tensor where nobody could see the difference."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from ...._rustgrad import Tensor
from ...._rustgrad.torch import as_tensor
from ..dataset import StackDataset, Subset, TensorDataset
from . import collate

__all__ = ["IterableFetcher", "MapFetcher", "gather_of", "rows_of"]

# A batch of the rows that a slice, an int64 tensor or a list of ints names; None if it has to be made row by row.
Gather = Callable[[Any], Any]


class MapFetcher:
    """Batches of a dataset that can be indexed. With `rows`, indices come from `sampler.rows_of_batches`."""

    def __init__(self, dataset, auto_collation: bool, collate_fn, rows: bool = False) -> None:
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.gather = gather_of(dataset, collate_fn) if auto_collation else None
        self.rows = rows

    def fetch(self, index):
        """The batch of a list of indices, or without automatic batches the example of one index."""
        dataset = self.dataset
        if not self.auto_collation:
            return self.collate_fn(dataset[index])
        if self.gather is not None and (self.rows or type(index) is list):
            batch = self.gather(index)
            if batch is not None:
                return batch
        if self.rows:
            index = as_list(index, len(dataset))
        fetch = getattr(dataset, "__getitems__", None)
        return self.collate_fn(fetch(index) if fetch else [dataset[i] for i in index])


class IterableFetcher:
    """Batches of a dataset that can only be iterated. `fetch` raises StopIteration when there is no more."""

    def __init__(self, dataset, auto_collation: bool, collate_fn, drop_last: bool) -> None:
        self.examples = iter(dataset)
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.ended = False

    def fetch(self, index):
        """The next batch, of as many examples as `index` has elements; without automatic batches the next example."""
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.examples))
        batch = list(islice(self.examples, len(index)))
        self.ended = len(batch) < len(index)
        if not batch or (self.drop_last and self.ended):
            raise StopIteration
        return self.collate_fn(batch)


def as_list(rows, size: int) -> list:
    """The indices of a slice or tensor, as a list; a list as it is."""
    if isinstance(rows, slice):
        return list(range(size)[rows])
    return rows.tolist() if isinstance(rows, Tensor) else rows


def gather_of(dataset, collate_fn) -> Gather | None:
    """A function from indices to what `default_collate` would make of the examples; None if that cannot be known.

    It can where examples are rows of tensors, and neither the dataset's nor the collating functions are the user's own.
    """
    plain = collate_fn is collate.default_collate
    if plain and collate.default_collate_fn_map.get(Tensor) is collate.collate_tensor_fn:
        return _gather(dataset)
    return None


def _unchanged(dataset, kind: type) -> bool:
    """Whether a dataset gives the examples that `kind` gives."""
    own = type(dataset)
    same = own.__getitem__ is kind.__getitem__
    return same and getattr(own, "__getitems__", None) is getattr(kind, "__getitems__", None)


def _gather(dataset) -> Gather | None:
    if isinstance(dataset, TensorDataset) and _unchanged(dataset, TensorDataset):
        plain = all(type(t) is Tensor for t in dataset.tensors)
        return (lambda rows: rows_of(dataset.tensors, rows)) if plain else None
    if isinstance(dataset, Subset) and _unchanged(dataset, Subset):
        inner = _gather(dataset.dataset)
        if inner is None or not isinstance(dataset.indices, (list, tuple, range)):
            return None
        return lambda rows: inner(_picked(dataset.indices, rows))
    if isinstance(dataset, StackDataset) and _unchanged(dataset, StackDataset):
        return _gather_stacked(dataset.datasets)
    # The package's own datasets of images.
    gather = getattr(type(dataset), "_gather", None)
    return gather(dataset) if gather is not None else None


def _gather_stacked(datasets: tuple | dict) -> Gather | None:
    named = isinstance(datasets, dict)
    parts = [_gather(part) for part in (datasets.values() if named else datasets)]
    if None in parts:
        return None

    def gather(rows):
        batch = [part(rows) for part in parts if part is not None]
        if None in batch:
            return None
        return dict(zip(datasets, batch)) if named else batch

    return gather


def _picked(indices, rows):
    """The elements of `indices` at some rows: a list or another sequence."""
    if isinstance(rows, slice):
        return list(indices[rows])
    if isinstance(rows, Tensor):
        rows = rows.tolist()
    elif not _all_rows(rows, len(indices)):
        return ()
    return [indices[i] for i in rows]


def _all_rows(rows, size: int) -> bool:
    """Whether a sequence holds nothing but ints from 0 to `size`."""
    return bool(rows) and set(map(type, rows)) == {int} and min(rows) >= 0 and max(rows) < size


def rows_of(tensors: tuple[Tensor, ...], rows):
    """The rows of each tensor, as a list of new tensors; None if they are not plain rows."""
    if isinstance(rows, slice):
        return [t[rows].clone() for t in tensors]
    if not isinstance(rows, Tensor):
        # Negative indices, too large ones and other objects are left to the tensors' own indexing.
        if not _all_rows(rows, tensors[0].size(0)):
            return None
        rows = as_tensor(rows)
    here = rows.device
    return [t.index_select(0, rows if t.device == here else rows.to(t.device)) for t in tensors]
