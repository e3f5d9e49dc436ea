"""GGUF files of llama.cpp and its kin: float tensors as they are, the common quantised ones in float32."""

import math
import struct

from .._rustgrad import Tensor, from_numpy
from ..storage import TypedStorage, UntypedStorage
from .files import opened, read_exactly, read_into, size_of
from .locations import restorer
from .names import dtype_named
from .safetensors import moved

__all__ = ["load_gguf"]

_MAX_DIMS = 8
_MAX_NESTING = 4
# Of metadata values, by their number in the file: text (8) and arrays (9) have forms of their own.
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
# Kinds of tensors that are kept as they are.
_PLAIN = {0: "float32", 1: "float16", 24: "int8", 25: "int16", 26: "int32", 27: "int64", 28: "float64", 30: "bfloat16"}
# Names of the other kinds, for the error.
_OTHERS = {
    3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K",
    16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS",
    29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip


class _Stream:
    """The front of a file, read by parts that are checked against its size."""

    def __init__(self, file):
        self.file = file
        self.begin = file.tell()
        self.size = size_of(file)
        # Few large reads; the machine's many small ones are served from memory.
        self._data, self._at = b"", 0

    def take(self, count: int) -> bytes:
        if count > len(self._data) - self._at:
            rest = self._data[self._at :]
            there = self.size - self.file.tell()
            if count - len(rest) > there:
                raise _bad("it is cut short")
            more = read_exactly(self.file, min(there, max(count - len(rest), 1 << 16)))
            self._data, self._at = rest + more, 0
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, form: str):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self) -> str:
        return self.take(self.number("<Q")).decode("utf-8", "replace")

    def position(self) -> int:
        return self.file.tell() - (len(self._data) - self._at) - self.begin

    def value(self, kind: int, nesting: int = 0):
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind == 8:
            return self.text()
        if kind != 9 or nesting == _MAX_NESTING:
            raise _bad(f"a metadata value is of the unknown kind {kind}")
        inner, count = self.number("<I"), self.number("<Q")
        if inner in _SCALARS:
            form = _SCALARS[inner]
            data = self.take(count * struct.calcsize(form))
            return list(struct.unpack(f"<{count}{form[1]}", data))
        if count > self.size:  # every entry takes at least one byte
            raise _bad("an array of its metadata is larger than the file")
        return [self.value(inner, nesting + 1) for _ in range(count)]


def _bad(why: str) -> RuntimeError:
    return RuntimeError(f"load: the file is not a valid GGUF file: {why}")


def load_gguf(f, restore=None) -> tuple[dict, dict]:
    """The tensors of a GGUF file by name, and its metadata.

    F32, F16, BF16 and the plain integers keep their dtype; Q8_0, Q4_0 and Q4_K become float32. Sizes are in PyTorch's
    order, the rows first.
    """
    restore = restore or restorer(None)
    with opened(f) as file:
        stream = _Stream(file)
        if stream.take(4) != b"GGUF":
            raise _bad("it does not begin with 'GGUF'")
        version = stream.number("<I")
        if version not in (2, 3):
            raise _bad(f"its version is {version}; 2 and 3 are read")
        count, notes = stream.number("<Q"), stream.number("<Q")
        metadata = {}
        for _ in range(notes):
            key = stream.text()
            metadata[key] = stream.value(stream.number("<I"))
        infos = [_info(stream) for _ in range(count)]
        align = metadata.get("general.alignment", 32)
        if type(align) is not int or align < 1:
            raise _bad(f"its alignment is {align}")
        data = stream.begin + -(-stream.position() // align) * align
        _check_apart(infos, stream.size - data)
        tensors = {}
        for name, shape, kind, offset, size in infos:
            if name in tensors:
                raise _bad(f"tensor {name!r} occurs twice")
            file.seek(data + offset)
            tensors[name] = moved(_tensor(file, shape, kind, size), restore)
        return tensors, metadata


def _info(stream: _Stream) -> tuple:
    """(name, shape, kind, offset, bytes) of a tensor."""
    name, dims = stream.text(), stream.number("<I")
    if dims > _MAX_DIMS:
        raise _bad(f"tensor {name!r} has {dims} dims")
    shape = tuple(reversed(struct.unpack(f"<{dims}Q", stream.take(8 * dims))))
    kind, offset = stream.number("<I"), stream.number("<Q")
    if kind in _PLAIN:
        block, width = 1, dtype_named(_PLAIN[kind]).itemsize
    elif kind in _QUANTISED:
        block, width, _ = _QUANTISED[kind]
    else:
        raise NotImplementedError(
            f"load: tensor {name!r} is of GGUF's kind {_OTHERS.get(kind, kind)}, which is not read\n"
            "hint: F32, F16, BF16, Q8_0, Q4_0 and Q4_K are; llama.cpp's llama-quantize converts"
        )
    rows = shape[-1] if shape else 1
    if rows % block:
        raise _bad(f"rows of tensor {name!r} have {rows} elements, no multiple of {block}")
    return name, shape, kind, offset, math.prod(shape) // block * width


def _check_apart(infos, room: int) -> None:
    end = 0
    for name, _, _, offset, size in sorted(infos, key=lambda info: info[3]):
        if size and offset < end:
            raise _bad(f"tensor {name!r} overlaps another one")
        if offset + size > max(room, 0):
            raise _bad(f"tensor {name!r} reaches beyond the end of the file")
        end = max(end, offset + size)


def _tensor(file, shape, kind: int, size: int) -> Tensor:
    if kind in _PLAIN:
        memory = UntypedStorage._empty(size)
        read_into(file, memoryview(memory))
        return TypedStorage(wrap_storage=memory, dtype=dtype_named(_PLAIN[kind])).tensor().view(shape)
    import numpy as np

    _, width, restored = _QUANTISED[kind]
    blocks = np.frombuffer(read_exactly(file, size), np.uint8).reshape(-1, width)
    return from_numpy(np.ascontiguousarray(restored(blocks), np.float32).reshape(shape))


# --- blocks of quantised numbers, each a row of bytes


def _halves(blocks, at: int):
    """The float16 at a place of each block, as a column in float32."""
    import numpy as np

    return np.ascontiguousarray(blocks[:, at : at + 2]).view(np.float16).astype(np.float32)


def _q8_0(blocks):
    """32 numbers: a scale, and 32 signed bytes."""
    import numpy as np

    return _halves(blocks, 0) * blocks[:, 2:].view(np.int8)


def _q4_0(blocks):
    """32 numbers: a scale, and 4 bits each, 8 standing for 0; the low bits are those of the first 16."""
    import numpy as np

    bits = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
    return _halves(blocks, 0) * (bits.astype(np.int8) - 8)


def _q4_k(blocks):
    """256 numbers in 8 groups of 32: scale * group scale * 4 bits - minimum * group minimum.

    The 8 scales and minima of groups have 6 bits each, packed into 12 bytes: of groups 0 to 3 in the low bits of the
    first 8 bytes, of groups 4 to 7 four bits in the last 4 bytes and two in the high bits of the first.
    """
    import numpy as np

    scale, minimum, packed = _halves(blocks, 0), _halves(blocks, 2), blocks[:, 4:16]
    first, second, third = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    scales = np.concatenate([first & 63, (third & 15) | (first >> 6 << 4)], axis=1)
    minima = np.concatenate([second & 63, (third >> 4) | (second >> 6 << 4)], axis=1)
    # 32 bytes hold two groups: one in the low bits, the next in the high ones.
    pairs = blocks[:, 16:].reshape(-1, 4, 1, 32)
    bits = np.concatenate([pairs & 15, pairs >> 4], axis=2).reshape(-1, 8, 32)
    return (scale * scales)[:, :, None] * bits - (minimum * minima)[:, :, None]


_QUANTISED = {2: (32, 18, _q4_0), 8: (32, 34, _q8_0), 12: (256, 144, _q4_k)}
