"""What a Module has registered. Values live in the module's `__dict__`, so that reading `self.weight` costs what any
attribute costs; the registry keeps only names, kinds and order. `_parameters` and its kin are views made from both.
"""

from collections.abc import ItemsView, KeysView, MutableMapping, ValuesView
from weakref import ref

PARAMETER, BUFFER, UNSAVED_BUFFER, MODULE = range(4)


class _Keys(KeysView):
    def __reversed__(self):
        return reversed(self._mapping)


class _Values(ValuesView):
    def __reversed__(self):
        return (self._mapping[name] for name in reversed(self._mapping))


class _Items(ItemsView):
    def __reversed__(self):
        return ((name, self._mapping[name]) for name in reversed(self._mapping))


class Registered(MutableMapping):
    """The registered members of some kinds, as a mapping from name to value that can be written."""

    __slots__ = ("_kinds", "_names", "_values")

    def __init__(self, module, *kinds) -> None:
        self._values = module.__dict__
        self._names = self._values["_registered"]
        self._kinds = kinds

    def __getitem__(self, name):
        if self._names.get(name) not in self._kinds:
            raise KeyError(name)
        return self._values[name]

    def __setitem__(self, name, value):
        if self._names.get(name) not in self._kinds:
            self._names.pop(name, None)
            self._names[name] = self._kinds[0]
        self._values[name] = value

    def __delitem__(self, name):
        if self._names.get(name) not in self._kinds:
            raise KeyError(name)
        del self._names[name], self._values[name]

    def __iter__(self):
        return iter([name for name, kind in self._names.items() if kind in self._kinds])

    # The rest of what a dict has, since PyTorch's are dicts: programs walk them backwards and take copies.

    def __reversed__(self):
        return iter([name for name, kind in reversed(self._names.items()) if kind in self._kinds])

    def keys(self):
        return _Keys(self)

    def values(self):
        return _Values(self)

    def items(self):
        return _Items(self)

    def replace(self, members):
        """Let these be all members, which is what assigning a dict to `_parameters` means in PyTorch."""
        kinds = {name: self._names[name] for name in self}
        members = dict(members)
        self.clear()
        for name, value in members.items():
            self[name] = value
            self._names[name] = kinds.get(name, self._kinds[0])

    def copy(self) -> dict:
        """The members as a dict of their own."""
        return dict(self)

    def __contains__(self, name):
        return self._names.get(name) in self._kinds

    def __len__(self):
        return sum(kind in self._kinds for kind in self._names.values())

    def __repr__(self):
        return repr(dict(self))


class Held(Registered):
    """The same in the own `__dict__` of a module, where PyTorch has it and programs look. It keeps no module alive."""

    __slots__ = ("_module",)

    def __init__(self, module, *kinds) -> None:
        self._module = ref(module)
        self._kinds = kinds

    @property
    def _values(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        module = self._module()
        return {"_registered": {}} if module is None else module.__dict__

    @property
    def _names(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._values["_registered"]

    # A copied `__dict__` holds views of the module it was taken from, until `hold` gives it its own.

    def __copy__(self):
        return dict(self)

    def __deepcopy__(self, memo):
        return {}

    def __reduce__(self):
        return dict, ()


def hold(module) -> None:
    """Puts the mappings of what `module` has registered into its `__dict__`."""
    d = module.__dict__
    d["_parameters"] = Held(module, PARAMETER)
    d["_buffers"] = Held(module, BUFFER, UNSAVED_BUFFER)
    d["_modules"] = Held(module, MODULE)
