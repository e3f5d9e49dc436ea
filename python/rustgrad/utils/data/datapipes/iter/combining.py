"""Pipes of several pipes, and several pipes of one."""

import copy as copies
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from .._decorator import functional_datapipe
from .._hook_iterator import _SnapshotState
from ..datapipe import IterDataPipe, length_of
from ..utils.common import StreamWrapper, check_function

__all__ = [
    "ConcaterIterDataPipe",
    "DemultiplexerIterDataPipe",
    "ForkerIterDataPipe",
    "MultiplexerIterDataPipe",
    "ZipperIterDataPipe",
]


@functional_datapipe("concat")
class ConcaterIterDataPipe(IterDataPipe):
    """The elements of one pipe after the other's. ValueError for no pipe, TypeError for what is no pipe."""

    def __init__(self, *datapipes: IterDataPipe) -> None:
        if not datapipes:
            raise ValueError("Expected at least one DataPipe, but got nothing")
        if not all(isinstance(pipe, IterDataPipe) for pipe in datapipes):
            raise TypeError("Expected all inputs to be `IterDataPipe`")
        self.datapipes = datapipes

    def __iter__(self) -> Iterator:
        for pipe in self.datapipes:
            yield from pipe

    def __len__(self) -> int:
        return sum(length_of(self, pipe) for pipe in self.datapipes)


def _same(element):
    return element


def _branches(container, count: int) -> list[IterDataPipe]:
    return [_ChildDataPipe(container, number) for number in range(count)]


class ForkerIterDataPipe(IterDataPipe):
    """`num_instances` pipes that each give all elements of one.

    buffer_size: how far the first may be ahead of the last, BufferError if it is further; -1 for any distance.
    copy: None gives all of them the same objects, "shallow" and "deep" copies. ValueError for other words.
    """

    def __new__(cls, datapipe, num_instances: int, buffer_size: int = 1000, copy: str | None = None) -> Any:
        if num_instances < 1:
            raise ValueError(f"Expected `num_instances` larger than 0, but {num_instances} is found")
        if num_instances == 1:
            return datapipe
        return _branches(_ForkerIterDataPipe(datapipe, num_instances, buffer_size, copy), num_instances)


functional_datapipe("fork")(ForkerIterDataPipe)


class _Container(IterDataPipe):
    """What the branches of one pipe share: its iterator, begun by the branch that asks first, and a round's number."""

    _kind_of_split: ClassVar[str]
    _unsaved = {**IterDataPipe._unsaved, "_source": lambda: None}

    def __init__(self, datapipe, num_instances: int, buffer_size: int) -> None:
        if buffer_size < 0:
            warnings.warn(
                f"Unlimited buffer size is set for `{self._kind_of_split}`, please be aware of OOM at random places",
                UserWarning,
                stacklevel=4,
            )
        self.main_datapipe = datapipe
        self.num_instances = num_instances
        self.buffer_size = buffer_size
        self._source: Any = None
        self._round = 0
        self._fresh()

    def _fresh(self) -> None:
        """Buffers as they are before the first element."""
        self._source = None
        self._running: set[int] | None = None  # branches that have not come to their end; None before the first asks
        self._ended = False

    def __setstate__(self, state) -> None:
        super().__setstate__(state)
        if isinstance(state, dict):
            self._fresh()

    def _next_of(self, number: int):
        """The next element of a branch; StopIteration at its end."""
        raise NotImplementedError

    def _close_buffers(self) -> None:
        raise NotImplementedError

    def get_next_element_by_instance(self, instance_id: int):
        """The elements of one branch."""
        begun = self._round
        if self._running is None:
            self._source = iter(self.main_datapipe)
            self._snapshot_state = _SnapshotState.Iterating
            self._running = set(range(self.num_instances))
        try:
            while instance_id in self._running:
                try:
                    element = self._next_of(instance_id)
                except StopIteration:
                    return
                yield element
        finally:
            if begun == self._round and self._running is not None:
                self._running.discard(instance_id)
                if not self._running:
                    self._source = None
                    self._close_buffers()

    def is_every_instance_exhausted(self) -> bool:
        """Whether the source has come to its end and each branch as well."""
        return self._ended and not self._running

    def reset(self) -> None:
        self._round += 1
        self._fresh()


class _ForkerIterDataPipe(_Container):
    _kind_of_split = "fork"

    def __init__(self, datapipe, num_instances: int, buffer_size: int = 1000, copy: str | None = None) -> None:
        super().__init__(datapipe, num_instances, buffer_size)
        known: dict[Any, Callable] = {None: _same, "shallow": copies.copy, "deep": copies.deepcopy}
        if copy not in known:
            raise ValueError(f"Unknown copy method `{copy}` requested, choose one of None, `shallow` or `deep`.")
        self.copy_fn = known[copy]

    def _fresh(self) -> None:
        super()._fresh()
        self._at = [0] * self.num_instances  # which element each branch gives next
        self._buffer: deque[Any] = deque()
        self._first = 0  # which element the buffer begins with

    def __len__(self) -> int:
        return len(self.main_datapipe)

    def _next_of(self, number: int):
        at = self._at[number]
        if at - self._first == len(self._buffer):
            if self._ended:
                raise StopIteration
            try:
                self._buffer.append(next(self._source))
            except StopIteration:
                self._ended = True
                raise
        element = self._buffer[at - self._first]
        self._at[number] += 1
        slowest = min(self._at)
        while self._first < slowest:
            self._buffer.popleft()
            self._first += 1
        if 0 <= self.buffer_size < len(self._buffer):
            raise BufferError(f"ForkerIterDataPipe buffer overflow,buffer size {self.buffer_size} is insufficient.")
        return self.copy_fn(element)

    def get_length_by_instance(self, instance_id: int) -> int:
        """All branches have the length of the source."""
        return len(self.main_datapipe)

    def _close_buffers(self) -> None:
        while self._buffer:
            StreamWrapper.close_streams(self._buffer.popleft())


class _ChildDataPipe(IterDataPipe):
    """One branch. A new iterator of a branch that has one begins a new round for all of them."""

    _is_child_datapipe = True

    def __init__(self, main_datapipe: Any, instance_id: int) -> None:
        if not isinstance(main_datapipe, _Container):
            raise AssertionError("main_datapipe must implement _ContainerTemplate")
        self.main_datapipe = main_datapipe
        self.instance_id = instance_id

    def __iter__(self):
        return self.main_datapipe.get_next_element_by_instance(self.instance_id)

    def __len__(self) -> int:
        return self.main_datapipe.get_length_by_instance(self.instance_id)

    def _enter_round(self) -> None:
        shared = self.main_datapipe
        if shared._valid_iterator_id is None:
            shared._valid_iterator_id = 0
        elif shared._valid_iterator_id == self._valid_iterator_id:
            shared._valid_iterator_id += 1
            if not shared.is_every_instance_exhausted():
                warnings.warn(
                    "Some child DataPipes are not exhausted when __iter__ is called. We are resetting the buffer and "
                    "each child DataPipe will read from the start again.",
                    UserWarning,
                    stacklevel=2,
                )
            shared.reset()
        # Otherwise the branch joins the round that another one has begun.
        self._valid_iterator_id = shared._valid_iterator_id

    def _round_is(self, number: int) -> bool:
        return self.main_datapipe._valid_iterator_id == number


@functional_datapipe("demux")
class DemultiplexerIterDataPipe(IterDataPipe):
    """`num_instances` pipes; `classifier_fn` says by a number which of them gets an element.

    drop_none: leave out elements for which it gives None. buffer_size: how many elements may wait, BufferError for
    more; -1 for any number. ValueError for numbers of no pipe.
    """

    def __new__(
        cls,
        datapipe: IterDataPipe,
        num_instances: int,
        classifier_fn: Callable[[Any], int | None],
        drop_none: bool = False,
        buffer_size: int = 1000,
    ) -> Any:
        if num_instances < 1:
            raise ValueError(f"Expected `num_instances` larger than 0, but {num_instances} is found")
        check_function(classifier_fn)
        # With one pipe there still are elements to leave out.
        container = _DemultiplexerIterDataPipe(datapipe, num_instances, classifier_fn, drop_none, buffer_size)
        return _branches(container, num_instances)


class _DemultiplexerIterDataPipe(_Container):
    _kind_of_split = "demux"

    def __init__(self, datapipe, num_instances: int, classifier_fn, drop_none: bool, buffer_size: int) -> None:
        super().__init__(datapipe, num_instances, buffer_size)
        self.classifier_fn = classifier_fn
        self.drop_none = drop_none

    def _fresh(self) -> None:
        super()._fresh()
        self._waiting: list[deque[Any]] = [deque() for _ in range(self.num_instances)]

    def _next_of(self, number: int):
        if self._waiting[number]:
            return self._waiting[number].popleft()
        if self._ended:
            raise StopIteration
        while True:
            try:
                element = next(self._source)
            except StopIteration:
                self._ended = True
                raise
            chosen = self.classifier_fn(element)
            if chosen is None and self.drop_none:
                StreamWrapper.close_streams(element)
                continue
            if chosen is None or not 0 <= chosen < self.num_instances:
                raise ValueError(
                    f"Output of the classification fn should be between 0 and {self.num_instances - 1}. "
                    f"{chosen} is returned."
                )
            if chosen == number:
                return element
            self._waiting[chosen].append(element)
            if 0 <= self.buffer_size < sum(map(len, self._waiting)):
                raise BufferError(
                    f"DemultiplexerIterDataPipe buffer overflow, buffer size {self.buffer_size} is insufficient."
                )

    def get_length_by_instance(self, instance_id: int) -> int:
        """TypeError: nobody knows how many elements a branch will get."""
        raise TypeError

    def _close_buffers(self) -> None:
        for waiting in self._waiting:
            while waiting:
                StreamWrapper.close_streams(waiting.popleft())


@functional_datapipe("mux")
class MultiplexerIterDataPipe(IterDataPipe):
    """One element of each pipe in turn, as long as all of them have one."""

    def __init__(self, *datapipes) -> None:
        self.datapipes = datapipes

    def __iter__(self):
        for elements in zip(*self.datapipes):
            yield from elements

    def __len__(self) -> int:
        return min(length_of(self, pipe) for pipe in self.datapipes) * len(self.datapipes)


@functional_datapipe("zip")
class ZipperIterDataPipe(IterDataPipe):
    """Tuples of one element of each pipe, as long as all of them have one."""

    def __init__(self, *datapipes: IterDataPipe) -> None:
        if not all(isinstance(pipe, IterDataPipe) for pipe in datapipes):
            raise TypeError("All inputs are required to be `IterDataPipe` for `ZipIterDataPipe`.")
        super().__init__()
        self.datapipes = datapipes

    def __iter__(self) -> Iterator[tuple]:
        yield from zip(*self.datapipes)

    def __len__(self) -> int:
        return min(length_of(self, pipe) for pipe in self.datapipes)
