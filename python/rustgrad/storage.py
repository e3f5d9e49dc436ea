"""Storages: the memory that tensors show, without a dtype (`UntypedStorage`) and with one (`TypedStorage`)."""

from ._rustgrad import Tensor, UntypedStorage, _tensor_over

__all__ = ["TypedStorage", "UntypedStorage"]


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
        lines = "".join(f" {value}\n" for value in self)
        kind = f"{type(self).__module__}.{type(self).__name__}"
        return f"{lines}[{kind}(dtype={self.dtype}, device={self.device}) of size {len(self)}]"
