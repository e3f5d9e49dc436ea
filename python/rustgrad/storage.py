"""Storages: the memory that tensors show, without a dtype (`UntypedStorage`) and with one (`TypedStorage`)."""

from . import _rustgrad
from ._lazy import TYPED
from ._rustgrad import Tensor, UntypedStorage, _tensor_over

__all__ = ["TypedStorage", "UntypedStorage", "is_storage"]


class TypedStorage:
    """Elements of one dtype in a storage: what files of PyTorch hold where a storage itself was saved.

    wrap_storage: an UntypedStorage, whose memory is shared. dtype: of the elements.
    """

    def __init__(self, *, wrap_storage, dtype, _offset=0, _size=None):
        self._untyped_storage = wrap_storage
        self.dtype = dtype
        self._offset = _offset  # both in elements; files older than PyTorch 0.4 have parts of storages
        self._size = wrap_storage.nbytes() // dtype.itemsize - _offset if _size is None else _size

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
        return self.tensor()[index].item()

    def __setitem__(self, index, value):
        self.tensor()[index] = value

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
        """Overwrite the elements with those of another storage."""
        self.tensor().copy_(source.tensor())
        return self

    def clone(self) -> "TypedStorage":
        """A copy in memory of its own."""
        return TypedStorage(wrap_storage=self.tensor().clone().untyped_storage(), dtype=self.dtype)

    def type(self, dtype=None):
        """The name of the storage's class; or these elements as those of another, a class or a dtype."""
        if dtype is None:
            return f"{type(self).__module__.partition('.')[0]}.{self.pickle_storage_type()}"
        return self._cast(getattr(dtype, "dtype", dtype))

    def _cast(self, dtype):
        return TypedStorage(wrap_storage=self.tensor().to(dtype).clone().untyped_storage(), dtype=dtype)

    def __eq__(self, other):
        return isinstance(other, TypedStorage) and self.tensor().tolist() == other.tensor().tolist()

    __hash__ = object.__hash__


_WORDS = {getattr(_rustgrad, dtype): word for word, dtype in TYPED.items() if hasattr(_rustgrad, dtype)}
_WORDS[_rustgrad.complex64], _WORDS[_rustgrad.complex128] = "ComplexFloat", "ComplexDouble"


class _Kind(type):
    """The type of FloatStorage and kin. Calling one makes a storage: of a size, or of data."""

    dtype: _rustgrad.dtype

    def __call__(cls, *args, wrap_storage=None):
        if wrap_storage is not None:
            return TypedStorage(wrap_storage=wrap_storage, dtype=cls.dtype)
        (data,) = args or (0,)
        size = cls.dtype.itemsize
        if isinstance(data, int):
            return TypedStorage(wrap_storage=UntypedStorage(data * size), dtype=cls.dtype)
        return TypedStorage(wrap_storage=_rustgrad.tensor(data, dtype=cls.dtype).untyped_storage(), dtype=cls.dtype)

    def __instancecheck__(cls, instance):
        return isinstance(instance, TypedStorage) and instance.dtype == cls.dtype


def _kind(word, dtype):
    doc = f"Storages of {dtype} elements."
    return _Kind(f"{word}Storage", (), {"dtype": dtype, "__module__": "rustgrad", "__doc__": doc})


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
