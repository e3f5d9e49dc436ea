"""Golden values on disk: one `tests/golden/<family>.npz` per family, an index as JSON and one block of bytes."""

import json
from functools import cache
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent.parent / "golden"
# bfloat16 is stored as its bits.
STORED = {"bool": "bool", "bfloat16": "uint16"}


class Writer:
    def __init__(self):
        self.index, self.data = {}, bytearray()

    def array(self, dtype, values):
        """Stores an array of `dtype` (bits for bfloat16) and returns its place."""
        values = np.ascontiguousarray(values, STORED.get(dtype, dtype))
        at = len(self.data)
        self.data += values.tobytes()
        return at

    def save(self, family):
        index = np.frombuffer(json.dumps(self.index, separators=(",", ":")).encode(), np.uint8)
        path = FOLDER / f"{family}.npz"
        np.savez_compressed(path, index=index, data=np.frombuffer(bytes(self.data), np.uint8))
        return path.stat().st_size


class Reader:
    def __init__(self, path):
        with np.load(path) as f:
            self.index, self.data = json.loads(f["index"].tobytes()), f["data"].tobytes()

    def array(self, dtype, shape, at):
        """The values as float64, complex128, int64 or bool."""
        stored = np.dtype(STORED.get(dtype, dtype))
        values = np.frombuffer(self.data, stored, int(np.prod(shape)), at).reshape(shape)
        return wide(values, dtype)


def wide(values, dtype):
    """Floats as float64, complex numbers as complex128, integers as int64; bfloat16 from its bits."""
    if dtype == "bfloat16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    if dtype == "bool":
        return values
    if "complex" in dtype:
        return values.astype(np.complex128)
    return values.astype(np.float64 if "float" in dtype else np.int64)


@cache
def load(family):
    path = FOLDER / f"{family}.npz"
    return Reader(path) if path.exists() else None
