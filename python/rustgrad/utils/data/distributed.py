"""DistributedSampler: the share of one process, where several train on one dataset."""

import math
from collections.abc import Iterator

from ..._rustgrad import Generator
from ..._rustgrad.torch import randperm
from .sampler import Sampler

__all__ = ["DistributedSampler"]


def _world():
    """The package of process groups; RuntimeError where there is none."""
    from importlib import import_module

    package = __name__.partition(".")[0]
    try:
        distributed = import_module(f"{package}.distributed")
    except ModuleNotFoundError:
        distributed = None
    if distributed is None or not distributed.is_available():
        raise RuntimeError(
            "Requires distributed package to be available\nhint: pass num_replicas and rank to DistributedSampler"
        )
    return distributed


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th index, from `rank` on, of an order that all processes share.

    The order is a permutation drawn from `seed + epoch`, so call `set_epoch` before each epoch, or all have the same.
    Examples at the front are given twice, or with `drop_last` some at the end never, so that all shares are equally
    long. Without `num_replicas` or `rank` the process group is asked. Raises ValueError for a rank out of range.
    """

    def __init__(
        self,
        dataset,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None:
            num_replicas = int(_world().get_world_size())
        if rank is None:
            rank = int(_world().get_rank())
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        whole, rest = divmod(len(dataset), num_replicas)
        self.num_samples = whole + (rest > 0 and not drop_last)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)
        if self.shuffle:
            generator = Generator()
            generator.manual_seed(self.seed + self.epoch)
            order = randperm(size, generator=generator).tolist()
        else:
            order = list(range(size))
        if len(order) < self.total_size:
            order *= math.ceil(self.total_size / max(size, 1))
        del order[self.total_size :]
        share = order[self.rank :: self.num_replicas]
        if len(share) != self.num_samples:
            raise AssertionError(
                f"Number of subsampled indices ({len(share)}) does not match num_samples ({self.num_samples})"
            )
        return iter(share)

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the permutation of the next pass."""
        self.epoch = epoch
