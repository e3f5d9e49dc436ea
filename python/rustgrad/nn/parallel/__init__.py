"""A model on several devices, or in several processes: on the one device, in the one process that there is."""

from ..._names import lookup as _lookup
from .data_parallel import DataParallel, data_parallel
from .distributed import DistributedDataParallel
from .steps import gather, parallel_apply, replicate, scatter

__all__ = [
    "DataParallel",
    "DistributedDataParallel",
    "data_parallel",
    "gather",
    "parallel_apply",
    "replicate",
    "scatter",
]

__getattr__ = _lookup("torch.nn.parallel")
