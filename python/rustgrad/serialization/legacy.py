"""PyTorch's format from before 1.6: pickles one after another, then the bytes of each storage."""

import io
import os
import pickle
import struct
import sys
from pickle import UnpicklingError

from ..storage import TypedStorage, UntypedStorage
from . import options
from .files import read_exactly, read_into, size_of, write_all
from .loading import decoded, swap_bytes, unpickled
from .names import StorageType
from .permissions import Permissions
from .unpickler import Unpickler

__all__ = ["load_legacy", "write_legacy"]

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


class _Window:
    """A file read in pieces, so that many small reads are cheap, and left where the last of them ended."""

    def __init__(self, file, size: int):
        self._file = file
        self._room = 1 << 16
        self._data = io.BytesIO()
        self._left = size - file.tell()

    def _more(self, count: int) -> bytes:
        count = min(max(count, self._room), self._left)
        data = read_exactly(self._file, count) if count else b""
        self._left -= len(data)
        return data

    def read(self, count: int) -> bytes:
        data = self._data.read(count)
        if len(data) < count and self._left:
            self._data = io.BytesIO(data + self._more(count - len(data)))
            data = self._data.read(count)
        return data

    def readline(self, limit: int) -> bytes:
        line = self._data.readline(limit)
        while not line.endswith(b"\n") and len(line) < limit and self._left:
            self._data = io.BytesIO(line + self._more(len(line)))  # doubled, so that a long line costs its length
            line = self._data.readline(limit)
        return line

    def close(self) -> None:
        """Leave the file where the machine has stopped."""
        unread = len(self._data.read())
        self._file.seek(-unread, os.SEEK_CUR)


class _Legacy:
    """A file of the old format, while it is read."""

    def __init__(self, file, restore, weights_only: bool, encoding: str):
        self.file = file
        self.size = size_of(file)
        # All storages together lie in the file, so that none needs more memory than it has bytes.
        self.left = self.size - file.tell()
        self.restore = restore
        self.everything = not weights_only
        self.encoding = encoding
        self.storages: dict[str, TypedStorage] = {}
        self.locations: dict[str, str] = {}

    def plain(self):
        """The next pickle, of numbers and texts only."""
        return self._next(Permissions(0, False), self._nothing, "latin1")

    def _nothing(self, pid):
        raise UnpicklingError("a storage where only numbers and texts may be")

    def _next(self, permissions, persistent, encoding=None):
        window = _Window(self.file, self.size)
        machine = Unpickler(window.read, window.readline, permissions.find, persistent, encoding or self.encoding)
        permissions.unpickler = machine
        value = unpickled(machine)
        window.close()
        return value

    def load(self):
        if self.plain() != MAGIC:
            raise RuntimeError("Invalid magic number; corrupt file?")
        version = self.plain()
        if version != PROTOCOL:
            raise RuntimeError(f"Invalid protocol version: {version}")
        system = self.plain()
        little = system.get("little_endian", True) if type(system) is dict else True
        if options.get_default_load_endianness() is options.LoadEndianness.NATIVE:
            little = sys.byteorder == "little"
        elif options.get_default_load_endianness() is not None:
            little = options.get_default_load_endianness() is options.LoadEndianness.LITTLE
        begin, size = self.file.tell(), self.left
        value = self._next(Permissions(size, self.everything), self.persistent)
        keys = self.plain()
        if type(keys) is not list or sorted(map(str, keys)) != sorted(self.storages):
            raise RuntimeError("the keys of the storages in the file are not those of its tensors; corrupt file?")
        for key in keys:
            self._fill(self.storages[key], little)
        if self._move():
            # Tensors of the first reading lie in main memory; those of a second one lie where the data are now.
            end = self.file.tell()
            self.file.seek(begin)
            value = self._next(Permissions(size, self.everything), self.persistent)
            self.file.seek(end)
        return value

    def _move(self) -> bool:
        """Bring each storage where it belongs. Whether any has moved."""
        moved = False
        for key, storage in self.storages.items():
            memory = self.restore(storage.untyped(), self.locations[key])
            if memory is not storage.untyped():
                self.storages[key] = TypedStorage(wrap_storage=memory, dtype=storage.dtype)
                moved = True
        return moved

    def persistent(self, pid):
        """The storage that a persistent id names, whose data follow later."""
        pid = decoded(pid)
        if not isinstance(pid, tuple) or not pid or pid[0] not in ("storage", "module"):
            raise UnpicklingError(f"Unknown saved id type: {type(pid).__name__}")
        if pid[0] == "module":  # a class, with the source that it had: only the class counts
            if len(pid) < 2 or not isinstance(pid[1], type):
                raise UnpicklingError("the id of a module does not name its class")
            return pid[1]
        if len(pid) != 6:
            raise UnpicklingError("the id of a storage has not six parts")
        _, kind, key, location, count, view = pid
        if not (isinstance(kind, StorageType) and isinstance(key, str) and isinstance(location, str)):
            raise UnpicklingError("the id of a storage does not name its type, key and location")
        if type(count) is not int or count < 0:
            raise UnpicklingError(f"a storage has {count} elements")
        dtype = kind.dtype()
        whole = self.storages.get(key)
        if whole is None:
            self.left -= count * dtype.itemsize
            if self.left < 0:
                raise UnpicklingError("the storages of the pickle are larger than the file")
            memory = UntypedStorage._empty(count * dtype.itemsize)
            whole = self.storages[key] = TypedStorage(wrap_storage=memory, dtype=dtype)
            self.locations[key] = location
        if whole.dtype != dtype or whole.size() != count:
            raise UnpicklingError(f"storage {key} is named with two dtypes or sizes")
        return whole if view is None else self._part(whole, view)

    def _part(self, whole: TypedStorage, view):
        """A part of a storage, as files before PyTorch 0.4 have."""
        numbers = view[1:] if isinstance(view, tuple) and len(view) == 3 else ()
        if len(numbers) != 2 or not all(type(n) is int and n >= 0 for n in numbers) or sum(numbers) > whole.size():
            raise UnpicklingError("a part of a storage lies outside it")
        offset, size = numbers
        return TypedStorage(wrap_storage=whole.untyped(), dtype=whole.dtype, _offset=offset, _size=size)

    def _fill(self, storage: TypedStorage, little: bool) -> None:
        (count,) = struct.unpack("<q" if little else ">q", read_exactly(self.file, 8))
        if count != storage.size():
            raise RuntimeError(f"a storage of the file has {count} elements where its tensors have {storage.size()}")
        memory = storage.untyped()
        if options.skipping():
            self.file.seek(memory.nbytes(), os.SEEK_CUR)
            return
        read_into(self.file, memoryview(memory))
        if little != (sys.byteorder == "little"):
            swap_bytes(memory, storage.dtype)


def load_legacy(file, restore, weights_only: bool, encoding: str):
    """The object of a file of the old format, which stays open behind it."""
    reader = _Legacy(file, restore, weights_only, encoding)
    try:
        return reader.load()
    except EOFError as error:
        raise RuntimeError(f"load: the file ends too early: {error}") from None


def write_legacy(write, pickled: bytes, blocks, protocol: int) -> None:
    """Write a file of the old format: the pickle, and the blocks of storages that it names."""
    system = {
        "protocol_version": PROTOCOL,
        "little_endian": sys.byteorder == "little",
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    for part in (MAGIC, PROTOCOL, system):
        write_all(write, pickle.dumps(part, protocol))
    write_all(write, pickled)
    write_all(write, pickle.dumps([block.key for block in blocks], protocol))
    for block in blocks:
        write_all(write, struct.pack("=q", block.count))
        write_all(write, block.data())
