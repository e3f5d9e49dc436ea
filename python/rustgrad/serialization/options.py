"""What the process has set for reading and writing files: registered classes, checksums, byte order, mapping."""

import tempfile
import threading
from contextlib import contextmanager
from enum import Enum
from typing import Any

__all__ = [
    "LoadEndianness",
    "SourceChangeWarning",
    "add_safe_globals",
    "check_module_version_greater_or_equal",
    "clear_safe_globals",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "mkdtemp",
    "safe_globals",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
]


class SourceChangeWarning(Warning):
    """PyTorch's warning about a class whose source differs from the one saved with it. Never given here."""


class LoadEndianness(Enum):
    """The byte order of files that do not name theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


_registered: list = []  # classes and functions, or pairs of one and the dotted name it has in files
# What `torch.utils.serialization.config` shows. mmap_flags: None stands for private ones, where the system has them.
LOAD: dict[str, Any] = {
    "mmap": False,
    "endianness": None,
    "mmap_flags": None,
    "calculate_storage_offsets": False,  # places are read from the directory, at no cost
}
SAVE: dict[str, Any] = {
    "compute_crc32": True,
    "use_pinned_memory_for_d2h": False,  # there is no pinned memory
    "storage_alignment": 64,
}
_skipping = threading.local()

# --- registered classes


def add_safe_globals(safe_globals) -> None:
    """Allow `load` to make instances of these classes (and to call these functions).

    safe_globals: a list of classes and functions, or of pairs (class, "module.Name") where files know it by another
    name. Do this for classes that may be built from any data whatever: their `__new__`, `__init__` and `__setstate__`
    get what stands in the file.
    """
    for given in safe_globals:
        _check(given)
    _registered.extend(given for given in safe_globals if given not in _registered)


def _check(given) -> None:
    if isinstance(given, tuple):
        if len(given) != 2:
            raise ValueError(f"Expected tuple of length 2 (global, str of callable full path), but got {given!r}")
        if not callable(given[0]) or not isinstance(given[1], str):
            raise TypeError(f"Expected a pair of a callable and its dotted name in files, but got {given!r}")
    elif not callable(given):
        raise TypeError(f"Expected a class or a function, but got {given!r}")


def get_safe_globals() -> list:
    """What is registered."""
    return list(_registered)


def clear_safe_globals() -> None:
    """Forget all that is registered."""
    _registered.clear()


class safe_globals:
    """Register classes for a `with` block: `with torch.serialization.safe_globals([MyClass]): ...`."""

    def __init__(self, safe_globals):
        self._given = list(safe_globals)
        self._before = []

    def __enter__(self):
        self._before = get_safe_globals()
        add_safe_globals(self._given)

    def __exit__(self, *_):
        _registered[:] = self._before


# --- options


def set_crc32_options(compute_crc32: bool) -> None:
    """Whether `save` writes checksums and `load` compares them. Without, other zip programs call the file damaged."""
    SAVE["compute_crc32"] = bool(compute_crc32)


def get_crc32_options() -> bool:
    """Whether checksums are written and compared."""
    return SAVE["compute_crc32"]


def set_default_load_endianness(endianness) -> None:
    """The byte order of files that do not name theirs: a LoadEndianness, or None for little endian."""
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    LOAD["endianness"] = endianness


def get_default_load_endianness():
    """The byte order of files that do not name theirs; None if it was never set."""
    return LOAD["endianness"]


class set_default_mmap_options:
    """How `load(mmap=True)` maps files: `mmap.MAP_PRIVATE` (the default), or `MAP_SHARED`, which writes changes of a
    tensor to the file. Also a context manager.
    """

    def __init__(self, flags: int) -> None:
        import mmap

        shared = getattr(mmap, "MAP_SHARED", None)
        if shared is None:
            raise RuntimeError("Changing the default mmap options is currently not supported for Windows")
        if flags not in (shared, mmap.MAP_PRIVATE):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, "
                f"but got {flags}"
            )
        self._before = LOAD["mmap_flags"]
        LOAD["mmap_flags"] = flags

    def __enter__(self):
        pass

    def __exit__(self, *_):
        LOAD["mmap_flags"] = self._before


def get_default_mmap_options() -> int | None:
    """The flags with which files are mapped; None where mapping has none (Windows)."""
    import mmap

    return LOAD["mmap_flags"] if LOAD["mmap_flags"] is not None else getattr(mmap, "MAP_PRIVATE", None)


class skip_data:
    """In this block `save` leaves the data of tensors out (zeros stand in their place), and `load` does not read it."""

    def __init__(self, materialize_fake_tensors: bool = False):
        if materialize_fake_tensors:
            raise NotImplementedError("skip_data: rustgrad has no fake tensors to materialize")
        self._before = False

    def __enter__(self):
        self._before = skipping()
        _skipping.on = True

    def __exit__(self, *_):
        _skipping.on = self._before


def skipping() -> bool:
    """Whether a `skip_data` block is open in this thread."""
    return getattr(_skipping, "on", False)


# --- helpers that PyTorch's module has


@contextmanager
def mkdtemp():
    """A temporary folder for a `with` block."""
    with tempfile.TemporaryDirectory() as path:
        yield path


def check_module_version_greater_or_equal(module, req_version_tuple, error_if_malformed=True) -> bool:
    """Whether `module.__version__` is at least the given tuple."""
    try:
        parts = module.__version__.split(".")
        version = tuple(kind(part) for kind, part in zip(map(type, req_version_tuple), parts, strict=False))
        return version >= tuple(req_version_tuple)
    except Exception as error:
        message = f"'{module.__name__}' module version string is malformed '{getattr(module, '__version__', None)}'"
        if error_if_malformed:
            raise RuntimeError(message) from error
        import warnings

        warnings.warn(message + ", but continuing assuming that requirement is met", stacklevel=2)
        return True
