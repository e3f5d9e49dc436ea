"""What needs several processes: modules whose names can be imported, compared and derived from, and raise when used."""

import sys
from types import ModuleType

from .. import _names
from . import _placements

__all__ = ["stand_in"]

# Where PyTorch keeps the names of `_placements`.
_LAYOUTS = ("torch.distributed.tensor", "torch.distributed.tensor.placement_types")


def _refuse(place: str, name: str):
    raise NotImplementedError(
        f"{place}.{name}: rustgrad works in one process so far\n"
        "hint: leave it out for a single process; torch.nn.parallel.DistributedDataParallel takes a world of one"
    )


class _Lacking(type):
    """The type of names that stand for what is missing. Calling one raises NotImplementedError."""

    def __call__(cls, *args, **kwargs):
        _refuse(cls.__module__, cls.__name__)


def _listed(place: str, name: str) -> bool:
    """Whether a name may be PyTorch's. Of private modules and of private names no list is kept."""
    return not name.startswith("__") and (name.startswith("_") or "._" in place or _names.knows(place, name))


def stand_in(place: str) -> ModuleType:
    """The module for PyTorch's `place` below `torch.distributed`; its names raise NotImplementedError when called."""
    home = "rustgrad" + place.removeprefix("torch")
    made = ModuleType(home, f"{place}, which needs several processes: its names raise an error when they are used.")
    made.__path__ = []
    made.__package__ = home

    def __getattr__(name: str):
        below = f"{place}.{name}"
        if not name.startswith("__") and _names.is_module(below):
            return _names.module(below)
        if not _listed(place, name):
            raise _names.missing(place, name)
        if place in _LAYOUTS and name in _placements.__all__:
            return getattr(_placements, name)
        kind = _Lacking(name, (), {"__module__": place, "__doc__": "Needs several processes: NotImplementedError."})
        setattr(made, name, kind)
        return kind

    vars(made).update(__getattr__=__getattr__, _LACKS=True)
    sys.modules[home] = made
    return made
