"""What a loader's worker does, be it a thread or a process: it makes batches until it is told to stop.

A worker is sent `(task, index)`, `(RESTART, seed)` before another epoch, or None to end. It answers `(id, task, batch,
generator)`: the batch may be an ExceptionWrapper or ENDED, and the generator is as the worker's is after the batch.
"""

import copy
import sys
import threading
from collections.abc import Callable
from typing import Any

from ...._rustgrad import Generator, default_generator
from .fetch import IterableFetcher, MapFetcher

__all__ = ["ExceptionWrapper", "WorkerInfo", "get_worker_info"]


# Marks in messages. They are classes because those stay the same object when they are pickled.
class RESTART:
    """Instead of a task: begin again with the dataset."""


class ENDED:
    """Instead of a batch: an iterable dataset has no more."""


class DIED:
    """Instead of a batch: the user's code ended the thread, by SystemExit for instance."""


class _KeyErrorMessage(str):
    """A message that KeyError prints as it is, with its line breaks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """The exception being handled, as text, so that it can be raised in another thread or process."""

    def __init__(self, exc_info=None, where: str = "in background") -> None:
        # The traceback itself is not kept: its frames would keep the worker's batch alive.
        from traceback import format_exception

        kind, value, trace = exc_info or sys.exc_info()
        self.exc_type: Any = kind
        self.exc_msg = "".join(format_exception(kind, value, trace))
        self.where = where

    def reraise(self):
        """Raise an exception of the same class, with the traceback in its message.

        RuntimeError if the class cannot be made from a message.
        """
        kind = self.exc_type
        message = f"Caught {kind.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if kind is KeyError:
            raise KeyError(_KeyErrorMessage(message))
        if getattr(kind, "message", None):
            raise kind(message=message)
        try:
            error = kind(message)
        except Exception:
            raise RuntimeError(message) from None
        try:
            raise error
        finally:
            del error  # or the frame and the traceback would keep each other, and the iterator with them


class WorkerRNG:
    """The generators of one worker. Python's and NumPy's global ones are shared by all threads; these are not."""

    def __init__(self, base_seed: int, worker_id: int) -> None:
        self._seeds = base_seed, worker_id
        self.torch_generator = Generator().manual_seed(base_seed + worker_id)

    @property
    def random_generator(self):
        """A `random.Random`, in the state of Python's global generator in a worker process."""
        if not hasattr(self, "_random"):
            from random import Random

            self._random = Random(sum(self._seeds))
        return self._random

    @property
    def numpy_generator(self):
        """A NumPy `Generator`, seeded from the worker's seed."""
        if not hasattr(self, "_numpy"):
            import numpy as np

            self._numpy = np.random.default_rng(_generate_state(*self._seeds))
        return self._numpy


def _generate_state(base_seed: int, worker_id: int) -> list[int]:
    """Four words that seed NumPy's global generator in a worker, as in PyTorch."""
    import numpy as np

    entropy = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return np.random.SeedSequence(entropy).generate_state(4).tolist()


# Written out, since importing dataclasses takes longer than all of the loader.
class WorkerInfo:
    """Which worker this is. Fields cannot be set.

    id: its number, from 0. num_workers: how many there are. seed: what its generator was seeded with. dataset: its own
    copy of the dataset. rng: a thread's generators. worker_method: "thread" or "multiprocessing".
    """

    __slots__ = ("dataset", "id", "num_workers", "rng", "seed", "worker_method")

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: WorkerRNG | None
    worker_method: str | None

    def __init__(
        self, id: int, num_workers: int, seed: int, dataset, rng=None, worker_method: str | None = "multiprocessing"
    ) -> None:
        values = (dataset, id, num_workers, rng, seed, worker_method)
        for name, value in zip(self.__slots__, values):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value):
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __repr__(self) -> str:
        names = ("id", "num_workers", "seed", "dataset", "rng", "worker_method")
        return f"WorkerInfo({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


_here = threading.local()
# A worker process is one worker, whichever of its threads asks.
_of_process: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """What is known of the worker that calls this; None outside a worker."""
    return getattr(_here, "info", _of_process)


class Job:
    """What the workers of one iterator have in common."""

    def __init__(
        self,
        dataset,
        iterable: bool,
        auto_collation: bool,
        collate_fn,
        drop_last: bool,
        base_seed: int = 0,
        num_workers: int = 0,
        init_fn: Callable[[int], Any] | None = None,
        rows: bool = False,
    ) -> None:
        self.dataset = dataset
        self.iterable = iterable
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.base_seed = base_seed
        self.num_workers = num_workers
        self.init_fn = init_fn
        # Whether indices are slices or tensors of `sampler.rows_of_batches`.
        self.rows = rows
        # For each worker of a resumed epoch: how many batches it gave, and the state its generator had after the last.
        self.resume: list[tuple[int, Any]] | None = None
        # The index that asks an iterable dataset for one batch.
        self.next_index: Any = None

    def fetcher(self, dataset):
        """A fetcher at the beginning of the dataset."""
        collate_fn = self.of_copy(self.collate_fn, dataset)
        if self.iterable:
            return IterableFetcher(dataset, self.auto_collation, collate_fn, self.drop_last)
        return MapFetcher(dataset, self.auto_collation, collate_fn, self.rows)

    def of_copy(self, function, dataset):
        """A function that is a method of the dataset, as the method of a worker's copy: what it sets, the copy has."""
        if dataset is not self.dataset and getattr(function, "__self__", None) is self.dataset:
            return getattr(function, "__func__", function).__get__(dataset)
        return function


def _is_generator_of_python(value) -> bool:
    module, name = type(value).__module__, type(value).__name__
    return (module, name) == ("random", "Random") or module.startswith("numpy.random.")


def copy_for_thread(dataset):
    """A copy whose attributes a worker may set: the examples themselves stay shared.

    Datasets inside the dataset are copied as well, and generators, since a stream that several threads share would
    come out in another order each time. Shared as a whole is what has no attributes, what cannot be copied, and what
    has a `__del__`, which might close what the others still read.
    """
    from ..dataset import Dataset

    kind = type(dataset)
    if hasattr(kind, "_copy_for_thread"):
        return dataset._copy_for_thread({})
    foreign = hasattr(kind, "__copy__") and not isinstance(dataset, Dataset)
    if foreign or hasattr(kind, "__del__") or not hasattr(dataset, "__dict__"):
        return dataset
    try:
        twin = copy.copy(dataset)
    except Exception:
        return dataset

    def own(value):
        if isinstance(value, Dataset):
            return copy_for_thread(value)
        if isinstance(value, Generator):
            return value if value is default_generator else value.clone_state()
        if _is_generator_of_python(value):
            return copy.deepcopy(value)
        if type(value) in (list, tuple) and value and all(isinstance(item, Dataset) for item in value):
            return type(value)(map(copy_for_thread, value))
        if type(value) is dict and value and all(isinstance(item, Dataset) for item in value.values()):
            return {name: copy_for_thread(item) for name, item in value.items()}
        return value

    attributes = vars(twin)
    for name, value in list(attributes.items()):
        changed = own(value)
        if changed is not value:
            attributes[name] = changed
    return twin


def seed_pipe(pipe, seed: int) -> None:
    """Seed what draws in a pipeline, alike in every worker, so that each has the same order to take its share of."""
    from ..graph_settings import apply_random_seed

    apply_random_seed(pipe, Generator().manual_seed(seed))


def share_pipe(pipe, count: int, number: int) -> None:
    """Give the pipes of a pipeline that can be shared the share of one worker."""
    from ..graph_settings import apply_sharding

    apply_sharding(pipe, count, number)


def _begin(job: Job, worker_id: int, dataset):
    """The worker's fetcher, after what an earlier run of a resumed epoch gave."""
    if hasattr(type(dataset), "_copy_for_thread"):
        share_pipe(dataset, job.num_workers, worker_id)
    if job.init_fn is not None:
        job.of_copy(job.init_fn, dataset)(worker_id)
    fetcher = job.fetcher(dataset)
    if job.resume is not None:
        count, state = job.resume[worker_id]
        for _ in range(count if job.iterable else 0):
            fetcher.fetch(job.next_index)
        if state is not None:
            default_generator.set_state(state)
    return fetcher


def work(job: Job, worker_id: int, dataset, rng: WorkerRNG | None, receive, send, stopped) -> None:
    """Serve as one worker until told to stop.

    `receive()` waits for a message, `send(answer)` returns at once, `stopped()` says whether answers are still wanted.
    `rng` is None in a process, whose global generators are the worker's.
    """
    where = f"in DataLoader worker process {worker_id}"
    seed = job.base_seed + worker_id
    method = "multiprocessing" if rng is None else "thread"
    _enter(WorkerInfo(worker_id, job.num_workers, seed, dataset, rng, method))
    fetcher = failure = None
    try:
        fetcher = _begin(job, worker_id, dataset)
    except Exception:
        failure = ExceptionWrapper(where=where)
    ended = False
    while (message := receive()) is not None:
        if stopped():
            continue
        task, index = message
        if task is RESTART:
            send((worker_id, RESTART, None, default_generator.clone_state()))
            ended = False
            try:
                if index is not None:
                    seed_pipe(dataset, index)
                fetcher, failure = job.fetcher(dataset), None
            except Exception:
                failure = ExceptionWrapper(where=where)
            continue
        if fetcher is None or failure is not None:
            answer = failure
        elif ended:
            answer = ENDED
        else:
            try:
                answer = fetcher.fetch(index)
            except Exception as error:
                ended = job.iterable and isinstance(error, StopIteration)
                answer = ENDED if ended else ExceptionWrapper(where=where)
        send((worker_id, task, answer, default_generator.clone_state()))
        del answer, index, message  # a worker that waits keeps no batch alive


def _enter(info: WorkerInfo) -> None:
    """From here on `get_worker_info()` knows the worker."""
    global _of_process
    if info.rng is None:
        _of_process = info
    else:
        _here.info = info
