"""Containers of modules: sequences and a dictionary, each registered with its holder."""

import operator
import warnings
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from ..registry import MODULE
from .module import Module, _addindent
from .parameter_container import ParameterDict, ParameterList, pairs

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


class Container(Module):
    """An older form of Module: keyword arguments are its children. `Module` itself does what it did."""

    def __init__(self, **kwargs: Any):
        why = "`nn.Container` is deprecated. All of its functionality is now implemented in `nn.Module`."
        warnings.warn(f"{why} Subclass that instead.", FutureWarning, stacklevel=2)
        super().__init__()
        for name, child in kwargs.items():
            self.add_module(name, child)


class _ModuleSequence(Module):
    """Submodules by position. Their names are usually "0", "1", ...; Sequential may name them otherwise."""

    def _keys(self):
        return [name for name, kind in self.__dict__["_registered"].items() if kind == MODULE]

    def _key(self, index) -> str:
        keys = self._keys()
        index = operator.index(index)
        if not -len(keys) <= index < len(keys):
            raise IndexError(f"index {index} is out of range")
        return keys[index]

    def __getitem__(self, index) -> Any:
        raise NotImplementedError

    def _renumber(self, modules):
        for key in self._keys():
            delattr(self, key)
        for index, module in enumerate(modules):
            self.add_module(str(index), module)

    def __iter__(self):
        d = self.__dict__
        return iter([d[name] for name in self._keys()])

    def __len__(self):
        return len(self._keys())

    def __setitem__(self, index, module):
        setattr(self, self._key(index), module)

    def __delitem__(self, index):
        gone = self._keys()[index] if isinstance(index, slice) else [self._key(index)]
        for key in gone:
            delattr(self, key)
        self._renumber(list(self))

    def __dir__(self):
        return [name for name in super().__dir__() if not name.isdigit()]

    def append(self, module):
        """Add a module at the end; return self."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index, module) -> Any:
        """Put a module before the one at `index`."""
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)

    def pop(self, key):
        """Remove the module at a position, and return it."""
        module = self[key]
        del self[key]
        return module


class Sequential(_ModuleSequence):
    """Modules one after another: each takes what the one before it returned.

    `Sequential(a, b, c)`, or an OrderedDict to name them.
    """

    def __init__(self, *args) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for index, module in enumerate(args):
                self.add_module(str(index), module)

    def forward(self, input):
        d = self.__dict__
        for name, kind in d["_registered"].items():
            if kind == MODULE:
                input = d[name](input)
        return input

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(OrderedDict((key, self.__dict__[key]) for key in self._keys()[index]))
        return self.__dict__[self._key(index)]

    def insert(self, index, module):
        """Put a module before the one at `index`; return self."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        super().insert(index, module)
        return self

    def extend(self, sequential):
        """Add all modules of an iterable at the end; return self."""
        for module in sequential:
            self.append(module)
        return self

    def __add__(self, other):
        return Sequential(*self, *self._modules_of(other))

    def __iadd__(self, other):
        return self.extend(self._modules_of(other))

    def _modules_of(self, other):
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return list(other)

    def _times(self, factor):
        if not isinstance(factor, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(factor)}")
        if factor <= 0:
            raise ValueError(f"Non-positive multiplication factor {factor} for {type(self)}")
        return list(self) * factor

    def __mul__(self, factor):
        return Sequential(*self._times(factor))

    __rmul__ = __mul__

    def __imul__(self, factor):
        return self.extend(self._times(factor)[len(self) :])


class ModuleList(_ModuleSequence):
    """A list of modules. It is no function: the module that holds it says in which order they are called."""

    def __init__(self, modules=None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self.__dict__[self._key(index)]

    def __iadd__(self, modules):
        return self.extend(modules)

    def __add__(self, other):
        return ModuleList([*self, *other])

    def extend(self, modules):
        """Add all modules of an iterable at the end; return self."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def __repr__(self):
        # Equal neighbours are written once, with the range of their positions.
        runs = []
        for index, module in enumerate(self):
            text = repr(module)
            if runs and runs[-1][2] == text:
                runs[-1][1] = index
            else:
                runs.append([index, index, text])
        lines = [
            _addindent(f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}", 2)
            for first, last, text in runs
        ]
        return f"{self._get_name()}(" + ("\n  " + "\n  ".join(lines) + "\n" if lines else "") + ")"


class ModuleDict(Module):
    """A dictionary of modules by name, in the order of their insertion."""

    def __init__(self, modules=None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key):
        return self._modules[key]

    def __setitem__(self, key, module):
        self.add_module(key, module)

    def __delitem__(self, key):
        del self._modules[key]

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, key):
        return key in self._modules

    def clear(self):
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key):
        """Remove a module by name, and return it."""
        return self._modules.pop(key)

    def keys(self):
        """The names."""
        return self._modules.keys()

    def items(self):
        """The (name, module) pairs."""
        return self._modules.items()

    def values(self):
        """The modules."""
        return self._modules.values()

    def update(self, modules):
        """Take the modules of a mapping or of an iterable of pairs; those of the same name are replaced."""
        for key, module in pairs("ModuleDict", modules):
            self[key] = module
