"""The zip archives of `save`: records stored without compression, each beginning at a multiple of 64 bytes, or more.

The reader trusts nothing: records must lie inside the file and apart from each other, and what the file does not hold
is never allocated.
"""

import struct
import zlib

from .files import PIECE, read_exactly, read_into, size_of, write_all

__all__ = ["Reader", "Writer"]

ALIGN = 64
_LOCAL, _CENTRAL, _END, _END64, _LOCATOR64 = b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7"
_HEAD = struct.Struct("<4s5H3I2H")  # a local header
_ENTRY = struct.Struct("<4s6H3I5H2I")  # an entry of the central directory
_TAIL = struct.Struct("<4s4H2IH")  # the end of the directory
_TAIL64 = struct.Struct("<4sQ2H2I4Q")
_FULL = 0xFFFFFFFF  # stands where a number needs 64 bits, which an extra field has
_UTF8 = 1 << 11
_DATE = 33  # 1980-01-01, the first day of the format: equal content gives equal files


class Writer:
    """Writes records in order to any object with a `write` method. `close` writes the directory."""

    def __init__(self, write, name: str, checksums: bool, alignment: int = ALIGN):
        self._write = write
        self._name = name
        self._checksums = checksums
        self._alignment = alignment
        self._at = 0
        self._entries = []

    def _put(self, data) -> None:
        write_all(self._write, data)
        self._at += len(data)

    def record(self, name: str, data) -> int:
        """Write a record: bytes, or a one-dimensional memoryview of bytes. Returns its checksum."""
        size = len(data)
        crc = 0
        if self._checksums:
            for at in range(0, size, PIECE):
                crc = zlib.crc32(data[at : at + PIECE], crc)
        path = f"{self._name}/{name}".encode()
        start, large = self._at, size >= _FULL
        extra = struct.pack("<2H2Q", 1, 16, size, size) if large else b""
        room = -(start + _HEAD.size + len(path) + len(extra) + 4) % self._alignment
        extra += struct.pack("<2s H", b"FB", room) + b"Z" * room
        version, short = (45, _FULL) if large else (20, size)
        head = _HEAD.pack(_LOCAL, version, _UTF8, 0, 0, _DATE, crc, short, short, len(path), len(extra))
        self._put(head + path + extra)
        self._put(data)
        self._entries.append((path, size, start, crc))
        return crc

    def close(self) -> None:
        """Write the directory."""
        start = self._at
        for path, size, at, crc in self._entries:
            wide = ([size, size] if size >= _FULL else []) + ([at] if at >= _FULL else [])
            extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
            version, short = 45 if wide else 20, min(size, _FULL)
            numbers = (version, version, _UTF8, 0, 0, _DATE, crc, short, short)
            rest = (len(path), len(extra), 0, 0, 0, 0, min(at, _FULL))
            self._put(_ENTRY.pack(_CENTRAL, *numbers, *rest) + path + extra)
        end, count = self._at, len(self._entries)
        if start >= _FULL or count >= 0xFFFF:
            self._put(_TAIL64.pack(_END64, 44, 45, 45, 0, 0, count, count, end - start, start))
            self._put(struct.pack("<4sIQI", _LOCATOR64, 0, end, 1))
        short = min(count, 0xFFFF)
        self._put(_TAIL.pack(_END, 0, 0, short, short, min(end - start, _FULL), min(start, _FULL), 0))


def _damaged(why: str) -> RuntimeError:
    return RuntimeError(
        f"PytorchStreamReader failed reading zip archive: {why}\n"
        "hint: the file is damaged or cut short; save or copy it again"
    )


class Reader:
    """The records of an archive that begins at the position of `file` and ends where the file does."""

    def __init__(self, file):
        self.file = file
        self._begin = file.tell()
        self._size = size_of(file)
        try:
            self._records = self._directory()
        except (EOFError, struct.error, UnicodeDecodeError) as error:
            raise _damaged("its directory is not whole") from error
        self.names = list(self._records)

    def _read(self, at: int, count: int) -> bytes:
        if at < 0 or count < 0 or at + count > self._size:
            raise _damaged("its directory names places outside the file")
        self.file.seek(at)
        return read_exactly(self.file, count)

    def _directory(self) -> dict:
        """Name -> (place of the local header, stored size, size, checksum, method)."""
        # The end of the directory stands last, but for a comment of at most 64 KiB.
        room = min(self._size - self._begin, _TAIL.size + 0xFFFF)
        tail_at = self._size - room
        tail = self._read(tail_at, room)
        found = tail.rfind(_END)
        if found < 0 or len(tail) - found < _TAIL.size:
            raise _damaged("failed finding central directory")
        end_at = tail_at + found
        _, disk, _, _, count, length, start, _ = _TAIL.unpack_from(tail, found)
        if disk not in (0, 0xFFFF):
            raise _damaged("archives in several parts are not read")
        # A directory with 64-bit numbers stands in front of a short one, which points to it.
        locator = self._read(end_at - 20, 20) if end_at - 20 >= self._begin else b""
        if locator[:4] == _LOCATOR64:
            at64 = end_at - 20 - _TAIL64.size
            mark, _, _, _, _, _, _, count, length, start = _TAIL64.unpack(self._read(at64, _TAIL64.size))
            if mark != _END64:
                raise _damaged("its 64-bit directory is missing")
            end_at = at64
        elif 0xFFFF in (count, disk) or _FULL in (length, start):
            raise _damaged("its 64-bit directory is missing")
        shift = end_at - length - start  # what stands in front of the archive shifts every place in it
        if shift < 0 or shift + start + length > end_at or count * _ENTRY.size > length:
            raise _damaged("its directory does not fit into it")
        return self._entries(self._read(shift + start, length), count, shift, shift + start)

    def _entries(self, directory: bytes, count: int, shift: int, limit: int) -> dict:
        records, spans, at = {}, [], 0
        for _ in range(count):
            (mark, _, _, flags, method, _, _, crc, stored, size, names, extras, comments, _, _, _, place) = (
                _ENTRY.unpack_from(directory, at)
            )
            if mark != _CENTRAL:
                raise _damaged("an entry of its directory is damaged")
            at += _ENTRY.size
            name = directory[at : at + names].decode()
            extra = directory[at + names : at + names + extras]
            at += names + extras + comments
            if at > len(directory):
                raise _damaged("an entry of its directory is cut short")
            if flags & 1:
                raise _damaged(f"record {name!r} is encrypted")
            if name in records:
                raise _damaged(f"record {name!r} occurs twice")
            size, stored, place = _widened(extra, size, stored, place)
            place += shift
            if method == 0 and size != stored:
                raise _damaged(f"record {name!r} has two sizes")
            records[name] = (place, stored, size, crc, method)
            spans.append((place, place + _HEAD.size + names + stored, name))
        spans.sort()
        for (_, end, name), (begin, _, other) in zip(spans, [*spans[1:], (limit, 0, "the directory")], strict=True):
            if end > begin:
                raise _damaged(f"record {name!r} overlaps {other!r}")
        return records

    def has(self, name: str) -> bool:
        """Whether there is a record of this name."""
        return name in self._records

    def place(self, name: str) -> tuple[int, int]:
        """Where the data of a record begin in the file, and their size."""
        if name not in self._records:
            short = name.split("/", 1)[-1]
            raise RuntimeError(
                f"PytorchStreamReader failed locating file {short}: file not found\n"
                "hint: the file is damaged or cut short; save or copy it again"
            )
        at, stored, size, _, method = self._records[name]
        if method != 0:
            raise _damaged(f"record {name!r} is compressed, which files of torch.save never are")
        head = _HEAD.unpack(self._read(at, _HEAD.size))
        if head[0] != _LOCAL:
            raise _damaged(f"record {name!r} does not begin where the directory says")
        begin = at + _HEAD.size + head[9] + head[10]
        if begin + stored > self._size:
            raise _damaged(f"record {name!r} is cut short")
        return begin, size

    def crc(self, name: str) -> int:
        """The checksum of a record; 0 where none was computed."""
        return self._records[name][3]

    def read(self, name: str, limit: int | None = None) -> bytes:
        """The bytes of a record, of which there may be at most `limit`."""
        begin, size = self.place(name)
        if limit is not None and size > limit:
            raise _damaged(f"record {name!r} has {size} bytes where at most {limit} are expected")
        data = self._read(begin, size)
        self._check(name, zlib.crc32(data))
        return data

    def read_into(self, name: str, view, check: bool = True) -> None:
        """Fill `view`, which is as large as the record."""
        begin, _ = self.place(name)
        self.file.seek(begin)
        crc = 0

        def seen(piece):
            nonlocal crc
            crc = zlib.crc32(piece, crc)

        read_into(self.file, view, seen if check else None)
        if check:
            self._check(name, crc)

    def _check(self, name: str, crc: int) -> None:
        known = self.crc(name)
        if known and crc != known:
            raise _damaged(f"record {name!r} has the checksum {crc:08x} where {known:08x} was written")


def _widened(extra: bytes, *numbers: int) -> list[int]:
    """The numbers of a directory entry, those that need 64 bits taken from its extra field."""
    at = 0
    while _FULL in numbers and at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            wide = iter(struct.unpack_from(f"<{size // 8}Q", extra, at + 4))
            return [next(wide, n) if n == _FULL else n for n in numbers]
        at += 4 + size
    return list(numbers)
