"""Iterators of a loader: one that fetches batches itself, and one that has workers fetch them ahead of time."""

import queue
import warnings
from itertools import chain, islice
from typing import Any

from ..._rustgrad import Generator
from ._utils import MP_STATUS_CHECK_INTERVAL
from ._utils.fetch import gather_of
from ._utils.progress import Progress
from ._utils.worker import ENDED, RESTART, ExceptionWrapper, Job, seed_pipe, share_pipe
from .sampler import draw_seed, rows_of_batches

__all__ = []


class _BaseDataLoaderIter:
    """What both iterators share: the order of indices, the draw of the base seed, the count of batches."""

    def __init__(self, loader, resume: dict[str, Any] | None = None) -> None:
        self._dataset = loader.dataset
        self._iterable = loader._iterable
        self._auto_collation = loader._auto_collation
        self._collate_fn = loader.collate_fn
        self._drop_last = loader.drop_last
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        self._timeout = loader.timeout
        self._resume = resume
        self._rows = self._can_take_rows(loader)
        # Pipes that draw are seeded, and share the elements among workers.
        self._is_pipe = hasattr(type(self._dataset), "_copy_for_thread")
        self._seed_pipe(loader)
        self._begin(loader)
        if resume is None or resume["base_seed_drawn"]:
            self._base_seed = draw_seed(loader.generator)
        else:
            self._base_seed = resume["base_seed"]
            self._progress.base_seed_drawn = False
        self._progress.base_seed = self._base_seed

    def _seed_pipe(self, loader) -> int | None:
        if not (self._is_pipe and self._iterable):
            return None
        seed = draw_seed(loader.generator)
        seed_pipe(self._dataset, seed)
        return seed

    def _can_take_rows(self, loader) -> bool:
        # A worker's init function might change what the dataset is.
        plain = loader.worker_init_fn is None and loader.multiprocessing_context is None
        if self._iterable or not self._auto_collation or not plain:
            return False
        return gather_of(self._dataset, self._collate_fn) is not None

    def _begin(self, loader) -> None:
        """Begin an epoch: a new pass over the sampler."""
        self._progress: Progress = loader._progress
        self._num_yielded = 0
        self._len_called = loader._IterableDataset_len_called
        rows = rows_of_batches(self._index_sampler, len(self._dataset)) if self._rows else None
        self._rows = rows is not None
        self._sampler_iter: Any = iter(self._index_sampler) if rows is None else rows

    def _skip_indices(self, resume: dict[str, Any]) -> None:
        """Draw the indices of the batches that the resumed epoch gave already."""
        first, ahead = resume["batches"], set(resume["ahead"])
        self._progress.batches, self._progress.ahead = first, set(ahead)
        indices = self._sampler_iter
        for _ in islice(indices, first):
            pass
        if first == 0 and resume["sampler_begun"]:
            # A sampler draws when its first index is asked for, which workers had done.
            indices = chain(list(islice(indices, 1)), indices)
        if ahead:
            indices = (index for batch, index in enumerate(indices, first) if batch not in ahead)
        self._sampler_iter = indices

    def _next_index(self):
        return next(self._sampler_iter)

    def _next_data(self):
        raise NotImplementedError

    def __iter__(self):
        return self

    def __next__(self):
        data = self._next_data()
        self._num_yielded += 1
        if self._len_called is not None and self._num_yielded > self._len_called:
            self._warn_of_length()
        return data

    def _warn_of_length(self) -> None:
        message = (
            f"Length of IterableDataset {self._dataset} was reported to be {self._len_called}"
            f"(when accessing len(dataloader)), but {self._num_yielded} samples have been fetched. "
        )
        if self._num_workers > 0:
            message += (
                "For multiprocessing data-loading, this could be caused by not properly configuring the "
                "IterableDataset replica at each worker. Please see "
                "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for examples."
            )
        warnings.warn(message, stacklevel=3)

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __getstate__(self):
        raise NotImplementedError("{} cannot be pickled", self.__class__.__name__)


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """Fetches each batch when it is asked for."""

    def __init__(self, loader, resume=None) -> None:
        super().__init__(loader, resume)
        if self._timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        if self._num_workers != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires num_workers == 0")
        parts = self._dataset, self._iterable, self._auto_collation, self._collate_fn, self._drop_last
        job = Job(*parts, rows=self._rows)
        if self._is_pipe:
            share_pipe(self._dataset, 1, 0)
        self._fetcher: Any = job.fetcher(self._dataset)
        if resume is not None:
            self._go_on(resume)

    def _go_on(self, resume: dict[str, Any]) -> None:
        if not self._iterable:
            self._skip_indices(resume)
            return
        # A stream is read again, up to where it was left.
        self._num_yielded = self._progress.batches = resume["batches"]
        for _ in range(resume["batches"]):
            try:
                self._fetcher.fetch(self._next_index())
            except StopIteration:
                return

    def _next_data(self):
        progress = self._progress
        try:
            index = next(self._sampler_iter)
            # A batch that raises counts as well: the next call goes on behind it.
            if progress.ahead:
                progress.given(progress.batches)
            else:
                progress.batches += 1
            return self._fetcher.fetch(index)
        except StopIteration:
            progress.finished = True
            raise


class _Task:
    """A batch that was asked for: which worker makes it, and its answer once that has come."""

    __slots__ = ("answer", "worker")

    def __init__(self, worker: int) -> None:
        self.worker = worker
        self.answer: Any = None


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Has workers fetch batches ahead of time, up to `prefetch_factor` each, and gives them in the sampler's order.

    Batch i goes to the workers in turn. Workers are threads; processes where the loader has a multiprocessing_context.
    """

    def __init__(self, loader, resume=None) -> None:
        super().__init__(loader, resume)
        self._prefetch_factor = loader.prefetch_factor
        self._in_order = loader.in_order
        self._persistent_workers = loader.persistent_workers
        if self._num_workers <= 0:
            raise AssertionError("num_workers must be greater than 0 for MultiProcessingDataLoaderIter")
        if self._prefetch_factor <= 0:
            raise AssertionError("prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter")
        workers = range(self._num_workers)
        job = Job(
            self._dataset,
            self._iterable,
            self._auto_collation,
            self._collate_fn,
            self._drop_last,
            self._base_seed,
            self._num_workers,
            loader.worker_init_fn,
            rows=self._rows,
        )
        if self._iterable and self._auto_collation:
            job.next_index = [None] * loader.batch_size
        states = resume["workers"] if resume is not None else []
        if len(states) == self._num_workers:
            job.resume = [(state["batches"], state["generator"]) for state in states]
        from ._utils.crew import ProcessCrew, ThreadCrew

        context = loader.multiprocessing_context
        # An iterator whose worker has died, or that was interrupted, raises this again.
        self._death: RuntimeError | None = None
        # It ends when it is stopped, and when it is collected with the iterator.
        self._crew: Any = ThreadCrew(job) if context is None else ProcessCrew(job, context)
        self._progress.workers = [(0, None) for _ in workers]
        if job.resume is not None:
            self._progress.workers = [
                (count, None if state is None else Generator().set_state(state)) for count, state in job.resume
            ]
        self._reset(loader, first_iter=True)

    def _reset(self, loader, first_iter: bool = False) -> None:
        """Begin an epoch. Workers that live on begin again with the dataset, behind what they still have to do."""
        if first_iter and self._is_pipe and self._iterable:
            draw_seed(loader.generator)  # PyTorch's loader draws this one as well, and drops it
        seed = None if first_iter else self._seed_pipe(loader)
        self._begin(loader)
        workers = range(self._num_workers)
        if not first_iter:
            self._restart(seed)
        # What was asked for and not given yet, by the batch's number.
        self._tasks: dict[int, _Task] = {}
        self._first = self._next_task = 0
        self._active = [True for _ in workers]
        self._load = [0 for _ in workers]
        self._turn = 0
        if first_iter and self._resume is not None:
            self._go_on(self._resume)
        self._progress.sampler_begun = True
        for _ in range(self._prefetch_factor * self._num_workers):
            self._ask()

    def _restart(self, seed: int | None) -> None:
        progress = self._progress
        progress.base_seed, progress.base_seed_drawn = self._base_seed, False
        progress.workers = [(0, None)] * self._num_workers
        for worker in range(self._num_workers):
            self._crew.send(worker, (RESTART, seed))
        waiting = self._num_workers
        while waiting:
            worker, number, _, generator = self._receive()
            if number is RESTART:
                progress.workers[worker] = (0, generator)
                waiting -= 1

    def _go_on(self, resume: dict[str, Any]) -> None:
        self._turn = resume["turn"] % self._num_workers
        if self._iterable:
            self._num_yielded = self._progress.batches = resume["batches"]
            return
        self._skip_indices(resume)
        self._first = self._next_task = resume["batches"]

    def _ask(self) -> None:
        """Ask the worker whose turn it is for one more batch."""
        try:
            index = self._next_index()
        except StopIteration:
            return
        # Out of order, a worker that is slow gets no more than its share.
        share = self._prefetch_factor * self._num_workers // max(sum(self._active), 1)
        for _ in range(self._num_workers):
            worker = self._turn
            self._turn = (worker + 1) % self._num_workers
            if self._active[worker] and (self._in_order or self._load[worker] < share):
                break
        else:
            return
        while self._next_task in self._progress.ahead:
            self._next_task += 1
        task = self._next_task
        self._next_task += 1
        self._tasks[task] = _Task(worker)
        self._load[worker] += 1
        self._crew.send(worker, (task, index))

    def _receive(self):
        try:
            if self._timeout > 0:
                return self._crew.receive(self._timeout)
            while True:
                try:
                    return self._crew.receive(MP_STATUS_CHECK_INTERVAL)
                except queue.Empty:
                    pass
        except queue.Empty:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds") from None
        except RuntimeError as error:
            self._death = error
            raise

    def _next_data(self):
        try:
            return self._next_batch()
        except Exception:
            raise
        except BaseException:
            # Ctrl-C may come between any two steps, and a batch that got lost there would be waited for in vain.
            self._death = RuntimeError("the iterator was interrupted: begin another epoch of the DataLoader")
            raise

    def _next_batch(self):
        if self._death is not None:
            raise RuntimeError(*self._death.args)
        tasks = self._tasks
        while tasks:
            if self._in_order:
                while self._first not in tasks:
                    self._first += 1
                if tasks[self._first].answer is not None:
                    return self._give(self._first)
            worker, number, data, _ = answer = self._receive()
            if number not in tasks:
                continue
            if data is ENDED:
                self._retire(worker)
                continue
            tasks[number].answer = answer
            if not self._in_order:
                return self._give(number)
        self._progress.finished = True
        if not self._persistent_workers:
            self._shutdown_workers()
        raise StopIteration

    def _give(self, number: int):
        """Hand over a batch that has come, and ask for another in its place."""
        worker, _, data, generator = self._tasks.pop(number).answer
        self._load[worker] -= 1
        self._ask()
        progress = self._progress
        if self._iterable:
            progress.batches += 1
        else:
            progress.given(number)
        progress.workers[worker] = (progress.workers[worker][0] + 1, generator)
        progress.turn = (worker + 1) % self._num_workers
        if type(data) is ExceptionWrapper:
            data.reraise()
        return data

    def _retire(self, worker: int) -> None:
        """A worker has come to the end of its stream: the others take its turns."""
        lost = [number for number, task in self._tasks.items() if task.worker == worker and task.answer is None]
        for number in lost:
            del self._tasks[number]
        self._load[worker] -= len(lost)
        self._active[worker] = False
        if not self._persistent_workers:
            self._crew.send(worker, None)
        for _ in lost:
            self._ask()

    @property
    def _workers(self) -> list[Any]:
        """The threads or processes."""
        return self._crew.workers

    def _shutdown_workers(self) -> None:
        self._crew.stop()
