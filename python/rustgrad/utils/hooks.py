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

    def __repr__(self) -> str:
        return f"OrderedDict({[*self.items()] or ''})"  # PyTorch's class of these

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
    """Removes its hook when told to, or at the end of a `with` block. It does not keep the hook's owner alive.

    `RemovableHandle(hooks)` takes a new `id` for a hook that the caller puts into `hooks`, an OrderedDict or another
    dict that can be weakly referenced. What `extra_dict`, a dict or a list of dicts, holds under the id goes with it.
    """

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None):
        self.id = next(_ids)
        self.hooks_dict_ref = ref(hooks_dict)
        extra = [] if extra_dict is None else extra_dict if isinstance(extra_dict, list) else [extra_dict]
        self.extra_dict_ref = tuple(ref(table) for table in extra)

    def remove(self) -> None:
        """Take the hook off; a second call changes nothing."""
        for table in (self.hooks_dict_ref(), *(extra() for extra in self.extra_dict_ref)):
            if table is not None:
                table.pop(self.id, None)

    def __getstate__(self):
        return self.hooks_dict_ref(), self.id, tuple(extra() for extra in self.extra_dict_ref)

    def __setstate__(self, state):
        hooks, self.id, *extra = state
        # A table of which nothing else is left is an empty one, that nobody holds.
        self.hooks_dict_ref = ref(HookDict() if hooks is None else hooks)
        tables = extra[0] if extra and extra[0] else ()
        self.extra_dict_ref = tuple(ref(table) for table in tables if table is not None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


def unserializable_hook(f):
    """Mark a hook as one that may get lost when its tensor is saved. Returns it."""
    f.__torch_unserializable__ = True
    return f
