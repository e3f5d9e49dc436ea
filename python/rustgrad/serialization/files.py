"""Opening files. One that is written replaces the old one only when it is whole; one that is read can be sought in."""

import io
import os
import re
import secrets
import stat
from contextlib import contextmanager

__all__ = ["is_path", "opened", "replacing", "write_all"]

# Bytes handed to the system, or to a checksum, at once: as many as the processor's cache holds.
PIECE = 1 << 20


def is_path(f) -> bool:
    """Whether `f` names a file, rather than being one."""
    return isinstance(f, (str, bytes, os.PathLike))


def write_all(write, data) -> None:
    """Hand all of `data` to a `write` that may take a part of it only, as those of unbuffered files do."""
    view = memoryview(data).cast("B") if len(data) else memoryview(b"")
    while len(view):
        taken = write(view[:PIECE] if len(view) > PIECE else view)
        view = view[taken if isinstance(taken, int) and 0 <= taken < len(view) else min(len(view), PIECE) :]


def _lock(file) -> bool | None:
    """Claim a file for this process, until it is closed or the process ends.

    False: another process has it. None: there are no locks here (Windows, some network file systems).
    """
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _aside(path: str):
    """A new file beside `path`, locked, and its name."""
    folder, name = os.path.split(path)
    while True:
        # Few enough characters for systems that limit names to 255 bytes.
        name_aside = os.path.join(folder, f".{name[:180]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
        try:
            file = open(name_aside, "x+b", buffering=0)
        except FileExistsError:
            continue
        # Between these two steps another writer may have taken the file for a leftover, and removed it.
        if _lock(file) is not False and os.path.exists(name_aside):
            return file, name_aside
        file.close()


def _remove_leftovers(path: str) -> None:
    """Remove the files aside of writers of `path` that were killed: those that nobody holds."""
    folder, name = os.path.split(path)
    pattern = re.compile(re.escape(f".{name[:180]}.") + r"\d+(-[0-9a-f]+)?\.tmp")
    try:
        with os.scandir(folder or ".") as entries:
            found = [entry.path for entry in entries if pattern.fullmatch(entry.name)]
    except OSError:
        return
    for leftover in found:
        try:
            if os.name == "nt":
                os.remove(leftover)  # refused while a writer has the file open
                continue
            with open(leftover, "r+b", buffering=0) as file:
                if _lock(file):
                    os.remove(leftover)
        except OSError:
            pass  # another writer has removed the file, or it belongs to somebody else


def _sync_folder(path: str) -> None:
    """Make a rename last through a power cut. Windows has no such call, and needs none."""
    if os.name != "nt":
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def replacing(path):
    """A raw file to write, and its name, which becomes `path` at the end of the block: synced, in one step.

    If the block raises, or the process is killed, what stood at `path` stays. What killed writers of `path` have left
    is removed first. Devices and pipes are written to directly.
    """
    path = os.path.realpath(os.fspath(path))
    path = os.fsdecode(path)
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    try:
        mode = os.stat(path).st_mode
    except OSError:
        mode = None
    if mode is not None and stat.S_ISDIR(mode):
        raise RuntimeError(f"save: cannot write {path!r}: Is a directory")
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb", buffering=0) as file:
            yield file, path
        return
    _remove_leftovers(path)
    file, name_aside = _aside(path)
    try:
        if mode is not None and hasattr(os, "fchmod"):
            os.fchmod(file.fileno(), stat.S_IMODE(mode))
        yield file, name_aside
        os.fsync(file.fileno())
        if os.name == "nt":
            file.close()
        os.replace(name_aside, path)
    except BaseException:
        file.close()
        try:
            os.remove(name_aside)
        except OSError:
            pass  # the reason why writing failed matters more
        raise
    file.close()
    _sync_folder(path)


@contextmanager
def opened(f):
    """`f`, or the file that it names, for reading; checked to have what a reader needs."""
    if is_path(f):
        with open(f, "rb", buffering=0) as file:
            yield file
        return
    for name in ("read", "seek", "tell"):
        if not hasattr(f, name):
            raise AttributeError(
                f"'{type(f).__name__}' object has no attribute '{name}'. You can only torch.load from a file that is "
                "seekable. Please pre-load the data into a buffer like io.BytesIO and try to load from it instead."
            )
    try:
        f.seek(f.tell())
    except io.UnsupportedOperation as error:
        raise type(error)(
            f"{error}. You can only torch.load from a file that is seekable. Please pre-load the data into a buffer "
            "like io.BytesIO and try to load from it instead."
        ) from error
    yield f


def size_of(file) -> int:
    """The number of bytes of a file, whose position stays."""
    at = file.tell()
    end = file.seek(0, os.SEEK_END)
    end = file.tell() if end is None else end
    file.seek(at)
    return end


def read_exactly(file, count: int) -> bytes:
    """`count` bytes. EOFError where the file ends before; what is not there is not allocated."""
    parts, missing = [], count
    while missing:
        part = file.read(min(missing, 16 * PIECE))
        if not part:
            raise EOFError(f"unexpected EOF, expected {missing} more bytes. The file might be corrupted.")
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def read_into(file, view, seen=None) -> None:
    """Fill `view` from the file, handing each piece to `seen` while the cache holds it."""
    readinto = getattr(file, "readinto", None)
    done = 0
    while done < len(view):
        piece = view[done : done + PIECE]
        if readinto is not None:
            count = readinto(piece)
        else:
            data = file.read(len(piece))
            count = len(data)
            piece[:count] = data
        if not count:
            raise EOFError(f"unexpected EOF, expected {len(view) - done} more bytes. The file might be corrupted.")
        if seen is not None:
            seen(piece[:count])
        done += count
