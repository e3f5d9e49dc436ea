"""`torch.quantization`: the older path of `torch.ao.quantization`, with the same names."""

from ._names import lookup as _lookup
from .ao import quantization as _ours
from .ao.quantization import *  # noqa: F403

_missing = _lookup("torch.quantization")


def __getattr__(name: str):
    return getattr(_ours, name) if name in vars(_ours) else _missing(name)
