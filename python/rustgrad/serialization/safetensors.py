"""safetensors files, with the functions of the package `safetensors.torch`: names, tensors, a little text, no code."""

import json
import struct

from .._rustgrad import Tensor, io
from ..storage import TypedStorage, UntypedStorage
from .files import is_path, read_exactly, read_into, replacing, size_of
from .locations import restorer
from .names import dtype_named, short_name

__all__ = ["load", "load_file", "safe_open", "save", "save_file"]

_MAX_HEADER = 100 << 20
_MAX_DIMS = 64
_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "I16": "int16",
    "U16": "uint16",
    "I32": "int32",
    "U32": "uint32",
    "I64": "int64",
    "U64": "uint64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
_NAMES = {ours: theirs for theirs, ours in _DTYPES.items()}


# --- writing


def _checked(tensors) -> dict:
    if not isinstance(tensors, dict):
        raise TypeError(
            f"save: expected a dict from names to tensors, such as model.state_dict(), but got {type(tensors).__name__}"
        )
    for name, value in tensors.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise TypeError(
                f"save: expected a dict from names to tensors, but {name!r} holds {type(value).__name__}\n"
                "hint: save tensors only; keep numbers and options in a file of their own, or save to a '.pt' file"
            )
    return dict(tensors)


def save_file(tensors, filename, metadata=None) -> None:
    """Write a dict from names to tensors to a file, and texts by name in `metadata`.

    The old file is replaced when the new one is whole and on the disk.
    """
    tensors = _checked(tensors)
    with replacing(filename) as (_, aside):
        io.save_safetensors(tensors, aside, metadata)


def save(tensors, metadata=None) -> bytes:
    """A dict from names to tensors as the bytes of a file."""
    tensors = _checked(tensors)
    header: dict = {"__metadata__": metadata if metadata is not None else {"format": "pt"}}
    parts, end = [], 0
    # Larger element types come first, so that every tensor is aligned.
    for name, value in sorted(tensors.items(), key=lambda item: -item[1].element_size()):
        kind = _NAMES.get(short_name(value.dtype))
        if kind is None:
            raise NotImplementedError(f"save: safetensors files have no {short_name(value.dtype)}")
        data = value.detach().cpu()._to_bytes()
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [end, end + len(data)]}
        parts.append(data)
        end += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *parts])


# --- reading


def _once(pairs) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"duplicate key {twice!r}")
    return found


class _Header:
    """What a file says of its tensors, checked: every tensor lies inside the file, apart from the others."""

    def __init__(self, file, what: str):
        self._what = what
        begin = file.tell()
        size = size_of(file) - begin
        if size < 8:
            raise self._bad(f"it has {size} bytes, fewer than the 8 of the header's length")
        (length,) = struct.unpack("<Q", read_exactly(file, 8))
        if length > _MAX_HEADER or length > size - 8:
            raise self._bad(f"its header claims {length} bytes, the file has {size}")
        try:
            header = json.loads(read_exactly(file, length), object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise self._bad(str(error)) from None
        if not isinstance(header, dict):
            raise self._bad("its header is no JSON object")
        self.begin = begin + 8 + length
        self.metadata = header.pop("__metadata__", None) or {}
        if not isinstance(self.metadata, dict):
            raise self._bad("its metadata are no JSON object")
        self.tensors = {name: self._checked(name, info) for name, info in header.items()}
        end = 0
        for name, (_, _, (first, last)) in sorted(self.tensors.items(), key=lambda item: item[1][2]):
            if first != end:
                raise self._bad(f"tensor {name!r} begins at {first}, not at {end}")
            end = last
        if 8 + length + end != size:
            raise self._bad(f"its header describes {8 + length + end} bytes, the file has {size}")

    def _bad(self, why: str) -> RuntimeError:
        return RuntimeError(
            f"load: {self._what} is not a valid safetensors file: {why}\n"
            "hint: the file is damaged, cut short, or of another format"
        )

    def _checked(self, name: str, info) -> tuple:
        """(dtype's name, shape, (first byte, last byte)) of a tensor."""
        if not isinstance(info, dict) or set(info) != {"dtype", "shape", "data_offsets"}:
            raise self._bad(f"tensor {name!r} has no dtype, shape and data_offsets")
        kind, shape, span = info["dtype"], info["shape"], info["data_offsets"]
        if not _are_sizes(shape) or not _are_sizes(span) or len(span) != 2 or span[1] < span[0]:
            raise self._bad(f"tensor {name!r} has a shape or offsets that are no sizes")
        if len(shape) > _MAX_DIMS:
            raise self._bad(f"tensor {name!r} has {len(shape)} dims, more than {_MAX_DIMS}")
        if not isinstance(kind, str) or kind not in _DTYPES:
            raise self._bad(f"tensor {name!r} has the unknown dtype {kind!r}")
        try:
            dtype = dtype_named(_DTYPES[kind])
        except NotImplementedError:
            raise NotImplementedError(
                f"load: tensor {name!r} in {self._what} has dtype {kind}, which rustgrad does not have"
            ) from None
        size = dtype.itemsize
        for n in shape:
            size *= n
        if size != span[1] - span[0]:
            raise self._bad(f"tensor {name!r} has {span[1] - span[0]} bytes where its shape needs {size}")
        return dtype, tuple(shape), (span[0], span[1])


def _are_sizes(values) -> bool:
    return isinstance(values, list) and all(type(n) is int and 0 <= n < 1 << 62 for n in values)


def _read(file, header: _Header, name: str) -> Tensor:
    dtype, shape, (first, last) = header.tensors[name]
    memory = UntypedStorage._empty(last - first)
    file.seek(header.begin + first)
    read_into(file, memoryview(memory))
    return TypedStorage(wrap_storage=memory, dtype=dtype).tensor().view(shape)


def load_any(f, file, restore) -> dict:
    """The tensors of a file by name, in the order of their data. `file` is `f`, opened."""
    header = _Header(file, repr(f) if is_path(f) else "the file")
    if is_path(f):  # other threads run meanwhile
        found = io.load_safetensors(f)
    else:
        names = sorted(header.tensors, key=lambda name: header.tensors[name][2])
        found = {name: _read(file, header, name) for name in names}
    return {name: moved(value, restore) for name, value in found.items()}


def moved(tensor: Tensor, restore) -> Tensor:
    """A tensor of main memory where `map_location` wants it."""
    memory = tensor.untyped_storage()
    there = restore(memory, "cpu")
    if there is memory:
        return tensor
    return TypedStorage(wrap_storage=there, dtype=tensor.dtype).tensor().view(tensor.shape)


def load_file(filename, device="cpu") -> dict:
    """The tensors of a file by name."""
    with open(filename, "rb", buffering=0) as file:
        return load_any(filename, file, restorer(device))


def load(data: bytes) -> dict:
    """The tensors in the bytes of a file, by name."""
    from io import BytesIO

    return load_any(None, BytesIO(data), restorer(None))


class safe_open:
    """A file whose tensors are read one by one: `with safe_open("model.safetensors", framework="pt") as f: ...`."""

    def __init__(self, filename, framework="pt", device="cpu"):
        if framework not in ("pt", "torch", "pytorch", "rustgrad"):
            raise ValueError(f"safe_open: framework {framework!r} is not this library: 'pt' is")
        self._file = open(filename, "rb", buffering=0)
        try:
            self._header = _Header(self._file, repr(filename))
        except BaseException:
            self._file.close()
            raise
        self._restore = restorer(device)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def keys(self) -> list[str]:
        """The names of the tensors."""
        return sorted(self._header.tensors)

    def offset_keys(self) -> list[str]:
        """The names in the order of the data."""
        return sorted(self._header.tensors, key=lambda name: self._header.tensors[name][2])

    def metadata(self) -> dict:
        """The texts of the file."""
        return dict(self._header.metadata)

    def get_tensor(self, name: str) -> Tensor:
        """A tensor by name."""
        if name not in self._header.tensors:
            raise KeyError(f"File does not contain tensor {name}")
        return moved(_read(self._file, self._header, name), self._restore)

    def get_slice(self, name: str) -> "_Slice":
        """A tensor of which parts are read by indexing."""
        if name not in self._header.tensors:
            raise KeyError(f"File does not contain tensor {name}")
        return _Slice(self, name)


class _Slice:
    """A tensor of a file, read when it is indexed: of a range of its first dim, only those bytes."""

    def __init__(self, owner: safe_open, name: str):
        self._owner, self._name = owner, name
        self._dtype, self._shape, _ = owner._header.tensors[name]

    def get_shape(self) -> list[int]:
        """The sizes."""
        return list(self._shape)

    def get_dtype(self) -> str:
        """The dtype, as the file calls it."""
        return _NAMES[short_name(self._dtype)]

    def __getitem__(self, index):
        first, *rest = index if isinstance(index, tuple) else (index,)
        if not isinstance(first, slice) or first.step not in (None, 1) or not self._shape:
            return self._owner.get_tensor(self._name)[index]
        start, stop, _ = first.indices(self._shape[0])
        stop = max(start, stop)
        row = self._dtype.itemsize
        for n in self._shape[1:]:
            row *= n
        memory = UntypedStorage._empty((stop - start) * row)
        header, file = self._owner._header, self._owner._file
        file.seek(header.begin + header.tensors[self._name][2][0] + start * row)
        read_into(file, memoryview(memory))
        part = TypedStorage(wrap_storage=memory, dtype=self._dtype).tensor().view(stop - start, *self._shape[1:])
        part = moved(part, self._owner._restore)
        return part[(slice(None), *rest)] if rest else part
