"""Storages: the memory that tensors show, without a dtype (`UntypedStorage`) and with one (`TypedStorage`)."""

import sys
from typing import Any

from . import _rustgrad
from ._lazy import TYPED
from ._rustgrad import Tensor, UntypedStorage, _tensor_over

__all__ = ["TypedStorage", "UntypedStorage", "is_storage"]


class TypedStorage:
    """Elements of one dtype in a storage: what files of PyTorch hold where a storage itself was saved.

    args: nothing, a number of elements, or a sequence of them; or wrap_storage: an UntypedStorage, whose memory is
    shared. dtype: of the elements, the default one unless given. RuntimeError or TypeError for other arguments.
    """

    def __init__(
        self, *args, wrap_storage=None, dtype: Any = None, device=None, _internal=False, _offset=0, _size=None
    ):
        if wrap_storage is not None:
            _check_wrapped(type(self), args, wrap_storage, dtype, device)
        else:
            dtype = _rustgrad.get_default_dtype() if dtype is None else dtype
            if not isinstance(dtype, _rustgrad.dtype):
                raise RuntimeError(f"expected {_rustgrad._library()}.dtype, but got {type(dtype)}")
            wrap_storage = _memory_of(type(self), args, dtype, device)
        self._untyped_storage: Any = wrap_storage
        self.dtype: Any = dtype
        self._offset = _offset  # both in elements; files older than PyTorch 0.4 have parts of storages
        self._size = wrap_storage.nbytes() // self.dtype.itemsize - _offset if _size is None else _size

    def tensor(self, offset=0, size=None, stride=(1,), requires_grad=False) -> Tensor:
        """A tensor over these elements: all of them, or `size` elements from `offset` on."""
        size = (self._size,) if size is None else size
        return _tensor_over(
            Tensor, self._untyped_storage, self.dtype, self._offset + offset, size, stride, requires_grad
        )

    @property
    def device(self):
        """Where the memory is."""
        return self._untyped_storage.device

    def untyped(self) -> UntypedStorage:
        """The memory without the dtype."""
        return self._untyped_storage

    def element_size(self) -> int:
        """Bytes per element."""
        return self.dtype.itemsize

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._size * self.dtype.itemsize

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.nbytes()

    def data_ptr(self) -> int:
        """The address of the first element; on the GPU a number that tells blocks apart."""
        address = self._untyped_storage.data_ptr()
        return address + self._offset * self.dtype.itemsize if address else 0

    def size(self) -> int:
        """The number of elements."""
        return self._size

    def tolist(self) -> list:
        """The elements as a list of numbers."""
        return self.tensor().tolist()

    def cpu(self) -> "TypedStorage":
        """These elements in main memory."""
        moved = self._untyped_storage.cpu()
        return TypedStorage(wrap_storage=moved, dtype=self.dtype, _offset=self._offset, _size=self._size)

    def __len__(self):
        return self._size

    def __iter__(self):
        return iter(self.tolist())

    def __getitem__(self, index):
        self._check_here()
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        if not isinstance(index, int):
            raise RuntimeError(f"can't index a {type(self)} with {type(index)}")
        if not -self._size <= index < self._size:
            raise IndexError(f"index {index} out of range for storage of size {self._size}")
        return self.tensor()[index].item()

    def __setitem__(self, index, value):
        self._check_here()
        if not isinstance(index, (int, slice)):
            raise RuntimeError(f"can't index a {type(self)} with {type(index)}")
        self.tensor()[index] = value

    def _check_here(self):
        if self.device.type == "meta":
            raise NotImplementedError("Not available for 'meta' device type")

    def __repr__(self):
        # Nothing can be shown of a storage on meta.
        lines = "...\n" if self.device.type == "meta" else "".join(f" {value}\n" for value in self)
        kind = f"{type(self).__module__}.{type(self).__name__}"
        return f"{lines}[{kind}(dtype={self.dtype}, device={self.device}) of size {len(self)}]"

    @property
    def is_cuda(self) -> bool:
        """Whether the memory is on a GPU that this program calls cuda."""
        return self.device.type == "cuda"

    def untyped_storage(self) -> UntypedStorage:
        """The memory without the dtype."""
        return self._untyped_storage

    def pickle_storage_type(self) -> str:
        """The name that files give this kind of storage: `FloatStorage`."""
        return _WORDS[self.dtype] + "Storage"

    def fill_(self, value) -> "TypedStorage":
        """Overwrite each element."""
        self.tensor().fill_(value)
        return self

    def copy_(self, source, non_blocking=None) -> "TypedStorage":
        """Overwrite the elements with those of another storage, of as many bytes; RuntimeError for another number."""
        if self.nbytes() != source.nbytes():
            raise RuntimeError(
                f"size does not match, self was {self.nbytes()} bytes but src was {source.nbytes()} bytes"
            )
        self.tensor().copy_(source.tensor())
        return self

    def resize_(self, size: int) -> None:
        """Make it `size` elements long; new ones are zero. RuntimeError where the memory is another's."""
        self._untyped_storage.resize_(size * self.dtype.itemsize)
        self._size = size

    def resizable(self) -> bool:
        """Whether `resize_` works: the memory is the storage's own."""
        return self._untyped_storage.resizable()

    def share_memory_(self) -> "TypedStorage":
        """Move the memory to where other processes see it, for all tensors that share it."""
        self._untyped_storage.share_memory_()
        return self

    def get_device(self) -> int | None:
        """The number of the GPU; None on the CPU."""
        return self._untyped_storage.get_device()

    def clone(self) -> "TypedStorage":
        """A copy in memory of its own."""
        return TypedStorage(wrap_storage=self.tensor().clone().untyped_storage(), dtype=self.dtype)

    def type(self, dtype=None):
        """The name of the storage's class; or these elements as those of another, a class or a dtype."""
        if dtype is None:
            return f"{type(self).__module__.partition('.')[0]}.{self.pickle_storage_type()}"
        if isinstance(dtype, str):
            words = {f"{word}Storage": kind for kind, word in _WORDS.items()}
            dtype = words.get(dtype.rpartition(".")[2], dtype)
        return self._cast(getattr(dtype, "dtype", dtype))

    @classmethod
    def from_file(cls, filename, shared=False, size=0) -> "TypedStorage":
        """`size` elements over the memory of a file, as `torch.from_file`. Called on a class of one dtype."""
        raise RuntimeError("from_file can only be called on derived classes")

    @property
    def _cdata(self) -> int:
        return self._untyped_storage._cdata

    @property
    def filename(self):
        """The file that the memory maps, where writes go to it; else None."""
        return self._untyped_storage.filename

    @property
    def is_sparse(self) -> bool:
        """False: elements of storages are dense."""
        return False

    @property
    def is_hpu(self) -> bool:
        """False: there is no such device."""
        return False

    def is_pinned(self, device=None) -> bool:
        """False: no memory is page-locked."""
        return False

    def pin_memory(self, device=None) -> "TypedStorage":
        """The storage itself where there is a GPU; RuntimeError without one."""
        self._untyped_storage.pin_memory(device)
        return self

    def is_shared(self) -> bool:
        """Whether other processes see the memory: after `share_memory_`, or on a GPU."""
        return self._untyped_storage.is_shared()

    def _cast(self, dtype):
        return TypedStorage(wrap_storage=self.tensor().to(dtype).clone().untyped_storage(), dtype=dtype)

    def __eq__(self, other):
        return isinstance(other, TypedStorage) and self.tensor().tolist() == other.tensor().tolist()

    __hash__ = object.__hash__


_WORDS = {getattr(_rustgrad, dtype): word for word, dtype in TYPED.items() if hasattr(_rustgrad, dtype)}
_WORDS[_rustgrad.complex64], _WORDS[_rustgrad.complex128] = "ComplexFloat", "ComplexDouble"


def _check_wrapped(cls, args, memory, dtype, device):
    says = f"{cls.__name__}.__init__ received an invalid combination of arguments. Expected one of:{_FORMS}"
    if args:
        raise RuntimeError(f"{says}\nNo positional arguments should be given when using 'wrap_storage'")
    if dtype is None:
        raise RuntimeError(f"{says}\nArgument 'dtype' must be specified")
    if not isinstance(dtype, _rustgrad.dtype):
        raise TypeError(f"{says}\nArgument 'dtype' must be dtype, not {type(dtype)}")
    if device is not None:
        raise RuntimeError(f"{says}\nArgument 'device' should not be specified when 'wrap_storage' is given")
    if not isinstance(memory, UntypedStorage):
        raise TypeError(f"{says}\nArgument 'wrap_storage' must be UntypedStorage, but got {type(memory)}")


_FORMS = """
 * (*, device device, dtype dtype)
 * (int size, *, device device, dtype dtype)
 * (Sequence data, *, device device, dtype dtype)
 * (*, UntypedStorage wrap_storage, dtype dtype)"""


def _memory_of(cls, args, dtype, device) -> UntypedStorage:
    """Memory for a number of elements, or with those of a sequence."""
    if len(args) > 1:
        raise RuntimeError(
            f"{cls.__name__}.__init__ received an invalid combination of arguments. Expected one of:{_FORMS}\n"
            "Too many positional arguments"
        )
    data = args[0] if args else 0
    if isinstance(data, int) and not isinstance(data, bool):
        return UntypedStorage(data * dtype.itemsize, device=device)
    if not hasattr(data, "__len__"):
        raise TypeError(f"Argument type not recognized: {type(data)}")
    return _rustgrad.tensor(data, dtype=dtype, device=device).untyped_storage()


def _caster(name, dtype):
    def cast(self) -> TypedStorage:
        return self._cast(dtype)

    cast.__name__, cast.__doc__ = name, f"These elements as {str(dtype).rpartition('.')[2]}."
    return cast


for _name, _dtype in {
    "bfloat16": _rustgrad.bfloat16,
    "bool": _rustgrad.bool,
    "byte": _rustgrad.uint8,
    "char": _rustgrad.int8,
    "complex_double": _rustgrad.complex128,
    "complex_float": _rustgrad.complex64,
    "double": _rustgrad.float64,
    "float": _rustgrad.float32,
    "half": _rustgrad.float16,
    "int": _rustgrad.int32,
    "long": _rustgrad.int64,
    "short": _rustgrad.int16,
}.items():
    setattr(TypedStorage, _name, _caster(_name, _dtype))


class _Kind(type):
    """The type of FloatStorage and kin. Calling one makes a storage: of a size, or of data."""

    dtype: _rustgrad.dtype

    def __call__(cls, *args, wrap_storage=None):
        if wrap_storage is not None:
            return TypedStorage(*args, wrap_storage=wrap_storage, dtype=cls.dtype)
        return TypedStorage(*args, dtype=cls.dtype)

    def from_file(cls, filename, shared=False, size=0) -> TypedStorage:
        """`size` elements over the memory of a file, as `torch.from_file`."""
        memory = UntypedStorage.from_file(filename, shared, size * cls.dtype.itemsize)
        return TypedStorage(wrap_storage=memory, dtype=cls.dtype)

    def from_buffer(cls, buffer, byte_order=None, count=-1, offset=0) -> TypedStorage:
        """A copy of the elements in a buffer. byte_order: "native", "little" or "big", for elements of several bytes.

        Raises ValueError for another order, or where elements of several bytes come without one.
        """
        size = cls.dtype.itemsize
        if size > 1 and byte_order not in ("native", "little", "big"):
            raise ValueError(f"invalid byte_order '{byte_order}' (expected 'big', 'little' or 'native')")
        data = bytearray(memoryview(buffer).cast("B")[offset:])
        data = data[: len(data) // size * size] if count < 0 else data[: count * size]
        if byte_order not in (None, "native", sys.byteorder):
            word = size // 2 if cls.dtype.is_complex else size
            for at in range(0, len(data), word):
                data[at : at + word] = data[at : at + word][::-1]
        memory = UntypedStorage(len(data)) if not data else _rustgrad.tensor(list(data), dtype=_rustgrad.uint8)
        memory = memory if isinstance(memory, UntypedStorage) else memory.untyped_storage()
        return TypedStorage(wrap_storage=memory, dtype=cls.dtype)

    def __instancecheck__(cls, instance):
        return isinstance(instance, TypedStorage) and instance.dtype == cls.dtype


def _kind(word, dtype):
    doc = f"Storages of {dtype} elements."
    home = sys.modules[str(__package__)].__name__  # "torch" in a PyTorch program
    return _Kind(f"{word}Storage", (), {"dtype": dtype, "__module__": home, "__doc__": doc})


BFloat16Storage = _kind("BFloat16", _rustgrad.bfloat16)
BoolStorage = _kind("Bool", _rustgrad.bool)
ByteStorage = _kind("Byte", _rustgrad.uint8)
CharStorage = _kind("Char", _rustgrad.int8)
ComplexDoubleStorage = _kind("ComplexDouble", _rustgrad.complex128)
ComplexFloatStorage = _kind("ComplexFloat", _rustgrad.complex64)
DoubleStorage = _kind("Double", _rustgrad.float64)
FloatStorage = _kind("Float", _rustgrad.float32)
HalfStorage = _kind("Half", _rustgrad.float16)
IntStorage = _kind("Int", _rustgrad.int32)
LongStorage = _kind("Long", _rustgrad.int64)
ShortStorage = _kind("Short", _rustgrad.int16)


def of_default_dtype():
    """The class `rustgrad.Storage`: `FloatStorage`, unless the default dtype is another."""
    return globals()[_WORDS[_rustgrad.get_default_dtype()] + "Storage"]


def is_storage(obj) -> bool:
    """Whether `obj` is a storage, typed or not."""
    return isinstance(obj, (TypedStorage, UntypedStorage))
