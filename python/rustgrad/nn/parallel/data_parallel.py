"""DataParallel: a module whose batches PyTorch splits among GPUs. Here one GPU takes the whole batch, or the CPU."""

from ... import cuda
from ..modules.module import Module
from .steps import one_device, scatter

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Calls `module` with its inputs moved to the only device, or where they are when there is no GPU called cuda.

    Raises NotImplementedError for several devices.
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0) -> None:
        super().__init__()
        if not cuda.is_available():
            self.device_ids, self.output_device = [], None
        else:
            self.device_ids = [0] if device_ids is None else list(device_ids)
            self.output_device = self.device_ids[0] if output_device is None else output_device
            module.to(one_device("DataParallel", self.device_ids))
        self.dim = dim
        self.module = module

    def forward(self, *inputs, **kwargs):
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        ((inputs, kwargs),) = scatter((inputs, kwargs), self.device_ids, self.dim)
        return self.module(*inputs, **kwargs)


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """What `DataParallel(module)` returns for the inputs."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return DataParallel(module, device_ids, output_device, dim)(*inputs, **(module_kwargs or {}))
