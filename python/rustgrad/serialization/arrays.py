"""NumPy's files: `.npy` gives a tensor, `.npz` a dict from names to tensors. Objects in them are never made."""

import io

from .._rustgrad import Tensor, from_numpy
from .archive import Reader
from .files import is_path, read_exactly, size_of
from .safetensors import moved

__all__ = ["load_npy", "load_npz"]

# Compressed archives may grow a hundredfold, or to this many bytes.
_GROWTH, _SMALL = 100, 1 << 30


def _array(file, size: int, what: str):
    """The array of an `.npy` file of `size` bytes, of which none is read before the header was checked."""
    from numpy.lib import format as npy

    begin = file.tell()
    try:
        version = npy.read_magic(file)
        if version == (1, 0):
            shape, _, dtype = npy.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, _, dtype = npy.read_array_header_2_0(file)
        else:
            raise ValueError(f"format version {version} is unknown")
        if dtype.hasobject:
            raise ValueError("it holds Python objects")
        room = dtype.itemsize
        for n in shape:
            room *= n
        if min(shape, default=0) < 0 or room != size - (file.tell() - begin):
            raise ValueError(f"shape {shape} of {dtype} needs {room} bytes, and {size - (file.tell() - begin)} follow")
        file.seek(begin)
        return npy.read_array(file, allow_pickle=False)
    except Exception as error:  # NumPy's parser of headers raises what Python's tokenizer does
        raise RuntimeError(f"load: {what} is not a valid .npy file: {error}") from None


def _tensor(array, what: str, restore) -> Tensor:
    import numpy as np

    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    try:
        tensor = from_numpy(np.require(array, requirements="W"))
    except TypeError as error:
        raise NotImplementedError(
            f"load: {what} holds elements of {array.dtype}, which rustgrad does not have"
        ) from error
    return moved(tensor, restore)


def load_npy(file, restore) -> Tensor:
    """The tensor of an `.npy` file."""
    size = size_of(file) - file.tell()
    if not hasattr(file, "readline"):
        file = io.BytesIO(read_exactly(file, size))
    return _tensor(_array(file, size, "the file"), "the file", restore)


def load_npz(f, restore) -> dict:
    """The tensors of an `.npz` file, by name."""
    import zipfile

    given = open(f, "rb") if is_path(f) else f
    try:
        begin = given.tell()
        records = Reader(given)  # refuses records that overlap
        given.seek(begin)
        with zipfile.ZipFile(given) as archive:
            entries = archive.infolist()
            total = sum(entry.file_size for entry in entries)
            if total > max(_SMALL, _GROWTH * size_of(given)):
                raise RuntimeError(
                    f"load: the arrays of the file take {total} bytes, more than {_GROWTH} times what the file does\n"
                    "hint: if that is meant, read it with numpy.load, and make tensors with torch.from_numpy"
                )
            tensors = {}
            for entry in entries:
                if not records.has(entry.filename):
                    raise RuntimeError(f"load: {entry.filename!r} is not in the directory of the archive")
                name = entry.filename.removesuffix(".npy")
                with archive.open(entry) as file:
                    tensors[name] = _tensor(_array(file, entry.file_size, repr(name)), repr(name), restore)
            return tensors
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
        if isinstance(error, NotImplementedError) and str(error).startswith("load:"):
            raise
        raise RuntimeError(f"load: the .npz file is damaged: {error}") from error
    finally:
        if given is not f:
            given.close()
