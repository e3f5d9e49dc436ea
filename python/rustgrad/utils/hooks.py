"""The handle that registering a hook returns."""

from itertools import count
from weakref import ref

__all__ = ["HookDict", "RemovableHandle"]

_ids = count()


class HookDict(dict):
    """Hooks by id, in the order of their registration. (A plain dict cannot be weakly referenced.)"""

    __slots__ = ("__weakref__",)

    def __reduce__(self):
        return HookDict, (dict(self),)


class RemovableHandle:
    """Removes its hook when told to, or at the end of a `with` block. It does not keep the hook's owner alive."""

    def __init__(self, hooks: HookDict):
        self.id = next(_ids)
        self._hooks = ref(hooks)

    def remove(self) -> None:
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()
