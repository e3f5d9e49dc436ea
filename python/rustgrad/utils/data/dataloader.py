"""DataLoader: batches of a dataset, in the order of a sampler, fetched by the caller or ahead of time by workers."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from ..._rustgrad import default_generator
from ._utils import progress
from ._utils.collate import default_collate, default_convert
from ._utils.worker import get_worker_info
from .dataset import Dataset, IterableDataset
from .iterators import _BaseDataLoaderIter, _MultiProcessingDataLoaderIter, _SingleProcessDataLoaderIter
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

_T_co = TypeVar("_T_co", covariant=True)

# What annotations of programs call the functions that a loader takes.
_worker_init_fn_t = Callable[[int], None]
_collate_fn_t = Callable[[list], Any]

# What an iterator has taken over when it begins, so that a change could not reach it.
_FIXED = frozenset(("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"))


class _DatasetKind:
    Map = 0
    Iterable = 1


class _InfiniteConstantSampler(Sampler):
    """None without end: the indices of a dataset that can only be iterated."""

    def __iter__(self):
        while True:
            yield None


class DataLoader(Generic[_T_co]):
    """Iterates over a dataset in batches.

    dataset: anything with `__getitem__` and `__len__`, or an `IterableDataset`.
    batch_size, drop_last: how many examples a batch has; whether a last, shorter one is left out. batch_size=None gives
        single examples.
    shuffle, sampler, batch_sampler: the order; a sampler gives indices, a batch sampler lists of them.
    collate_fn: makes a batch of a list of examples; `default_collate`, or without batches `default_convert`.
    num_workers: 0 fetches each batch when it is asked for. More fetch ahead, up to `prefetch_factor` (2) batches each;
        batches and their order are the same, but for what examples draw at random: worker i draws from a generator
        seeded with a number drawn by the loader, plus i. `in_order=False` gives batches as they come.
    multiprocessing_context: None for workers that are threads of this process. They need no pickling and no guard
        around `__main__`, and copy no examples; each has a copy of the dataset's attributes, its own default generator
        and the caller's grad mode and default dtype. Python's `random` and NumPy's global generator are shared by
        threads: use `get_worker_info().rng`. "fork", "spawn", "forkserver" or a context makes processes.
    worker_init_fn: called with its number in each worker, before it begins.
    persistent_workers: keep the workers from one epoch to the next.
    timeout: seconds after which a batch that does not come raises RuntimeError; 0 waits.
    generator: draws the order and the workers' seeds, instead of the default generator.
    pin_memory, pin_memory_device: accepted; memory is not pinned.

    Exceptions of a worker are raised again with its traceback in their message. `state_dict` and `load_state_dict` let
    an epoch go on where it was left. Raises ValueError for arguments that do not go together, or are out of range.
    """

    dataset: Any
    batch_size: int | None
    num_workers: int
    pin_memory: bool
    drop_last: bool
    timeout: float
    sampler: Any
    batch_sampler: Any
    pin_memory_device: str
    prefetch_factor: int | None
    _iterator: _BaseDataLoaderIter | None
    _initialized = False

    def __init__(
        self,
        dataset: "Dataset[_T_co]",
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler | Iterable | None = None,
        batch_sampler: Sampler[list] | Iterable[list] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing."
                "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
            )
        if num_workers > 0 and prefetch_factor is None:
            prefetch_factor = 2
        if prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self._iterable = isinstance(dataset, IterableDataset)
        self._dataset_kind = _DatasetKind.Iterable if self._iterable else _DatasetKind.Map
        if self._iterable and shuffle is not None and hasattr(type(dataset), "_copy_for_thread"):
            # A pipe is told itself.
            from .graph_settings import apply_shuffle_settings

            self.__dict__["dataset"] = dataset = apply_shuffle_settings(dataset, shuffle)
            shuffle = None
        if self._iterable:
            for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
                if value is not None:
                    raise ValueError(
                        f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                    )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if self._iterable:
                sampler = _InfiniteConstantSampler()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn: Any = collate_fn
        self.persistent_workers = persistent_workers
        self._initialized = True
        # What len() said of a stream: iterators warn when they give more.
        self._IterableDataset_len_called: int | None = None
        self._iterator = None
        self._progress: progress.Progress | None = None
        self._resume: dict[str, Any] | None = None
        self.check_worker_number_rationality()

    @property
    def multiprocessing_context(self):
        """The context that makes processes of the workers; None for threads."""
        return self._multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context):
        if context is not None:
            if not self.num_workers > 0:
                raise ValueError(
                    "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
                    f"num_workers={self.num_workers}"
                )
            import multiprocessing
            from multiprocessing.context import BaseContext

            if isinstance(context, str):
                valid = multiprocessing.get_all_start_methods()
                if context not in valid:
                    raise ValueError(
                        f"multiprocessing_context option should specify a valid start method in {valid!r}, but got "
                        f"multiprocessing_context={context!r}"
                    )
                context = multiprocessing.get_context(context)
            if not isinstance(context, BaseContext):
                raise TypeError(
                    "multiprocessing_context option should be a valid context object or a string specifying the start "
                    f"method, but got multiprocessing_context={context}"
                )
        self._multiprocessing_context = context

    def __setattr__(self, attr, val):
        if attr in _FIXED and self._initialized:
            raise ValueError(
                f"{attr} attribute should not be set after {self.__class__.__name__} is initialized\n"
                "hint: make a new DataLoader"
            )
        super().__setattr__(attr, val)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _get_iterator(self, resume: dict[str, Any] | None = None) -> _BaseDataLoaderIter:
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self, resume)
        return _MultiProcessingDataLoaderIter(self, resume)

    def __iter__(self) -> Iterator[Any]:
        if self._resume is not None:
            return self._resumed()
        self._progress = progress.Progress(self)
        if not self.persistent_workers:
            return self._get_iterator()
        if isinstance(self._iterator, _MultiProcessingDataLoaderIter) and self._iterator._death is None:
            self._iterator._reset(self)
        else:
            self._iterator = self._get_iterator()
        return self._iterator

    def __len__(self) -> int:
        if not self._iterable:
            return len(self._index_sampler)
        length = self._IterableDataset_len_called = len(self.dataset)
        if self.batch_size is None:
            return length
        whole, rest = divmod(length, self.batch_size)
        return whole if self.drop_last else whole + (rest > 0)

    def check_worker_number_rationality(self) -> None:
        """Warn of more worker processes than there are processors. Of threads, which are cheap, many more are fine."""
        if not self.num_workers:
            return
        threads = self.multiprocessing_context is None
        kind = "threads" if threads else "processes"
        counted = hasattr(os, "sched_getaffinity")
        processors = len(os.sched_getaffinity(0)) if counted else os.cpu_count()
        if self.num_workers <= (processors or 0) or (threads and self.num_workers <= max(64, 16 * (processors or 0))):
            return
        if processors is None:
            most = "DataLoader is not able to compute a suggested max number of worker in current system."
        else:
            most = (
                f"Our suggested max number of worker in current system is {processors}"
                f"{'' if counted else ' (`cpuset` is not taken into account)'}, which is smaller than what this "
                "DataLoader is going to create."
            )
        warnings.warn(
            f"This DataLoader will create {self.num_workers} worker {kind} in total. {most} Please be aware that "
            "excessive worker creation might get DataLoader running slow or even freeze, lower the worker number to "
            "avoid potential slowness/freeze if necessary.",
            stacklevel=3,
        )

    def state_dict(self) -> dict[str, Any]:
        """How far the epoch has come, as numbers, lists and uint8 tensors: what a checkpoint saves.

        Counted are the batches that were given, not those that workers have fetched ahead. The default generator is the
        program's: save `get_rng_state()` beside it. A name that PyTorch's own loader does not have.
        """
        return progress.state_of(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next epoch begin where `state_dict` was made.

        The order is drawn again as it was, without disturbing the default generator, and batches that were given are
        left out: unread where examples have indices, while a stream is read again up to there. Any number of workers
        may go on from any other; an IterableDataset needs the same. Raises ValueError for another batch size.
        """
        progress.check(self, state_dict)
        epoch = state_dict["epoch"]
        progress.restore(self, state_dict["generators"])
        self._progress = None
        self._resume = epoch

    def _resumed(self) -> Iterator[Any]:
        resume: Any = self._resume
        self._resume = None
        now = default_generator.get_state()
        progress.restore(self, resume["generators"])
        default_generator.set_state(resume["default_generator"])
        try:
            self._progress = progress.Progress(self)
            iterator = self._get_iterator(resume)
        finally:
            default_generator.set_state(now)
        if self.persistent_workers:
            self._iterator = iterator
        return iterator

    def __getstate__(self):
        # A copy in another process has epochs of its own.
        return {**self.__dict__, "_progress": None}
