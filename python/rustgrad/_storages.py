"""What storages do in Python: casts, resizing of typed ones, files that they map, memory that processes share."""

import mmap
import os
from typing import Any

from ._rustgrad import UntypedStorage

__all__ = ["FileMap", "SharedMap", "attribute", "from_buffer", "is_shared", "reduced", "share"]


class FileMap(mmap.mmap):
    """A file's bytes in memory: `filename`, and whether writes go to it."""

    filename: str
    shared: bool

    def __new__(cls, descriptor: int, nbytes: int, shared: bool, filename):
        made = super().__new__(cls, descriptor, nbytes, access=mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY)
        made.filename, made.shared = os.fspath(filename), shared
        return made


class SharedMap(mmap.mmap):
    """Memory of a file without a name, which a process maps that is given its descriptor."""

    descriptor: int
    filename = None
    shared = True

    def __new__(cls, descriptor: int, nbytes: int):
        made = super().__new__(cls, descriptor, max(nbytes, 1))
        made.descriptor = descriptor
        return made

    def __del__(self):
        os.close(self.descriptor)


def _map_of(storage: Any) -> Any:
    """The map in which a storage lies, or None. Parts of storages lie in that of the whole."""
    lender: Any = storage._lender
    while isinstance(lender, UntypedStorage):
        lender = lender._lender  # pyright: ignore[reportAttributeAccessIssue]
    lender = getattr(lender, "obj", None)  # of a memoryview
    return lender if isinstance(lender, (FileMap, SharedMap)) else None


def is_shared(storage) -> bool:
    """Whether other processes see what is written."""
    found = _map_of(storage)
    return storage.device.type not in ("cpu", "meta") or (found is not None and found.shared)


def _file(nbytes: int) -> int:
    """The descriptor of a file that has no name, in main memory where the system can."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("rustgrad")
    else:
        import tempfile

        descriptor, path = tempfile.mkstemp(prefix="rustgrad-shared-")
        os.unlink(path)
    os.ftruncate(descriptor, max(nbytes, 1))
    return descriptor


def share(storage) -> UntypedStorage:
    """Moves a storage's bytes to memory that processes share, for all tensors that show them.

    Processes that are forked have it; others are sent its descriptor, by whatever sends objects of `multiprocessing`.
    """
    if is_shared(storage):
        return storage
    if storage.device.type == "meta":
        raise NotImplementedError("Not available for 'meta' device type")
    if os.name == "nt":
        raise NotImplementedError(
            "share_memory_: shared memory is built on files without a name, which Windows has not"
        )
    storage._relocate(memoryview(SharedMap(_file(storage._room), storage._room)))
    _teach_picklers()
    return storage


_taught = False


def _teach_picklers() -> None:
    """Queues, pipes and the arguments of processes then send shared storages by their descriptors."""
    global _taught
    if not _taught:
        from multiprocessing.reduction import ForkingPickler

        ForkingPickler.register(UntypedStorage, reduced)
        _taught = True


def reduced(storage):
    """The call that makes a storage anew in another process: with a descriptor if it is shared, else with bytes."""
    found = _map_of(storage)
    if not isinstance(found, SharedMap) or isinstance(storage._lender, UntypedStorage):
        return storage.__reduce_ex__(2)
    from multiprocessing.reduction import DupFd

    return _received, (DupFd(found.descriptor), storage.nbytes())


# Maps of what came from other processes, by their files: memory that comes again is mapped once.
_known: dict[tuple[int, int], Any] = {}


def _received(sent, nbytes: int) -> UntypedStorage:
    import weakref

    descriptor = sent.detach()
    about = os.fstat(descriptor)
    key = about.st_dev, about.st_ino
    kept = _known.get(key)
    found = kept() if kept is not None else None
    if found is None:
        found = SharedMap(descriptor, nbytes)
        _known[key] = weakref.ref(found, lambda gone: _known.pop(key, None) if _known.get(key) is gone else None)
    else:
        os.close(descriptor)
    _teach_picklers()
    return UntypedStorage._over(memoryview(found)[:nbytes])


# --- attributes of UntypedStorage


def _typed(storage, dtype):
    from ._rustgrad import tensor
    from .storage import TypedStorage

    return TypedStorage(wrap_storage=tensor(storage.tolist(), dtype=dtype).untyped_storage(), dtype=dtype)


def _caster(name: str):
    def cast(storage):
        from . import _rustgrad

        return _typed(storage, getattr(_rustgrad, name))

    return cast


def copy_(storage, source, non_blocking=None):
    """Overwrite the bytes with those of another storage. RuntimeError where it has another number of them."""
    if storage.nbytes() != source.nbytes():
        raise RuntimeError(
            f"size does not match, self was {storage.nbytes()} bytes but src was {source.nbytes()} bytes"
        )
    from ._rustgrad import Tensor, _tensor_over, uint8

    to, of = (_tensor_over(Tensor, s.untyped(), uint8, 0, (s.nbytes(),), (1,), False) for s in (storage, source))
    to.copy_(of)
    return storage


def byteswap(storage, dtype) -> None:
    """Turn the order of bytes within each element of `dtype`, in place; within both parts of a complex one."""
    size = dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize
    view = memoryview(storage)
    if size > 1:
        view[: len(view) // size * size] = b"".join(
            bytes(view[at : at + size])[::-1] for at in range(0, len(view) // size * size, size)
        )


def kind(storage, dtype=None):
    """The name of the storage's class; or these bytes as elements of another."""
    if dtype is None:
        from ._rustgrad import _library

        return f"{_library()}.storage.UntypedStorage"
    return _typed(storage, getattr(dtype, "dtype", dtype))


def get_device(storage) -> int | None:
    """The number of the GPU; None on the CPU."""
    return None if storage.device.type in ("cpu", "meta") else storage.device.index or 0


def from_buffer(buffer, dtype=None, byte_order=None, count=-1, offset=0) -> UntypedStorage:
    """A copy of the elements in a buffer. ValueError where elements of several bytes come without their order."""
    from . import _rustgrad, storage

    dtype = _rustgrad.uint8 if dtype is None else dtype
    typed: Any = next(cls for cls in vars(storage).values() if getattr(cls, "dtype", None) is dtype)
    return typed.from_buffer(buffer, byte_order, count, offset).untyped()


_METHODS: dict[str, Any] = {
    "byteswap": byteswap,
    "copy_": copy_,
    "get_device": get_device,
    "is_pinned": lambda storage, device=None: False,
    "is_shared": is_shared,
    "new": lambda storage: UntypedStorage(device=storage.device),
    "pin_memory": lambda storage, device=None: _pinned(storage),
    "share_memory_": share,
    "type": kind,
}
for _name, _dtype in {
    "bfloat16": "bfloat16",
    "bool": "bool",
    "byte": "uint8",
    "char": "int8",
    "complex_double": "complex128",
    "complex_float": "complex64",
    "double": "float64",
    "float": "float32",
    "half": "float16",
    "int": "int32",
    "long": "int64",
    "short": "int16",
}.items():
    _METHODS[_name] = _caster(_dtype)


def _pinned(storage):
    from . import gpu

    if not gpu.is_available():
        raise RuntimeError(
            "Cannot access accelerator device when none is available.\n"
            "hint: pin_memory serves copies to a GPU; without one leave it out"
        )
    return storage


def attribute(storage, name: str) -> Any:
    """For the `__getattr__` of UntypedStorage. AttributeError for what it has not."""
    if name in _METHODS:
        from types import MethodType

        return MethodType(_METHODS[name], storage)
    if name in ("is_hpu", "is_sparse", "is_sparse_csr"):
        return False
    if name == "filename":
        found = _map_of(storage)
        # PyTorch names the file only where writes go to it.
        return found.filename if found is not None and found.shared else None
    raise AttributeError(f"'UntypedStorage' object has no attribute '{name}'")
