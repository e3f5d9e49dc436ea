"""`torch.quantization`: the older path of `torch.ao.quantization`, with the same names."""

from .._names import lookup as _lookup
from ..ao import quantization as _ours
from ..ao.quantization import *

_missing = _lookup("torch.quantization")


def __getattr__(name: str):
    # Not what makes a module a package: its submodules are those below `ao`.
    return getattr(_ours, name) if name in vars(_ours) and not name.startswith("__") else _missing(name)
