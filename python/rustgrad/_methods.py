"""Methods and attributes of Tensor that PyTorch writes in Python too, or that few programs use: storages, pinned
memory, Python functions over elements, DLPack. `_names/tensor.py` puts them on the class; this module is loaded with
the first that is used.
"""

from . import _rustgrad
from ._layouts import ccol_indices as ccol_indices
from ._layouts import coalesce as coalesce
from ._layouts import col_indices as col_indices
from ._layouts import crow_indices as crow_indices
from ._layouts import dense_dim as dense_dim
from ._layouts import dequantize as dequantize
from ._layouts import indices as indices
from ._layouts import int_repr as int_repr
from ._layouts import is_coalesced as is_coalesced
from ._layouts import q_per_channel_axis as q_per_channel_axis
from ._layouts import q_per_channel_scales as q_per_channel_scales
from ._layouts import q_per_channel_zero_points as q_per_channel_zero_points
from ._layouts import q_scale as q_scale
from ._layouts import q_zero_point as q_zero_point
from ._layouts import qscheme as qscheme
from ._layouts import row_indices as row_indices
from ._layouts import sparse_dim as sparse_dim
from ._layouts import sparse_mask as sparse_mask
from ._layouts import to_dense as to_dense
from ._layouts import to_sparse as to_sparse
from ._layouts import to_sparse_coo as to_sparse_coo
from ._layouts import to_sparse_csc as to_sparse_csc
from ._layouts import to_sparse_csr as to_sparse_csr
from ._layouts import values as values
from ._rustgrad import Size, Tensor, UntypedStorage, _library, _tensor_over, int32, uint16, uint64
from .removed import eig as eig
from .removed import lstsq as lstsq
from .removed import solve as solve
from .removed import symeig as symeig

__all__ = ["from_dlpack", "from_file", "frombuffer", "to_dlpack"]


def storage(self):
    """The memory of the tensor as a TypedStorage of its dtype."""
    from .storage import TypedStorage

    return TypedStorage(wrap_storage=self.untyped_storage(), dtype=self.dtype)


def storage_type(self):
    """The class of `storage()`."""
    return type(self.storage())


def set_(self, source=None, storage_offset=0, size=None, stride=None):
    """Show the memory of `source` from now on: a tensor as it lies there, or a storage from `storage_offset` on.

    Raises RuntimeError for a tensor of another dtype, and where the sizes reach beyond the storage.
    """
    from ._rustgrad.torch import is_grad_enabled

    if self.requires_grad and self.is_leaf and is_grad_enabled():
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if isinstance(source, Tensor):
        if source.dtype != self.dtype:
            raise RuntimeError(f"Could not set tensor of type {_word(source)} to a tensor of type {_word(self)}")
        if size is None:
            size, stride, storage_offset = source.shape, source.stride(), source.storage_offset()
        source = source.untyped_storage()
    elif source is None:
        source, size = UntypedStorage(0, device="meta" if self.is_meta else None), (0,)
    if not isinstance(source, UntypedStorage):
        if source.dtype != self.dtype:
            raise RuntimeError(
                f"Expected a Storage of type {_word(self)} or an UntypedStorage, but got type "
                f"{_scalar(source.dtype)} for argument 1 'storage'"
            )
        source = source.untyped()
    if source.device != self.device and "meta" in (source.device.type, self.device.type):
        raise RuntimeError(
            f'Attempted to set the storage of a tensor on device "{self.device}" to a storage on different device '
            f'"{source.device}".  This is no longer allowed; the devices must match.'
        )
    size = (source.nbytes() // self.dtype.itemsize,) if size is None else tuple(size)
    if not stride:
        stride, step = [], 1
        for n in reversed(size):
            stride.insert(0, step)
            step *= max(n, 1)
    self.data = _tensor_over(Tensor, source, self.dtype, storage_offset, list(size), list(stride))
    return self


def _scalar(dtype) -> str:
    from .nn._compose import scalar_name

    return scalar_name(dtype)


def _word(t: Tensor) -> str:
    words = {"float32": "float", "float64": "double", "int64": "long int", "int32": "int", "bool": "bool"}
    name = str(t.dtype).rpartition(".")[2]
    return words.get(name, name)


def pin_memory(self, device=None):
    """The tensor itself: copies to the GPU take no pinned memory. Raises RuntimeError where there is no GPU."""
    from . import gpu

    if self.is_meta:
        kind = self.type().rpartition(".")[2].removesuffix("Tensor")
        raise RuntimeError(f"cannot pin 'Meta{kind}Type' only dense CPU tensors can be pinned")
    if not gpu.is_available():
        raise RuntimeError(
            "Cannot access accelerator device when none is available.\n"
            "hint: pin_memory serves copies to a GPU; without one leave it out"
        )
    return self


def record_stream(self, stream) -> None:
    """Nothing: there is one queue of work, and memory is reused in its order."""


def share_memory_(self):
    """Move the memory to where other processes see it, for all tensors that share it; on a GPU it is there already.

    Processes that begin later, and those that are sent the tensor by a queue, a pipe or as an argument, then read and
    write the same elements. Returns the tensor.
    """
    from ._storages import share

    share(self.untyped_storage())
    return self


def apply_(self, callable):
    """Replace each element by `callable(element)`; slow, on the CPU only."""
    _refuse_grad(self, "apply_")
    if self.is_meta:
        return self
    return self.copy_(_mapped(callable, self))


def map_(self, tensor, callable):
    """Replace each element by `callable(element, other)`, where `tensor` broadcasts; slow, on the CPU only."""
    _refuse_grad(self, "map_")
    if self.is_meta:
        return self
    return self.copy_(_mapped(callable, self, tensor.expand_as(self)))


def map2_(self, x, y, callable):
    """Replace each element by `callable(element, of_x, of_y)`; slow, on the CPU only."""
    for position, (name, value) in enumerate((("x", x), ("y", y)), 1):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"map2_(): argument '{name}' (position {position}) must be Tensor, not {type(value).__name__}"
            )
    for t in (self, x, y):
        _refuse_grad(t, "map2_")
    if self.is_meta:
        return self
    return self.copy_(_mapped(callable, self, x.expand_as(self), y.expand_as(self)))


def _refuse_grad(t, name):
    if t.requires_grad:
        raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")
    if t.device.type not in ("cpu", "meta"):
        raise TypeError(f"{name} is only implemented on CPU tensors")


def _mapped(function, *tensors):
    lists = [t.detach().reshape(-1).tolist() for t in tensors]
    return tensors[0].new_tensor([function(*items) for items in zip(*lists)]).reshape(tensors[0].shape)


def is_nonzero(self) -> bool:
    """Whether the only element is not zero. Raises RuntimeError where there is not exactly one."""
    return bool(self)


def __reversed__(self):
    """The entries of the first dim in reverse, as one tensor, for `reversed(tensor)`."""
    return self.flip(0) if self.dim() else self


def new(self, *args, device=None, size=None):
    """PyTorch's old constructor: a tensor of this dtype from sizes or data. Prefer `new_empty` and `new_tensor`."""
    if device is not None and args and isinstance(args[0], Tensor):
        raise RuntimeError(
            "Legacy tensor new of the form tensor.new(tensor, device=device) is not supported.  Use "
            f"{_library()}.as_tensor(...) instead."
        )
    device = self.device if device is None else device
    args = args or ((Size(size),) if size is not None else ())
    if not args:
        return self.new_empty(0, device=device)
    if isinstance(args[0], Size) or all(isinstance(n, int) and not isinstance(n, bool) for n in args):
        return self.new_empty(args[0] if isinstance(args[0], Size) else args, device=device)
    data = args[0]
    if isinstance(data, Tensor):
        return data.detach().to(device).view(data.shape)
    if isinstance(data, UntypedStorage) or hasattr(data, "_untyped_storage"):
        from ._rustgrad.torch import as_tensor

        return as_tensor(data, dtype=self.dtype, device=device)
    return self.new_tensor(data, device=device)


def fill_diagonal_(self, fill_value, wrap: bool = False):
    """Overwrite the main diagonal, and with `wrap` that of each further block of a tall matrix.

    Raises RuntimeError below two dims, and above two where sizes differ.
    """
    if self.dim() < 2:
        raise RuntimeError("dimensions must larger than 1")
    if self.dim() > 2 and len(set(self.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    n, step = min(self.shape), sum(self.stride())
    self.as_strided((n,), (step,), self.storage_offset()).fill_(fill_value)
    rows, columns = self.shape[:2]
    if wrap and self.dim() == 2 and rows > columns + 1:
        more = -(-self.numel() // (columns + 1)) - n
        begin = self.storage_offset() + self.stride(0) * (columns + 1)
        self.as_strided((more,), (step,), begin).fill_(fill_value)
    return self


def dim_order(self, *, ambiguity_check=False) -> tuple:
    """The dims from the slowest in memory to the fastest."""
    return tuple(sorted(range(self.dim()), key=lambda d: -self.stride(d)))


def const_data_ptr(self) -> int:
    """`data_ptr()`."""
    return self.data_ptr()


def is_distributed(self) -> bool:
    """False."""
    return False


def resize(self, *sizes):
    """`view(*sizes)`: the number of elements stays. Deprecated."""
    return _resized(self, sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes)


def resize_as(self, tensor):
    """`view_as(tensor)`. Deprecated."""
    return _resized(self, tensor.shape)


def _resized(x, sizes):
    import warnings
    from math import prod

    warnings.warn("non-inplace resize is deprecated", stacklevel=3)
    if prod(sizes) != x.numel():
        raise RuntimeError(
            f"requested resize to {'x'.join(map(str, sizes))} ({prod(sizes)} elements in total), but the given tensor "
            f"has a "
            f"size of {'x'.join(map(str, x.shape))} ({x.numel()} elements). autograd's resize can only change the "
            f"shape of a "
            "given tensor, while preserving the number of elements. "
        )
    return x.contiguous().view(tuple(sizes))


def reinforce(self, reward):
    """Raises RuntimeError: it was removed from PyTorch."""
    raise RuntimeError(
        "reinforce() was removed.\nUse torch.distributions instead.\n"
        "See https://pytorch.org/docs/main/distributions.html"
    )


def module_load(self, other, assign=False):
    """The tensor that a module keeps when `other` is loaded into this parameter or buffer."""
    return other.detach() if assign else self.copy_(other).detach()


def hash_tensor(self, dim=(), *, keepdim=False, mode=0):
    """The exclusive or of the bits of the elements, as float64 or int64, over `dim` (all dims if empty): uint64.

    NotImplementedError on the GPU, which has no uint64.
    """
    import numpy

    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    dims = _hashed_dims(self, [dim] if isinstance(dim, int) else list(dim or ()))
    if self.device.type != "cpu":
        raise NotImplementedError(
            f"hash_tensor: not implemented on {self.device}, which has no uint64 "
            f"(shape {[*self.shape]})\nhint: use x.cpu()"
        )
    wide = self.detach().double() if self.is_floating_point() else self.detach().long()
    bits = wide.numpy().view(numpy.uint64)
    out = numpy.bitwise_xor.reduce(bits, axis=dims, keepdims=keepdim) if bits.ndim else bits
    from ._rustgrad.torch import from_numpy

    return from_numpy(numpy.ascontiguousarray(out).reshape(numpy.shape(out)).view(numpy.int64)).view(uint64)


def _hashed_dims(x, given) -> tuple:
    """The dims that `hash_tensor` reduces, counted from the first. RuntimeError or IndexError for what is none."""
    if not given:
        if x.numel() == 0:
            raise RuntimeError(
                "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                "with the 'dim' argument."
            )
        return tuple(range(x.dim()))
    dims, count = [], max(x.dim(), 1)
    for dim in given:
        if not -count <= dim < count:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-count}, {count - 1}], but got {dim})"
            )
        if dim % count in dims:
            raise RuntimeError(f"dim {dim % count} appears multiple times in the list of dims")
        dims.append(dim % count)
    for dim in dims if x.numel() == 0 else ():
        if x.shape[dim] == 0:
            raise IndexError(f"hash_tensor: Expected reduction dim {dim} to have non-zero size.")
    return tuple(dims)


def slice_inverse(self, src, dim=0, start=None, end=None, step=1):
    """`self`, of which a slice was taken that `src` has the sizes of, as the whole."""
    return self.as_strided(src.shape, src.stride(), src.storage_offset())


# ---- DLPack, on the CPU


class _Capsule:
    """A DLPack capsule as an object that gives it."""

    def __init__(self, capsule, device=(1, 0)):
        self.capsule, self.device = capsule, device

    def __dlpack__(self, **_):
        return self.capsule

    def __dlpack_device__(self):
        return self.device


def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
    """A DLPack capsule over the memory of the tensor, which it keeps alive.

    Raises BufferError for a tensor that requires a gradient, that is on the GPU, or of a dtype that NumPy lacks.
    """
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream is not None and not isinstance(stream, int):
        raise TypeError("stream must be ``int`` or ``none``")
    if self.is_meta:
        raise BufferError("Cannot pack tensors on meta")
    if stream is not None and self.device.type == "cpu":
        raise AssertionError("stream should be None on cpu.")
    if self.device.type != "cpu":
        raise BufferError("Can't export tensors on the GPU through DLPack\nhint: copy it first, with .cpu()")
    named = _UNNAMED.get(str(self.dtype).rpartition(".")[2])
    x = self.clone() if copy else self
    try:
        array = (x if named is None else x.view(named[0])).numpy()
    except TypeError as error:
        raise BufferError(f"Can't export {self.dtype} through DLPack: {error}") from None
    try:
        capsule = array.__dlpack__(max_version=max_version) if max_version else array.__dlpack__()
    except TypeError:  # NumPy 1 knows no versions
        capsule = array.__dlpack__()
    if named is not None:
        _described(capsule)[0] = named[1]
    return capsule


# Dtypes that NumPy lacks: one of the same size that it has, and the code that DLPack gives them.
_UNNAMED = {"bfloat16": (uint16, 4), "complex32": (int32, 5)}


def _described(capsule):
    """The dtype that a DLPack capsule names, to read and to write: code, bits."""
    import ctypes

    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    name = api.PyCapsule_GetName(capsule)
    if name not in (b"dltensor", b"dltensor_versioned"):
        raise RuntimeError(
            "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so you "
            "might have already constructed a tensor from it once."
        )
    # Behind the memory's address (8 bytes), its device (8) and the number of dims (4); some have a version in front.
    at = api.PyCapsule_GetPointer(capsule, name) + (32 if name == b"dltensor_versioned" else 0) + 20
    return (ctypes.c_uint8 * 2).from_address(at)


def __dlpack_device__(self) -> tuple:
    """(1, 0): main memory."""
    if self.is_meta:
        raise ValueError("Unknown device type meta for Dlpack")
    if self.device.type != "cpu":
        raise BufferError("Can't export tensors on the GPU through DLPack\nhint: copy it first, with .cpu()")
    return (1, 0)


def to_dlpack(tensor):
    """A DLPack capsule over the memory of a tensor."""
    return __dlpack__(tensor)


def from_dlpack(ext_tensor, *, device=None, copy=None) -> Tensor:
    """A tensor over the memory of an object that speaks DLPack, or of a capsule; both see writes to either."""
    import numpy

    if isinstance(ext_tensor, Tensor):
        if ext_tensor.is_meta:
            raise ValueError("Unknown device type meta for Dlpack")
        out = ext_tensor.detach()
    else:
        makes = hasattr(ext_tensor, "__dlpack__")
        where = ext_tensor.__dlpack_device__() if makes else (1, 0)
        capsule = ext_tensor.__dlpack__() if makes else ext_tensor
        dtype, kind = None, _described(capsule)
        for name, (same_size, code) in _UNNAMED.items():
            if tuple(kind) == (code, 8 * same_size.itemsize):
                dtype, kind[0] = getattr(_rustgrad, name), 0 if same_size == int32 else 1
        out = _over_array(numpy.from_dlpack(_Capsule(capsule, where)))
        out = out if dtype is None else out.view(dtype)
    out = out.clone() if copy else out
    return out if device is None else out.to(device)


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False) -> Tensor:
    """A vector over the memory of a buffer: `count` elements of `dtype` (all if -1) from byte `offset` on.

    Memory that is not aligned to the dtype is copied. Raises ValueError where the numbers do not fit.
    """
    import numpy

    try:
        view = memoryview(buffer)
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    n, size = view.nbytes, dtype.itemsize
    if n == 0 or count == 0:
        raise ValueError(f"both buffer length ({n}) and count ({count}) must not be 0")
    if not 0 <= offset < n:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({n} bytes) minus 1"
        )
    if count < 0 and (n - offset) % size:
        raise ValueError(
            f"buffer length ({n - offset} bytes) after offset ({offset} bytes) must be a multiple of element size "
            f"({size})"
        )
    count = (n - offset) // size if count < 0 else count
    if count * size > n - offset:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than "
            f"actual "
            f"buffer length ({n} bytes)"
        )
    if view.readonly:
        import warnings

        warnings.warn(
            "The given buffer is not writable, and PyTorch does not support non-writable tensors. This means you can "
            "write "
            "to the underlying (supposedly non-writable) buffer using the tensor. You may want to copy the buffer to "
            "protect "
            "its data or make it writable before converting it to a tensor. This type of warning will be suppressed "
            "for the "
            "rest of this program.",
            stacklevel=2,
        )
    array = numpy.frombuffer(view, dtype=numpy.uint8, count=count * size, offset=offset)
    if array.ctypes.data % size:
        array = array.copy()
    out = _over_array(array).view(dtype)
    return out.requires_grad_() if requires_grad else out


def from_file(
    filename, shared=None, size=0, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
) -> Tensor:
    """A vector of `size` elements over the memory of a file. With `shared` writes go to the file, which is made or
    lengthened where it must be; else they stay in memory. RuntimeError for a file that cannot be opened or is short.
    """
    from ._rustgrad import device as device_of
    from ._rustgrad import get_default_dtype

    if device is not None and device_of(device).type != "cpu":
        raise RuntimeError(f"from_file: a file's memory is on the CPU, not on {device}\nhint: move it there with .to()")
    dtype = get_default_dtype() if dtype is None else dtype
    memory = UntypedStorage.from_file(filename, bool(shared), size * dtype.itemsize)
    return _tensor_over(Tensor, memory, dtype, 0, [size], [1], requires_grad)


def _over_array(array) -> Tensor:
    """A tensor over an array's memory, which is writable whatever NumPy says of it: DLPack did not say."""
    import ctypes

    from ._rustgrad.torch import from_numpy

    if array.flags.writeable or array.size == 0:
        return from_numpy(array if array.flags.writeable else array.copy())
    flat = from_numpy(array.reshape(-1)[:1].copy())
    reach = sum((n - 1) * s for n, s in zip(array.shape, array.strides)) + array.itemsize
    block = (ctypes.c_char * reach).from_address(array.ctypes.data)
    block._owner = array  # type: ignore[attr-defined]
    whole = UntypedStorage._over(memoryview(block).cast("B"))
    strides = [s // array.itemsize for s in array.strides]
    return _tensor_over(Tensor, whole, flat.dtype, 0, list(array.shape), strides)


def _torch_function(cls, func, types, args=(), kwargs=None):
    """The default of subclasses: the op itself, whose tensors become instances of the subclass."""
    from .overrides import _torch_function as default

    return default(cls, func, types, args, kwargs)


__torch_function__ = classmethod(_torch_function)


# ---- operators of Python 2, and attributes


def __div__(self, other):
    """`self / other`."""
    return self / other


def __idiv__(self, other):
    """`self /= other`."""
    return self.div_(other)


def __long__(self) -> int:
    """`int(self)`."""
    return int(self)


def __nonzero__(self) -> bool:
    """`bool(self)`."""
    return bool(self)


def _attribute(value, doc):
    return property(value, doc=doc)


name = _attribute(lambda self: None, "None: PyTorch's Caffe2 gave names.")
volatile = _attribute(lambda self: False, "False, since PyTorch 0.4.")
grad_dtype = _attribute(lambda self: self.dtype, "The dtype of the gradient: that of the tensor.")
is_sparse_csr = _attribute(lambda self: False, "False.")
is_mkldnn = _attribute(lambda self: False, "False.")
is_vulkan = _attribute(lambda self: False, "False.")
is_xla = _attribute(lambda self: False, "False.")
is_xpu = _attribute(lambda self: False, "False.")
is_ipu = _attribute(lambda self: False, "False.")
is_mtia = _attribute(lambda self: False, "False.")
is_maia = _attribute(lambda self: False, "False.")


# ---- the Python array API standard


def __array_namespace__(self, /, *, api_version=None):
    """The functions of the Python array API standard: `rustgrad.array_api`. Raises ValueError for a later version."""
    from . import array_api

    if api_version is not None and api_version not in ("2021.12", "2022.12", "2023.12", "2024.12"):
        raise ValueError(f"array API {api_version!r} is not supported\nhint: 2024.12 and the versions before it are")
    return array_api


def to_device(self, device, /, *, stream=None):
    """The tensor on a device, as the array API standard calls it: `to(device)`. Raises ValueError for a stream."""
    if stream is not None:
        raise ValueError("to_device: stream must be None, since there is one queue of work")
    return self.to(device)


def _cuda_interface(self):
    raise AttributeError(
        f"Can't get __cuda_array_interface__ on non-CUDA tensor type: {self.type()} If CUDA data is required use "
        "tensor.cuda() to copy tensor to device memory."
    )


__cuda_array_interface__ = _attribute(_cuda_interface, "Raises AttributeError: no tensor is in CUDA's memory.")
