"""Neural networks: modules, their parameters, functions and initialisers, as PyTorch names them."""

from .._names import lookup as _lookup
from .._names.tensor import mark as _mark
from . import functional, grad, init, parameter, utils
from .modules import *
from .parameter import Buffer as Buffer
from .parameter import Parameter as Parameter
from .parameter import UninitializedBuffer as UninitializedBuffer
from .parameter import UninitializedParameter as UninitializedParameter

_mark()


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .parallel import DataParallel as DataParallel
else:

    def __getattr__(name: str):
        if name == "DataParallel":  # with what it needs, it is seldom needed itself
            from .parallel import DataParallel

            return DataParallel
        if name in ("intrinsic", "qat", "quantized"):
            from importlib import import_module

            return import_module(f"{__name__.rpartition('.')[0]}.ao.nn.{name}")
        return _lookup("torch.nn")(name)

    # What star import gives, as PyTorch's.
    __all__ = sorted(name for name in globals() if not name.startswith("_") and name != "TYPE_CHECKING")
    del TYPE_CHECKING
