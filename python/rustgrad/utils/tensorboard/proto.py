"""Protocol buffers, as much of them as event files need: fields by number, put one behind the other.

A message is the bytes of its fields, and a field of a message is those bytes with a number and their length in front.
The numbers are those of TensorFlow's and TensorBoard's published .proto files.
"""

import struct
from collections.abc import Iterable

__all__ = ["double", "doubles", "field", "floats", "integer", "integers", "single"]


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers have ten bytes
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, data: bytes | str) -> bytes:
    """A string, bytes or a message."""
    data = data.encode() if isinstance(data, str) else data
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def integer(number: int, value: int) -> bytes:
    """An int32, int64 or enum."""
    return _varint(number << 3) + _varint(value)


def double(number: int, value: float) -> bytes:
    """A float64."""
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def single(number: int, value: float) -> bytes:
    """A float32. What is too large for it becomes infinite."""
    try:
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    except OverflowError:
        return single(number, float("inf") if value > 0 else float("-inf"))


def doubles(number: int, values: Iterable[float]) -> bytes:
    """A list of float64."""
    values = list(values)
    return field(number, struct.pack(f"<{len(values)}d", *values))


def floats(number: int, values) -> bytes:
    """A list of float32, of a NumPy array."""
    return field(number, values.astype("<f4").tobytes())


def integers(number: int, values: Iterable[int]) -> bytes:
    """A list of ints."""
    return field(number, b"".join(map(_varint, values)))
