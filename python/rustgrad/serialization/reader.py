"""Single records of the archives of `save`, under the names of PyTorch's extension."""

import hashlib
import os
import sys
from typing import Any

from .files import is_path

__all__ = ["PyTorchFileReader", "PyTorchFileWriter", "is_zipfile", "open_zipfile_reader", "open_zipfile_writer"]


class PyTorchFileReader:
    """The records of an archive, by their names without the folder around them.

    name_or_buffer: a path, or a file object from whose position on the archive lies. RuntimeError for damaged ones.
    """

    def __init__(self, name_or_buffer):
        from .archive import Reader

        self._own: Any = open(name_or_buffer, "rb") if is_path(name_or_buffer) else None
        self._records = Reader(self._own or name_or_buffer)
        self._folder = self._records.names[0].partition("/")[0] + "/" if self._records.names else ""

    def __del__(self):
        if self.__dict__.get("_own"):
            self._own.close()

    def get_all_records(self) -> list[str]:
        """The names of all records, in the order of the file."""
        return [name.removeprefix(self._folder) for name in self._records.names]

    def has_record(self, name: str) -> bool:
        """Whether there is a record of this name."""
        return self._records.has(self._folder + name)

    def get_record(self, name: str) -> bytes:
        """The bytes of a record. RuntimeError if there is none, or if it does not match its checksum."""
        return self._records.read(self._folder + name)

    def get_record_size(self, name: str) -> int:
        """How many bytes a record has."""
        return self._records.place(self._folder + name)[1]

    def get_record_offset(self, name: str) -> int:
        """Where the bytes of a record begin in the file."""
        return self._records.place(self._folder + name)[0]

    def serialization_id(self) -> str:
        """Forty digits that tell files of different content apart; "" in files without."""
        return self.get_record(".data/serialization_id").decode() if self.has_record(".data/serialization_id") else ""


class PyTorchFileWriter:
    """Writes records one after another; `write_end_of_file` adds those that each archive has, and the directory.

    name_or_buffer: a path, written at once, or a file object.
    """

    def __init__(self, name_or_buffer, compute_crc32: bool = True, alignment: int = 64):
        from .archive import Writer

        self._own: Any = open(name_or_buffer, "wb") if is_path(name_or_buffer) else None
        path = os.path.basename(os.fsdecode(name_or_buffer)) if self._own else "archive"
        self._name = os.path.splitext(path)[0]
        self._archive = Writer((self._own or name_or_buffer).write, self._name, compute_crc32, alignment)
        self._written: set[str] = set()
        self._seen = hashlib.sha1()

    def archive_name(self) -> str:
        """The folder around the records: the file's name without its extension."""
        return self._name

    def get_all_written_records(self) -> set[str]:
        """The names of the records so far."""
        return set(self._written)

    def write_record(self, name: str, data, size: int) -> None:
        """Write the first `size` bytes of `data`: bytes, or a storage. RuntimeError for a name that was written."""
        if name in self._written:
            raise RuntimeError(f"Tried to serialize file twice: {name}")
        self._written.add(name)
        given = memoryview(data.encode() if isinstance(data, str) else data).cast("B")
        crc = self._archive.record(name, given[:size])
        self._seen.update(f"{name} {size} {crc}".encode())

    def serialization_id(self) -> str:
        """Forty digits that depend on the records."""
        return f"{int(self._seen.hexdigest(), 16) % 10**40:040}"

    def write_end_of_file(self) -> None:
        """Write what is missing of version and byte order, and the directory."""
        for name, data in (("version", b"3\n"), ("byteorder", sys.byteorder.encode())):
            if name not in self._written:
                self.write_record(name, data, len(data))
        self.write_record(".data/serialization_id", self.serialization_id().encode(), 40)
        self._archive.close()
        if self._own:
            self._own.close()


class open_zipfile_reader:
    """A PyTorchFileReader for a `with` block."""

    def __init__(self, name_or_buffer):
        self.file_like = PyTorchFileReader(name_or_buffer)

    def __enter__(self) -> PyTorchFileReader:
        return self.file_like

    def __exit__(self, *_) -> None:
        pass


class open_zipfile_writer:
    """A PyTorchFileWriter for a `with` block, which ends the file."""

    def __init__(self, name_or_buffer):
        self.file_like = PyTorchFileWriter(name_or_buffer)

    def __enter__(self) -> PyTorchFileWriter:
        return self.file_like

    def __exit__(self, *_) -> None:
        self.file_like.write_end_of_file()


def is_zipfile(f) -> bool:
    """Whether a file object is at the beginning of a zip archive."""
    at = f.tell()
    found = f.read(4) == b"PK\3\4"
    f.seek(at)
    return found
