"""Files of tensors: `save` and `load` in PyTorch's formats, and in safetensors, GGUF and NumPy's.

Nothing that a file names is ever executed. What does the work is imported with the first file.
"""

__all__ = [
    "MAP_LOCATION",
    "LoadEndianness",
    "SourceChangeWarning",
    "add_safe_globals",
    "check_module_version_greater_or_equal",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "mkdtemp",
    "normalize_storage_type",
    "register_package",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
    "storage_to_tensor_type",
]

DEFAULT_PROTOCOL = 2

_PLACES = {
    "options": (
        "LoadEndianness SourceChangeWarning add_safe_globals clear_safe_globals get_crc32_options "
        "get_default_load_endianness get_default_mmap_options get_safe_globals safe_globals set_crc32_options "
        "set_default_load_endianness set_default_mmap_options skip_data check_module_version_greater_or_equal mkdtemp "
    ),
    "locations": (
        "MAP_LOCATION default_restore_location location_tag normalize_storage_type register_package "
        "storage_to_tensor_type"
    ),
    "loading": "get_unsafe_globals_in_checkpoint",
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .loading import get_unsafe_globals_in_checkpoint
    from .locations import (
        MAP_LOCATION,
        default_restore_location,
        location_tag,
        normalize_storage_type,
        register_package,
        storage_to_tensor_type,
    )
    from .options import (
        LoadEndianness,
        SourceChangeWarning,
        add_safe_globals,
        check_module_version_greater_or_equal,
        clear_safe_globals,
        get_crc32_options,
        get_default_load_endianness,
        get_default_mmap_options,
        get_safe_globals,
        mkdtemp,
        safe_globals,
        set_crc32_options,
        set_default_load_endianness,
        set_default_mmap_options,
        skip_data,
    )


def __getattr__(name: str):
    for place, names in _PLACES.items():
        if name in names.split():
            from importlib import import_module

            return getattr(import_module(f"{__name__}.{place}"), name)
    if name in ("_is_zipfile", "_open_zipfile_reader", "_open_zipfile_writer"):
        from . import reader

        return getattr(reader, name[1:])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})


def save(
    obj,
    f,
    pickle_module=None,
    pickle_protocol=DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization=True,
    _disable_byteorder_record=False,
) -> None:
    """Write `obj` to a file, in the format of PyTorch's `torch.save`, which opens it.

    obj: tensors, numbers, strings, lists, tuples, dicts, sets, state dicts, whole modules: whatever pickle takes. The
    library's own classes are written under PyTorch's names. Tensors that share memory will share it when loaded; of a
    memory block only what the saved tensors show is written, so that a small view makes a small file.
    f: a path, or an object with a `write` method. A file at a path is replaced only when the new one is whole and on
    the disk: whatever happens meanwhile, one of the two is there. Under a name that ends in `.safetensors` a dict from
    names to tensors is written in that format.
    pickle_protocol: 1 to 5; PyTorch's own safe reader knows 2 and 3.
    _use_new_zipfile_serialization: False writes the format that PyTorch had before 1.6.

    Raises PicklingError for what cannot be pickled, RuntimeError where no file can be made.
    """
    from .saving import save as write

    write(obj, f, pickle_module, pickle_protocol, _use_new_zipfile_serialization, _disable_byteorder_record)


def load(f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args) -> "Any":
    """Read what `save`, or PyTorch's `torch.save`, has written; also safetensors, GGUF, `.npy` and `.npz` files.

    The format is told by the first bytes, not by the name. safetensors, GGUF (with its quantised tensors in float32)
    and `.npz` give a dict from names to tensors, `.npy` a tensor.
    f: a path, or a file object with `read`, `seek` and `tell`.
    map_location: where to put tensors: a device, a dict from locations ("cpu", "cuda:0") to others, or a function of
    the storage and its location that returns a storage. None: where they were saved.
    weights_only: True (the default) reads tensors, containers, and classes registered by
    `torch.serialization.add_safe_globals`. False also makes modules, optimizers and datasets of this library, NumPy's
    arrays and scalars, and a few plain classes of Python. Unlike PyTorch, even False never runs what a file names:
    classes of your own need `add_safe_globals` either way.
    mmap: True maps the file instead of reading it: a tensor's data are read when they are first used.

    Raises UnpicklingError for what is not allowed or not a pickle, RuntimeError for damaged archives, and
    NotImplementedError for dtypes and kinds of tensors that rustgrad lacks.
    """
    from .loading import load as read

    return read(f, map_location, pickle_module, weights_only, mmap, pickle_load_args)
