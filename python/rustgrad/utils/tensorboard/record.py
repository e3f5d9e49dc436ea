"""Files of records, each with its length and the masked CRC-32C of both: the format that TensorFlow calls TFRecord."""

import struct

__all__ = ["RecordWriter", "crc32c"]

# Castagnoli's polynomial, bits reversed.
POLYNOMIAL = 0x82F63B78
# Longer data are summed in this many stretches at once.
STRETCHES = 512


def _byte_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


TABLE = _byte_table()


def crc32c(data: bytes) -> int:
    """The CRC-32C of some bytes."""
    if len(data) > 1 << 13:
        return _crc32c_long(data)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _crc32c_long(data: bytes) -> int:
    """The same by NumPy: a CRC is linear, so stretches are summed side by side, and then joined two by two."""
    import numpy as np

    table = np.array(TABLE, np.uint32)
    length = -(-len(data) // STRETCHES)
    # Zeros in front leave a sum that starts from 0 as it is; starting from all ones is the same as turning the bits of
    # the first four bytes.
    padded = np.zeros(STRETCHES * length, np.uint8)
    begin = len(padded) - len(data)
    padded[begin:] = np.frombuffer(data, np.uint8)
    padded[begin : begin + 4] ^= 0xFF
    sums = np.zeros(STRETCHES, np.uint32)
    for column in padded.reshape(STRETCHES, length).T:
        sums = table[(sums ^ column) & 0xFF] ^ sums >> 8

    def moved(crcs, step):
        """The sums after as many zero bytes as `step` stands for: 32 words, what each bit becomes."""
        result = np.zeros_like(crcs)
        for bit, word in enumerate(step):
            result ^= (crcs >> np.uint32(bit) & np.uint32(1)) * word
        return result

    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    step, double = bits, table[bits & 0xFF] ^ bits >> 8
    while length:
        if length & 1:
            step = moved(step, double)
        double, length = moved(double, double), length >> 1
    while len(sums) > 1:
        sums = moved(sums[0::2], step) ^ sums[1::2]
        step = moved(step, step)
    return int(sums[0]) ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


class RecordWriter:
    """Writes records to a binary file."""

    def __init__(self, writer):
        self._writer = writer

    def write(self, data: bytes) -> None:
        """Append one record."""
        length = struct.pack("<Q", len(data))
        self._writer.write(length + _masked(length) + data + _masked(data))

    def flush(self) -> None:
        """Hand over to the system what is buffered."""
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return self._writer.closed
