"""The IDX format of MNIST's files: a header of big-endian sizes, then the elements, plain or compressed with gzip."""

import math
import os
import struct

from .._rustgrad import Tensor, from_numpy

__all__ = ["read_idx"]

# The type codes of the format, as NumPy's big-endian types.
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
# No gzip file is more than this many times smaller than what it holds.
_MOST = 1100


def read_idx(path) -> Tensor:
    """The array of an IDX file, as a tensor of its shape and dtype.

    Whether the file is compressed is seen by its first bytes. Raises ValueError if it is no IDX file, or longer or
    shorter than its header says.
    """
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        size = os.fstat(file.fileno()).st_size
        if not packed:
            return _read(file, path, size)
        import gzip
        import zlib

        try:
            with gzip.open(file) as unpacked:
                return _read(unpacked, path, size * _MOST)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path}: damaged gzip data: {error}") from None


def _read(file, path, most: int) -> Tensor:
    import numpy as np

    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES:
        raise ValueError(f"{path} is not an IDX file: it begins with {start.hex(' ') or 'nothing'}")
    kind, dims = np.dtype(_TYPES[start[2]]), start[3]
    header = file.read(4 * dims)
    if len(header) < 4 * dims:
        raise ValueError(f"{path} ends within its header")
    shape = struct.unpack(f">{dims}I", header)
    size = math.prod(shape) * kind.itemsize
    # Before memory is taken for it.
    data = bytearray(file.read(size + 1)) if size <= most else b""
    if len(data) != size:
        there = "more" if len(data) > size else "fewer"
        raise ValueError(f"{path} has {there} than the {size} bytes of the shape {list(shape)} in its header")
    array = np.frombuffer(data, kind).reshape(shape)
    return from_numpy(array.astype(kind.newbyteorder("="), copy=False))
