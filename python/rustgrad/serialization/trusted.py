"""What `load(..., weights_only=False)` makes besides: the library's modules, optimizers and datasets, NumPy's arrays
and scalars, and a few plain classes of Python. Nothing here runs code that a file brings.
"""

from collections import OrderedDict, defaultdict
from pickle import UnpicklingError

from .. import _rustgrad
from .names import inward
from .unpickler import Global

__all__ = ["trusted"]

_FACTORIES = (dict, list, set, int, float, str, tuple, OrderedDict)
_DATES = ("date", "datetime", "time", "timedelta", "timezone")
_PATHS = ("Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath")


def trusted(module: str, name: str, charge) -> Global | None:
    """The permission for a name; None where there is none. `charge` is told of all data that are copied."""
    full = f"{module}.{name}"
    if full in _PYTHON:
        return _PYTHON[full]()
    if module == "datetime" and name in _DATES:
        import datetime

        return Global(getattr(datetime, name), getattr(datetime, name))
    if module in ("pathlib", "pathlib._local") and name in _PATHS:
        return Global(_path, lambda *parts: _path(charge, parts))
    if module.split(".")[0] == "numpy":
        return _of_numpy(module, name, charge)
    if (module, name) == ("torch._C", "Generator"):
        return Global(_rustgrad.Generator, _generator, build=_build_generator)
    found = inward(module, name)
    if found is None:
        return None
    return _of_library(found)


def _of_library(found) -> Global:
    from ..nn import Module
    from ..optim import Optimizer
    from ..utils.data import Dataset

    if not isinstance(found, type):
        return Global(found)  # a function, which may be an attribute of a module
    if issubclass(found, tuple):
        return Global(found, lambda *args: _named(found, *args))
    if issubclass(found, (Module, Optimizer, Dataset)) or found.__name__.endswith(("LR", "Sampler", "Plateau")):
        from .modules import restore_state

        return Global(found, None, lambda: object.__new__(found), restore_state)
    return Global(found)


def _named(cls, items=(), fields=None):
    """A result with named items."""
    if not isinstance(items, tuple) or fields not in (None, {}):
        raise UnpicklingError(f"a {cls.__name__} is made from something other than a tuple")
    return cls(items)


def _generator(device="cpu"):
    return _rustgrad.Generator(device)


def _build_generator(generator, state):
    if not isinstance(state, tuple) or len(state) != 3 or not isinstance(state[2], _rustgrad.Tensor):
        raise UnpicklingError("a Generator has a state of an unknown kind")
    generator.set_state(state[2])


# --- plain Python


def _defaultdict(factory=None):
    if factory is not None and factory not in _FACTORIES:
        raise UnpicklingError("a defaultdict has a factory that is no plain class")
    return defaultdict(factory)


def _slice(*parts):
    if not all(part is None or type(part) is int for part in parts):
        raise UnpicklingError("a slice is made from something other than ints")
    return slice(*parts)


def _range(*parts):
    if not all(type(part) is int for part in parts):
        raise UnpicklingError("a range is made from something other than ints")
    return range(*parts)


def _path(charge, parts):
    """A path of this system, whatever system wrote it."""
    from pathlib import Path

    if not all(type(part) is str for part in parts):
        raise UnpicklingError("a path is made from something other than texts")
    return Path(*map(charge, parts))


def _namespace():
    from argparse import Namespace

    from .permissions import plain_state

    return Global(Namespace, None, lambda: Namespace.__new__(Namespace), plain_state)


def _simple_namespace():
    from types import SimpleNamespace

    from .permissions import plain_state

    return Global(SimpleNamespace, lambda: SimpleNamespace(), SimpleNamespace, plain_state)


_PYTHON = {
    "collections.defaultdict": lambda: Global(defaultdict, _defaultdict),
    "builtins.slice": lambda: Global(slice, _slice),
    "builtins.range": lambda: Global(range, _range),
    "argparse.Namespace": _namespace,
    "types.SimpleNamespace": _simple_namespace,
    **{f"builtins.{cls.__name__}": lambda cls=cls: Global(cls) for cls in (dict, list, int, float, str, tuple, bool)},
}


# --- NumPy


def _of_numpy(module: str, name: str, charge) -> Global | None:
    import numpy as np

    if module == "numpy" and name == "dtype":
        return Global(np.dtype, _dtype, build=_build_dtype)
    if module == "numpy" and name == "ndarray":
        return Global(np.ndarray)
    if module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        if name == "_reconstruct":
            return Global(_array, _array, build=lambda array, state: _build_array(charge, array, state))
        if name == "scalar":
            return Global(_scalar, _scalar)
    if module in ("numpy.core.numeric", "numpy._core.numeric") and name == "_frombuffer":
        return Global(_from_buffer, lambda *args: _from_buffer(charge, *args))
    return None


def _checked(dtype):
    import numpy as np

    if not isinstance(dtype, np.dtype) or dtype.hasobject or dtype.fields or dtype.subdtype:
        raise UnpicklingError("a NumPy array has elements that are no plain numbers or texts")
    return dtype


def _dtype(code, align=False, copy=True):
    import numpy as np

    if not isinstance(code, str) or not 0 < len(code) < 20 or code[0] not in "biufcSUVMm?":
        raise UnpicklingError("a NumPy dtype of an unknown kind")
    return _checked(np.dtype(code, False, True))


def _build_dtype(dtype, state):
    size = dtype.itemsize
    plain = isinstance(state, tuple) and len(state) in (8, 9) and state[1] in ("<", ">", "|", "=")
    if not plain or any(part is not None for part in state[2:5]) or state[5] not in (-1, size) or len(state) == 9:
        raise UnpicklingError("a NumPy dtype has a state of an unknown kind")
    dtype.__setstate__(state)


def _array(cls, shape, code):
    import numpy as np

    if cls is not np.ndarray or shape != (0,) or code not in (b"b", "b"):
        raise UnpicklingError("a NumPy array is made in an unknown way")
    return np.empty(0, np.int8)


def _build_array(charge, array, state):
    version, shape, dtype, fortran, data = state if isinstance(state, tuple) and len(state) == 5 else (None,) * 5
    _check_data(data, dtype, shape)
    array.__setstate__((version, shape, dtype, bool(fortran), charge(data)))


def _check_data(data, dtype, shape):
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape) or len(shape) > 32:
        raise UnpicklingError("the shape of a NumPy array is no tuple of sizes")
    size = _checked(dtype).itemsize
    for n in shape:
        size *= n
    if not isinstance(data, (bytes, bytearray)) or len(data) != size:
        raise UnpicklingError("the data of a NumPy array do not fit its shape")


def _from_buffer(charge, data, dtype, shape, order="C", axis_order=None):
    import numpy as np

    _check_data(data, dtype, shape)
    if order not in ("C", "F") or axis_order is not None:
        raise UnpicklingError("a NumPy array has an unknown order")
    return np.frombuffer(bytearray(charge(data)), dtype).reshape(shape, order=order)


def _scalar(dtype, data):
    import numpy as np

    _check_data(data, dtype, ())
    return np.frombuffer(data, dtype)[0]
