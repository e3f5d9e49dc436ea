"""What a Module has registered. Values live in the module's `__dict__`, so that reading `self.weight` costs what any
attribute costs; the registry keeps only names, kinds and order. `_parameters` and its kin are views made from both.
"""

from collections.abc import ItemsView, KeysView, MutableMapping, ValuesView

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
