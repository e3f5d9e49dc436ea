"""DataLoader: batches of a dataset, collated in the caller's thread."""

import warnings
from collections.abc import Iterator
from itertools import islice, repeat
from typing import Any

from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler, draw_seed

__all__ = ["DataLoader", "get_worker_info"]


def get_worker_info():
    """None: examples are loaded in the main process."""
    return None


class DataLoader:
    """Iterates over a dataset in batches.

    shuffle, sampler and batch_sampler choose the order; collate_fn makes a batch of a list of examples; batch_size=None
    gives single examples. num_workers is accepted, with a warning: examples are loaded in the caller's thread.
    pin_memory has no effect.
    """

    def __class_getitem__(cls, _):
        return cls

    def __init__(
        self,
        dataset,
        batch_size=1,
        shuffle=None,
        sampler=None,
        batch_sampler=None,
        num_workers=0,
        collate_fn=None,
        pin_memory=False,
        drop_last=False,
        timeout=0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor=None,
        persistent_workers=False,
        pin_memory_device="",
        in_order=True,
    ):
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0:
            if prefetch_factor is not None:
                raise ValueError(
                    "prefetch_factor option could only be specified in multiprocessing."
                    "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
                )
            if persistent_workers:
                raise ValueError("persistent_workers option needs num_workers > 0")
        else:
            warnings.warn(
                f"num_workers={num_workers}: there are no workers; examples are loaded in the caller's thread",
                stacklevel=2,
            )
        self._iterable = isinstance(dataset, IterableDataset)
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
                sampler = repeat(None)
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset = dataset
        self.batch_size: Any = batch_size
        self.drop_last = drop_last
        self.sampler: Any = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = persistent_workers
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn

    def __iter__(self) -> Iterator[Any]:
        indices = None if self._iterable else iter(self.sampler if self.batch_sampler is None else self.batch_sampler)
        # PyTorch draws a base seed for its workers here, with or without them: the streams stay in step.
        draw_seed(self.generator)
        return self._batches_of_stream() if indices is None else self._batches_of_map(indices)

    def _batches_of_map(self, indices):
        dataset, collate = self.dataset, self.collate_fn
        if self.batch_sampler is None:
            for index in indices:
                yield collate(dataset[index])
            return
        fetch = getattr(dataset, "__getitems__", None)
        for batch in indices:
            yield collate(fetch(batch) if fetch is not None else [dataset[index] for index in batch])

    def _batches_of_stream(self):
        examples, collate = iter(self.dataset), self.collate_fn
        if self.batch_sampler is None:
            yield from map(collate, examples)
            return
        size: int = self.batch_size
        while batch := list(islice(examples, size)):
            if self.drop_last and len(batch) < size:
                return
            yield collate(batch)

    def __len__(self):
        if not self._iterable:
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)
        if self.batch_size is None:
            return len(self.dataset)
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole if self.drop_last else whole + (rest > 0)
