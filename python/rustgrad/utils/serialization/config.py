"""How files are written and read: `config.load.mmap = True`, or for a block `with config.patch("load.mmap", True):`.

load: mmap, what `torch.load` takes for mmap=None; mmap_flags and endianness, as `torch.serialization` sets them.
save: compute_crc32; storage_alignment, to how many bytes the data of tensors are aligned in the file.
calculate_storage_offsets and use_pinned_memory_for_d2h are accepted, and change nothing.
"""

from contextlib import ContextDecorator
from typing import Any

from ...serialization import options

__all__ = ["load", "patch", "save"]


class _Section:
    """Settings as attributes. AttributeError for others."""

    _name: str
    _values: dict[str, Any]

    def __init__(self, name: str, values: dict[str, Any]):
        vars(self).update(_name=name, _values=values)

    def _check(self, name: str) -> None:
        if name not in self._values:
            raise AttributeError(f"torch.utils.serialization.config.{self._name}.{name} does not exist")

    def __getattr__(self, name: str):
        self._check(name)
        return options.get_default_mmap_options() if name == "mmap_flags" else self._values[name]

    def __setattr__(self, name: str, value) -> None:
        self._check(name)
        self._values[name] = value

    def __dir__(self):
        return list(self._values)


load = _Section("load", options.LOAD)
save = _Section("save", options.SAVE)
_SECTIONS = {"load": load, "save": save}


class patch(ContextDecorator):
    """Other settings within a block or a function: `patch("load.mmap", True)` or `patch({"load.mmap": True})`.

    Raises AttributeError for names that do not exist.
    """

    def __init__(self, arg1: str | dict[str, Any] | None = None, arg2: Any = None, **kwargs: Any):
        given = {arg1: arg2} if isinstance(arg1, str) else arg1 or {}
        self.changes: dict[str, Any] = {**given, **kwargs}
        self._before: list[dict[str, Any]] = []
        for name in self.changes:
            self._place(name)

    @staticmethod
    def _place(name: str) -> tuple[Any, str]:
        section, _, key = name.partition(".")
        if section not in _SECTIONS:
            raise AttributeError(f"torch.utils.serialization.config.{name} does not exist")
        _SECTIONS[section]._check(key)
        return _SECTIONS[section], key

    def _set(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            section, key = self._place(name)
            setattr(section, key, value)

    def __enter__(self):
        places = {name: self._place(name) for name in self.changes}
        self._before.append({name: section._values[key] for name, (section, key) in places.items()})
        self._set(self.changes)

    def __exit__(self, *_):
        self._set(self._before.pop())
