"""`torch.ao.quantization`: the modules that mark where numbers would be quantized. They pass tensors on."""

from ..._names import lookup as _lookup
from ...nn import Module

__all__ = ["DeQuantStub", "QuantStub"]


class QuantStub(Module):
    """Marks where numbers would be quantized: the identity, as in PyTorch until a model is converted."""

    def __init__(self, qconfig=None):
        super().__init__()
        if qconfig:
            self.qconfig = qconfig

    def forward(self, x):
        return x


class DeQuantStub(QuantStub):
    """Marks where numbers would become floats again: the identity."""


__getattr__ = _lookup("torch.ao.quantization")
