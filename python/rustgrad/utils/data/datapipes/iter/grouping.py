"""Batches, what is in batches, and groups of what belongs together."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from .._decorator import functional_datapipe
from ..datapipe import DataChunk, IterDataPipe, length_of
from ..utils.common import check_function

__all__ = ["BatcherIterDataPipe", "GrouperIterDataPipe", "UnBatcherIterDataPipe"]


@functional_datapipe("batch")
class BatcherIterDataPipe(IterDataPipe[DataChunk]):
    """Lists of `batch_size` elements each; drop_last leaves out a shorter last one."""

    def __init__(
        self, datapipe: IterDataPipe, batch_size: int, drop_last: bool = False, wrapper_class: Any = DataChunk
    ) -> None:
        if batch_size <= 0:
            raise AssertionError("Batch size is required to be larger than 0!")
        super().__init__()
        self.datapipe = datapipe
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.wrapper_class = wrapper_class

    def __iter__(self) -> Iterator[DataChunk]:
        batch = []
        for element in self.datapipe:
            batch.append(element)
            if len(batch) == self.batch_size:
                yield self.wrapper_class(batch)
                batch = []
        if batch and not self.drop_last:
            yield self.wrapper_class(batch)

    def __len__(self) -> int:
        length = length_of(self, self.datapipe)
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)


@functional_datapipe("unbatch")
class UnBatcherIterDataPipe(IterDataPipe):
    """The elements of lists, of lists of lists by `unbatch_level` 2 and so on; -1 for as deep as there are lists.

    Raises ValueError for other levels below 0, IndexError where there are fewer levels.
    """

    def __init__(self, datapipe: IterDataPipe, unbatch_level: int = 1) -> None:
        self.datapipe = datapipe
        self.unbatch_level = unbatch_level

    def __iter__(self):
        if self.unbatch_level < -1:
            raise ValueError("unbatch_level must be -1 or >= 0")
        for element in self.datapipe:
            yield from self._opened(element, self.unbatch_level)

    def _opened(self, element, level: int):
        if level == 0 or (level < 0 and not isinstance(element, list)):
            yield element
        elif not isinstance(element, list):
            raise IndexError(f"unbatch_level {self.unbatch_level} exceeds the depth of the DataPipe")
        else:
            for item in element:
                yield from self._opened(item, max(level - 1, -1))


@functional_datapipe("groupby")
class GrouperIterDataPipe(IterDataPipe[Any]):
    """Lists of elements for which `group_key_fn` gives the same key.

    keep_key: gives (key, list). buffer_size: how many elements may wait for others; when it is full the largest group
    is given. group_size: how many a group has at most; guaranteed_group_size: how many at least, where the buffer is
    full. A group that is smaller then is left out if `drop_remaining`, else RuntimeError. At the end of the pipe come
    all groups that wait, of any size. A key is its own group's, also where the buffer was full and PyTorch gives the
    last element's.
    """

    _unsaved = {
        **IterDataPipe._unsaved,
        "buffer_elements": lambda: defaultdict(list),
        "curr_buffer_size": lambda: 0,
    }

    def __init__(
        self,
        datapipe: IterDataPipe,
        group_key_fn: Callable[[Any], Any],
        *,
        keep_key: bool = False,
        buffer_size: int = 10000,
        group_size: int | None = None,
        guaranteed_group_size: int | None = None,
        drop_remaining: bool = False,
    ) -> None:
        check_function(group_key_fn)
        self.datapipe = datapipe
        self.group_key_fn = group_key_fn
        self.keep_key = keep_key
        self.max_buffer_size = buffer_size
        self.buffer_elements: defaultdict[Any, list] = defaultdict(list)
        self.curr_buffer_size = 0
        self.group_size = group_size
        self.guaranteed_group_size = None
        if group_size is not None and buffer_size is not None:
            if not 0 < group_size <= buffer_size:
                raise AssertionError("group_size must be > 0 and <= buffer_size")
            self.guaranteed_group_size = group_size
        if guaranteed_group_size is not None:
            if group_size is None or not 0 < guaranteed_group_size <= group_size:
                raise AssertionError("guaranteed_group_size must be > 0 and <= group_size and group_size must be set")
            self.guaranteed_group_size = guaranteed_group_size
        self.drop_remaining = drop_remaining
        self.wrapper_class: Any = DataChunk

    def _take(self, key):
        group = self.buffer_elements.pop(key)
        self.curr_buffer_size -= len(group)
        chunk = self.wrapper_class(group)
        return (key, chunk) if self.keep_key else chunk

    def __iter__(self):
        for element in self.datapipe:
            key = self.group_key_fn(element)
            self.buffer_elements[key].append(element)
            self.curr_buffer_size += 1
            if self.group_size == len(self.buffer_elements[key]):
                yield self._take(key)
            if self.curr_buffer_size == self.max_buffer_size:
                waiting = self.buffer_elements
                largest = max(waiting, key=lambda key: len(waiting[key]))
                small = len(waiting[largest]) < (self.guaranteed_group_size or 0)
                if small and not self.drop_remaining:
                    raise RuntimeError("Failed to group items", str(waiting[largest]))
                taken = self._take(largest)
                if not small:
                    yield taken
        for key in list(self.buffer_elements):
            yield self._take(key)

    def reset(self) -> None:
        self.curr_buffer_size = 0
        self.buffer_elements = defaultdict(list)
