"""Datasets, samplers, and the loader that makes batches of them."""

from ..._names import lookup as _lookup
from .dataloader import DataLoader, _DatasetKind, default_collate, default_convert, get_worker_info
from .dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from .distributed import DistributedSampler
from .sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataChunk",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterDataPipe",
    "IterableDataset",
    "MapDataPipe",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "_DatasetKind",
    "default_collate",
    "default_convert",
    "functional_datapipe",
    "get_worker_info",
    "guaranteed_datapipes_determinism",
    "non_deterministic",
    "random_split",
]

_missing = _lookup("torch.utils.data")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .datapipes._decorator import functional_datapipe as functional_datapipe
    from .datapipes._decorator import guaranteed_datapipes_determinism as guaranteed_datapipes_determinism
    from .datapipes._decorator import non_deterministic as non_deterministic
    from .datapipes.datapipe import DataChunk as DataChunk
    from .datapipes.datapipe import IterDataPipe as IterDataPipe
    from .datapipes.datapipe import MapDataPipe as MapDataPipe


def __getattr__(name: str):
    # Pipes are for older programs: loaded when they are asked for.
    if name in ("DataChunk", "IterDataPipe", "MapDataPipe"):
        from .datapipes import datapipe

        return getattr(datapipe, name)
    if name in ("functional_datapipe", "guaranteed_datapipes_determinism", "non_deterministic"):
        from .datapipes import _decorator

        return getattr(_decorator, name)
    return _missing(name)
