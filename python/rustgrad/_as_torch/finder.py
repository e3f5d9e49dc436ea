"""The import machinery of a PyTorch program: `torch` and all below it are rustgrad's own modules under PyTorch's names.

Modules and classes are the same objects under both names. They say PyTorch's name of themselves, and pickles write
rustgrad's, so that a pickle can be read in both kinds of program.
"""

import sys
from _compat_pickle import REVERSE_IMPORT_MAPPING
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import BuiltinFunctionType, FunctionType

from .. import _names
from .._names import paths

__all__ = ["Finder", "Spoken", "adopt"]


class Spoken(str):
    """PyTorch's name of a module of rustgrad. A pickle writes the name in `home`, where any program finds the same.

    Pickle protocols from 4 on, the default, write names as objects and so call `__reduce_ex__`. Protocols 0 to 2 write
    text that they take from Python's table of renamed modules. Protocol 3 has neither and writes PyTorch's name.
    """

    __slots__ = ("home",)

    def __new__(cls, name: str, home: str):
        self = super().__new__(cls, name)
        self.home = home
        REVERSE_IMPORT_MAPPING.setdefault(name, home)
        return self

    def __reduce_ex__(self, protocol):
        return str, (self.home,)


def speak(thing, name: str) -> None:
    """Let a class or function say that it comes from PyTorch's module `name`."""
    thing.__module__ = Spoken(name, thing.__module__)


def adopt(module) -> None:
    """Give a loaded module of rustgrad PyTorch's name too, and tell its classes and functions."""
    home = module.__spec__.name
    module.__name__ = name = Spoken(paths.theirs(home), home)
    if name != "torch" or home == "rustgrad":
        sys.modules[name] = module
    for thing in list(vars(module).values()):
        if isinstance(thing, (type, FunctionType, BuiltinFunctionType)) and thing.__module__ == home:
            thing.__module__ = name
    _place_elsewhere(module, home)


def _place_elsewhere(module, home: str) -> None:
    """Let classes that PyTorch defines in another file of the same package say so: BatchNorm2d beside LayerNorm.

    Where rustgrad has a package and PyTorch one file, they come from that: `torch.optim.lr_scheduler`.
    """
    here = module.__name__
    package = here.rpartition(".")[0]
    quantized = paths.QUANTIZED.get(here, {})
    for name, thing in vars(module).items():
        if isinstance(thing, type) and thing.__module__ == here and (there := quantized.get(name, quantized.get(""))):
            thing.__module__ = Spoken(there, home)
        elif isinstance(thing, type) and thing.__module__ is here and name not in _names.listed(here):
            there = "" if name.startswith("_") else _names.definer(package, name)
            if there and there != here:
                thing.__module__ = Spoken(there, home)
            elif not _names.is_module(here) and name in _names.listed(package):
                thing.__module__ = Spoken(package, home.rpartition(".")[0])


class _Loader(SourceFileLoader):
    """Loads a module of rustgrad under PyTorch's name: its classes take over `__name__` as their `__module__`."""

    def exec_module(self, module):
        code = self.get_code(self.name)
        name = Spoken(paths.theirs(self.name), self.name)
        module.__name__ = name
        if name != "torch":
            sys.modules[name] = module
        exec(code, vars(module))  # pyright: ignore[reportArgumentType]
        _place_elsewhere(module, self.name)


class _Alias:
    """The loader of PyTorch's name for a module that is loaded already."""

    def __init__(self, module):
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec):
        return self._module

    def get_code(self, name):
        """The module's code, for `-m torch.utils.collect_env`."""
        return self._spec.loader.get_code(self._spec.name)

    def exec_module(self, module):
        module.__spec__ = self._spec  # the import machinery has put its own there


class Finder:
    """Stands first in `sys.meta_path` and answers for `torch`, `functorch`, `rustgrad.*`; never for the real torch."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith("rustgrad."):
            spec = PathFinder.find_spec(name, path, target)
            if spec is not None and type(spec.loader) is SourceFileLoader:
                spec.loader = _Loader(spec.loader.name, spec.loader.path)
            return spec
        if name == "torch" or name.startswith("torch."):
            return self._torch(name)
        if name == "functorch":
            from importlib import import_module

            return ModuleSpec(name, _Alias(import_module("rustgrad._functorch.older")))  # pyright: ignore
        if name == "multiprocessing.spawn":
            from .children import spawn_spec

            return spawn_spec(path)
        return None

    def _torch(self, name):
        module = _names.module(name)
        if module is None:
            if sys._getframe(3).f_code.co_name == "find_spec":
                return None  # importlib.util.find_spec asks whether there is such a module
            raise _not_found(name)
        # Loading the module has registered this name as well, and would now be taken for a finished import.
        sys.modules.pop(name, None)
        return ModuleSpec(name, _Alias(module), is_package=hasattr(module, "__path__"))  # pyright: ignore

    def find_distributions(self, context):
        """`importlib.metadata.version("torch")`: packages look there before they import torch."""
        if context.name is None or context.name.lower() != "torch":
            return iter(())
        from .metadata import Torch

        return iter((Torch(),))


def _not_found(name: str) -> ImportError:
    """The error of an import. `from torch.nn import X` imports `torch.nn.X` where `torch.nn` lacks X, and comes here
    too; there Python would replace an error that names the module by its own.
    """
    place, _, last = name.rpartition(".")
    if _names.is_module(name):
        return ModuleNotFoundError(str(_names.missing(place, last)))
    if _names.knows(place, last):
        return ImportError(str(_names.missing(place, last)))
    return ModuleNotFoundError(f"No module named {name!r}", name=name)
