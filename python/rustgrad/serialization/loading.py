"""`load`: tells the format of a file, and reads it."""

import io
import os
import sys
from pickle import UnpicklingError

from ..storage import TypedStorage, UntypedStorage
from . import options
from .archive import Reader
from .files import PIECE, is_path, opened
from .locations import Outside, is_meta, restorer
from .names import StorageType
from .permissions import Permissions
from .unpickler import Global, Scanner, Unpickler

__all__ = ["get_unsafe_globals_in_checkpoint", "load"]

_MAX_PICKLE = 1 << 31


def load(f, map_location, pickle_module, weights_only, mmap, pickle_load_args):
    """`torch.load`, whose docs stand in `rustgrad.serialization`."""
    restricted, free = (
        os.environ.get(f"TORCH_FORCE_{word}WEIGHTS_ONLY_LOAD", "0").lower() in ("1", "y", "yes", "true")
        for word in ("", "NO_")
    )
    if restricted and free:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` should be set, but both "
            "were set."
        )
    weights_only = restricted or (not free if weights_only is None else weights_only)
    if pickle_module is not None and getattr(pickle_module, "__name__", None) != "pickle":
        raise RuntimeError(
            "load: a pickle_module of your own is not used: it would run what the file names\n"
            "hint: leave pickle_module out, and register classes with torch.serialization.add_safe_globals"
        )
    encoding = pickle_load_args.pop("encoding", "utf-8")
    pickle_load_args.pop("errors", None)
    for name in pickle_load_args:
        raise TypeError(f"Unpickler.__init__() got an unexpected keyword argument '{name}'")
    mmap = options.LOAD["mmap"] if mmap is None else mmap
    if mmap and not is_path(f):
        raise ValueError("f must be a file path in order to use the mmap argument")
    restore = restorer(map_location)
    with opened(f) as file:
        begin = file.tell()
        start = file.read(16)
        file.seek(begin)
        if not isinstance(start, bytes):
            raise TypeError(f"load: the file gives {type(start).__name__}, not bytes\nhint: open it with mode 'rb'")
        if start[:4] == b"PK\3\4":
            records = Reader(file)
            if _names_arrays(records):
                from .arrays import load_npz

                return load_npz(f, restore)
            return _Archive(records, f, restore, mmap, is_meta(map_location)).load(weights_only, encoding)
        if mmap and start[:1] == b"\x80":
            raise RuntimeError(
                f"mmap can only be used with files saved with `torch.save({f}, _use_new_zipfile_serialization=True), "
                "please torch.save your checkpoint with this option in order to use mmap."
            )
        return _other(f, file, start, restore, weights_only, encoding)


def _other(f, file, start: bytes, restore, weights_only: bool, encoding: str):
    """What is no zip archive."""
    if not start:
        raise EOFError("Ran out of input")
    if start[:4] == b"GGUF":
        from .gguf import load_gguf

        return load_gguf(file, restore)[0]
    if start[:6] == b"\x93NUMPY":
        from .arrays import load_npy

        return load_npy(file, restore)
    # A length and a JSON object; or too little for anything else.
    if start[8:9] in (b"{", b"[") or (len(start) < 9 and start[:1] != b"\x80"):
        from .safetensors import load_any

        return load_any(f, file, restore)
    if _is_tar(file):
        raise RuntimeError(
            "Cannot use ``weights_only=True`` with files saved in the legacy .tar format. Only PyTorch before 0.1.10 "
            "wrote such files, and rustgrad does not read them"
        )
    from .legacy import load_legacy

    return load_legacy(file, restore, weights_only, encoding)


def _is_tar(file) -> bool:
    begin = file.tell()
    file.seek(begin + 257)
    mark = file.read(5)
    file.seek(begin)
    return mark == b"ustar"


def _names_arrays(records: Reader) -> bool:
    """Whether an archive is NumPy's."""
    return bool(records.names) and all(name.endswith(".npy") for name in records.names)


def unpickled(machine: Unpickler):
    """The object that a machine reads. What fails is an UnpicklingError, but for errors of tensors and archives."""
    try:
        return machine.load()
    except UnpicklingError as error:
        raise UnpicklingError(f"Weights only load failed. {error}") from None
    except EOFError as error:
        raise UnpicklingError(f"Weights only load failed. The file is cut short: {error}") from None
    except (RuntimeError, MemoryError):
        raise
    except Outside as outside:
        raise outside.error from None
    except UnicodeDecodeError as error:
        if machine.encoding != "utf-8":
            raise  # the caller has chosen how texts of Python 2 are read
        raise UnpicklingError(f"Weights only load failed. {error}") from error
    except Exception as error:
        raise UnpicklingError(f"Weights only load failed. {type(error).__name__}: {error}") from error


class _Archive:
    """A zip archive of torch.save, while it is read."""

    def __init__(self, records: Reader, f, restore, mmap, without_data=False):
        self.records = records
        self.restore = restore
        self.without_data = without_data
        self.root = self._root()
        self.storages = {}
        self.check = options.get_crc32_options()
        self.map = _map(f) if mmap else None
        self.swap = self._is_swapped()

    def _root(self) -> str:
        """The folder that all records lie in."""
        found = [name.removesuffix("data.pkl") for name in self.records.names if name.endswith("/data.pkl")]
        found = [root for root in found if root.count("/") == 1]
        if len(found) != 1:
            raise RuntimeError(
                "PytorchStreamReader failed locating file data.pkl: file not found\n"
                "hint: this is a zip archive, but none that torch.save wrote"
            )
        return found[0]

    def _number(self, name: str, default: int) -> int:
        if not self.records.has(self.root + name):
            return default
        text = self.records.read(self.root + name, 20).strip()
        return int(text) if text.isdigit() else default

    def _is_swapped(self) -> bool:
        """Whether numbers stand in the other byte order than this machine's."""
        name = self.root + "byteorder"
        order = self.records.read(name, 20) if self.records.has(name) else None
        if order is None:
            default = options.get_default_load_endianness()
            if default is options.LoadEndianness.NATIVE:
                return False
            return (default is options.LoadEndianness.BIG) != (sys.byteorder == "big")
        if order not in (b"little", b"big"):
            raise ValueError(f"Unknown endianness type: {order.decode(errors='replace')}")
        return order.decode() != sys.byteorder

    def load(self, weights_only: bool, encoding: str):
        if self.records.has(self.root + "constants.pkl"):
            raise RuntimeError(
                "load: the file is a TorchScript archive, which holds a program; rustgrad reads what torch.save wrote\n"
                "hint: save the state dict: torch.save(module.state_dict(), path)"
            )
        if not self.records.has(self.root + "version"):
            raise RuntimeError('Expected hasRecord("version") to be true, but got false.')
        version = self._number("version", 0)
        if not 1 <= version <= 10:
            raise RuntimeError(
                f"Attempted to read a PyTorch file with version {version}, but the maximum supported version for "
                "reading is 10. Your PyTorch script module file is too old or too new."
            )
        data = self.records.read(self.root + "data.pkl", _MAX_PICKLE)
        stream = io.BytesIO(data)
        permissions = Permissions(len(data), not weights_only)
        machine = Unpickler(stream.read, stream.readline, permissions.find, self.persistent, encoding)
        permissions.unpickler = machine
        return unpickled(machine)

    def persistent(self, pid):
        """The storage that a persistent id names."""
        pid = decoded(pid)
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise UnpicklingError(
                f"Unsupported persistent id encountered: expected a storage, got {type(pid).__name__}"
            )
        _, kind, key, location, count = pid[:5]
        if not (isinstance(kind, StorageType) and isinstance(key, str) and isinstance(location, str)):
            raise UnpicklingError("the id of a storage does not name its type, key and location")
        dtype = kind.dtype()
        if type(count) is not int or count < 0:
            raise UnpicklingError(f"a storage has {count} elements")
        found = self.storages.get(key)
        if found is None:
            found = self.storages[key] = self._storage(key, location, dtype, count)
        if found.dtype != dtype or found.size() != count:
            raise UnpicklingError(f"storage {key} is named with two dtypes or sizes")
        return found

    def _storage(self, key: str, location: str, dtype, count: int) -> TypedStorage:
        name = f"{self.root}data/{key}"
        begin, size = self.records.place(name)
        if size != count * dtype.itemsize:
            raise RuntimeError(
                f"record size ({size} bytes) does not match expected size ({count * dtype.itemsize} bytes = {count} "
                f"elements * {dtype.itemsize} bytes/element) for dtype {dtype}"
            )
        if self.without_data:
            return TypedStorage(wrap_storage=UntypedStorage(size, device="meta"), dtype=dtype)
        if options.skipping():
            memory = UntypedStorage(size)
        elif self.map is not None and begin % dtype.itemsize == 0 and not self.swap:
            memory = UntypedStorage._over(self.map[begin : begin + size])
        else:
            memory = UntypedStorage._empty(size)
            self.records.read_into(name, memoryview(memory), self.check)
        if self.swap:
            swap_bytes(memory, dtype)
        memory = self.restore(memory, location)
        return TypedStorage(wrap_storage=memory, dtype=dtype)


def decoded(pid):
    """A persistent id whose texts Python 2 may have written, as bytes."""
    if not isinstance(pid, tuple):
        return pid
    return tuple(part.decode("ascii", "replace") if isinstance(part, bytes) else part for part in pid)


def swap_bytes(memory: UntypedStorage, dtype) -> None:
    """Turn the byte order of every number of a storage."""
    width = dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize
    whole = memoryview(memory)
    for at in range(0, len(whole), PIECE):
        view = whole[at : at + PIECE]
        old = bytes(view)
        for k in range(width):
            view[k::width] = old[width - 1 - k :: width]


def _map(f) -> memoryview:
    """The whole file, mapped: pages are read when they are first used. Writes stay in memory, unless it is shared."""
    import mmap

    flags = options.get_default_mmap_options()
    shared = flags is not None and flags == getattr(mmap, "MAP_SHARED", None)
    with open(f, "r+b" if shared else "rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY))


def get_unsafe_globals_in_checkpoint(f) -> list[str]:
    """The names in a file that `load(..., weights_only=True)` would refuse now. Nothing is made from them."""
    with opened(f) as file:
        if file.read(4) != b"PK\3\4":
            raise ValueError("Expected input to be a checkpoint returned by torch.save")
        file.seek(-4, os.SEEK_CUR)
        records = Reader(file)
        root = _Archive(records, f, restorer(None), None).root
        data = records.read(root + "data.pkl", _MAX_PICKLE)
    permissions = Permissions(len(data), False)
    names: dict[str, None] = {}

    def find(module, name, protocol):
        try:
            permissions.find(module, name, protocol)
        except NotImplementedError:
            pass
        except UnpicklingError:
            names[f"{module}.{name}"] = None
        return Global(None)

    stream = io.BytesIO(data)
    unpickled(Scanner(stream.read, stream.readline, find, lambda pid: None))
    return list(names)
