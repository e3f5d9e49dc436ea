"""The handle that registering a hook returns, and the table that it removes its hook from."""

from __future__ import annotations

from itertools import count
from weakref import ref

__all__ = ["HookDict", "RemovableHandle"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ids = count()


class HookDict(dict):
    """Hooks by id, in the order of their registration. (A plain dict cannot be weakly referenced.)"""

    __slots__ = ("__weakref__",)

    def __reduce__(self) -> Any:
        return HookDict, (dict(self),)

    def add(self, hook, prepend=False) -> RemovableHandle:
        """Register `hook` behind the others, or before them with `prepend`."""
        handle = RemovableHandle(self)
        while handle.id in self:  # hooks that were unpickled keep the ids of another process
            handle.id = next(_ids)
        older = list(self) if prepend else ()
        self[handle.id] = hook
        for key in older:
            self[key] = self.pop(key)
        return handle


class RemovableHandle:
    """Removes its hook when told to, or at the end of a `with` block. It does not keep the hook's owner alive."""

    def __init__(self, hooks: HookDict):
        self.id = next(_ids)
        self._hooks = ref(hooks)

    def remove(self) -> None:
        """Take the hook off; a second call changes nothing."""
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def __getstate__(self):
        return self._hooks(), self.id

    def __setstate__(self, state):
        hooks, self.id = state
        self._hooks = ref(HookDict() if hooks is None else hooks)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()
