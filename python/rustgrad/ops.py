"""`torch.ops`: the ops by namespace. `torch.ops.aten.relu` is the function or method of that name."""

import sys
from importlib import import_module
from types import ModuleType

from . import _rustgrad

__all__ = ["aten", "load_library"]


class _Packet:
    """An op with its overloads, all of which are the same function."""

    def __init__(self, name: str, function):
        self.__name__ = name
        self.__doc__ = function.__doc__
        self._function = function

    def __call__(self, *args, **kwargs):
        return self._function(*args, **kwargs)

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(f"op {self.__name__!r} has no attribute {name!r}")
        return self

    def __deepcopy__(self, memo):
        return self  # an op has no state; a copy that began empty would ask itself for its own name

    def __copy__(self):
        return self

    def __str__(self):
        return f"aten.{self.__name__}"

    def __repr__(self):
        return f"<OpOverloadPacket(op='{self}')>"


def _native(name: str):
    """The function that does what PyTorch's native op `name` does; None where there is none."""
    for place in (_rustgrad.torch, _rustgrad.nn, _rustgrad.linalg, _rustgrad.Tensor):
        if callable(function := getattr(place, name, None)):
            return function
    # `fft_rfft` is `fft.rfft`.
    package, _, rest = name.partition("_")
    if package in ("fft", "linalg", "special") and callable(
        function := getattr(getattr(_rustgrad, package), rest, None)
    ):
        return function
    from ._lazy import FUNCTIONS

    if (home := FUNCTIONS.get(name)) in ("native", "nn.native", "nn.functional"):
        return getattr(import_module(f"{__package__}.{home}"), name)
    from . import _aten

    return getattr(_aten, name) if name in _aten.__all__ else None


class _Namespace(ModuleType):
    """The ops of a namespace. There is one with ops, aten."""

    def __getattr__(self, name: str):
        if self.__name__.endswith(".aten") and not name.startswith("__"):
            function = _native(name)
            if function is not None:
                packet = _Packet(name, function)
                setattr(self, name, packet)
                return packet
        raise AttributeError(f"'_OpNamespace' '{self.__name__.rpartition('.')[2]}' object has no attribute '{name}'")


aten = _Namespace(f"{__name__}.aten", "The ops.")
loaded_libraries: set[str] = set()


def load_library(path) -> None:
    """Raises OSError, as where a library cannot be loaded: packages such as torchvision go on without its ops."""
    raise OSError(
        f"Could not load this library: {path}\n"
        "hint: it holds ops for PyTorch's C++ interface, which is not here; ops can be written in Python, torch.library"
    )


def __getattr__(name: str):
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = _Namespace(f"{__name__}.{name}", "A namespace without ops.")
    setattr(sys.modules[__name__], name, made)
    return made
