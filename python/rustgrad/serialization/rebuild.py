"""PyTorch's ways to write tensors, read: each function has the arguments that PyTorch's of the same name takes.

The arguments may be anything, since they come from a file.
"""

from pickle import UnpicklingError

from .. import _rustgrad
from .._rustgrad import Tensor
from ..storage import TypedStorage

__all__ = [
    "device",
    "from_type",
    "lacking",
    "layout",
    "jagged",
    "meta_tensor",
    "parameter",
    "parameter_with_state",
    "size",
    "nested",
    "quantized",
    "quantized_name",
    "sparse",
    "tensor",
]

_MAX_DIMS = 64


def _ints(values, what: str) -> tuple:
    if isinstance(values, (tuple, list)) and len(values) > _MAX_DIMS:
        raise RuntimeError(f"ndim = {len(values)} is too large; a tensor has at most {_MAX_DIMS} dims")
    if not isinstance(values, (tuple, list)) or not all(type(value) is int for value in values):
        raise UnpicklingError(f"the {what} of a tensor are no tuple of ints")
    return tuple(values)


def tensor(storage, storage_offset, size, stride, requires_grad=False):
    """A tensor over a storage that the file holds."""
    if not isinstance(storage, TypedStorage):
        raise UnpicklingError(f"a tensor lies in a {type(storage).__name__}, not in a storage")
    if type(storage_offset) is not int:
        raise UnpicklingError("the offset of a tensor is no int")
    size, stride = _ints(size, "sizes"), _ints(stride, "strides")
    return storage.tensor(storage_offset, size, stride, bool(requires_grad))


def tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None):
    """As `tensor`, with hooks, which are left out, and with what a lazy conjugate says of itself."""
    made = tensor(storage, storage_offset, size, stride, requires_grad)
    return _with_metadata(made, metadata)


def tensor_v3(storage, storage_offset, size, stride, requires_grad, backward_hooks, dtype, metadata=None):
    """As `tensor_v2`, for dtypes without a storage class of their own."""
    if not isinstance(storage, TypedStorage) or not isinstance(dtype, _rustgrad.dtype):
        raise UnpicklingError("a tensor has no storage or no dtype")
    storage = TypedStorage(wrap_storage=storage.untyped(), dtype=dtype)
    return _with_metadata(tensor(storage, storage_offset, size, stride, requires_grad), metadata)


def meta_tensor(dtype, size, stride, requires_grad):
    """A tensor on `meta`, of which files hold all that there is: no data."""
    if not isinstance(dtype, _rustgrad.dtype):
        raise UnpicklingError("a tensor on meta has no dtype")
    size, stride = _ints(size, "sizes"), _ints(stride, "strides")
    made = _rustgrad.torch.empty_strided(size, stride, dtype=dtype, device="meta")
    return made.requires_grad_() if requires_grad else made


def sparse(layout, data):
    """A tensor of layout `sparse_coo` from indices, values, sizes, and whether it is coalesced; or a matrix in
    compressed rows or columns from where they begin, the other indices, values and sizes.
    """
    from .._utils import _rebuild_sparse_tensor

    if layout in (_rustgrad.sparse_csr, _rustgrad.sparse_csc):
        if not isinstance(data, tuple) or len(data) != 4 or not all(isinstance(x, Tensor) for x in data[:3]):
            raise UnpicklingError("a sparse matrix has not its indices, values and sizes")
        return _rebuild_sparse_tensor(layout, (*data[:3], _ints(data[3], "sizes")))
    if not isinstance(data, tuple) or len(data) not in (3, 4) or not all(isinstance(x, Tensor) for x in data[:2]):
        raise UnpicklingError("a sparse tensor has not its indices, values and sizes")
    if not all(type(x) is bool or x is None for x in data[3:]):
        raise UnpicklingError("a sparse tensor is neither coalesced nor not")
    return _rebuild_sparse_tensor(layout, (*data[:2], _ints(data[2], "sizes"), *data[3:]))


def _offsets(x, rows, what) -> Tensor:
    if not isinstance(x, Tensor) or x.dtype != _rustgrad.int64 or x.dim() != rows:
        raise UnpicklingError(f"a nested tensor has no {what} of {rows} dims of int64")
    return x


def nested(buffer, sizes, strides, storage_offsets):
    """A nested tensor of layout strided, whose parts lie within its buffer."""
    from .._utils import _rebuild_nested_tensor

    if not isinstance(buffer, Tensor) or buffer.dim() != 1:
        raise UnpicklingError("a nested tensor has no buffer of one dim")
    _offsets(sizes, 2, "sizes")
    _offsets(strides, 2, "strides")
    _offsets(storage_offsets, 1, "offsets")
    if sizes.shape != strides.shape or len(sizes) != len(storage_offsets):
        raise UnpicklingError("a nested tensor has another number of sizes than of strides or offsets")
    if min([0, *(int(x.min()) for x in (sizes, strides, storage_offsets) if x.numel())]) < 0:
        raise UnpicklingError("a nested tensor has negative sizes, strides or offsets")
    for size, stride, start in zip(sizes.tolist(), strides.tolist(), storage_offsets.tolist()):
        last = start + sum((n - 1) * step for n, step in zip(size, stride))
        if all(size) and last >= buffer.numel():
            raise UnpicklingError(f"a part of a nested tensor reaches element {last} of {buffer.numel()}")
    return _rebuild_nested_tensor(buffer, sizes, strides, storage_offsets)


def jagged(state):
    """A nested tensor of layout jagged, whose offsets lie within its values."""
    from ..nested._internal.nested_tensor import _rebuild_njt

    if not isinstance(state, dict) or not isinstance(values := state.get("values"), Tensor):
        raise UnpicklingError("a nested tensor has no values")
    offsets, lengths, dim = _offsets(state.get("offsets"), 1, "offsets"), state.get("lengths"), state.get("_ragged_idx")
    if type(dim) is not int or not 1 <= dim <= values.dim() or type(state.get("requires_grad")) is not bool:
        raise UnpicklingError("a nested tensor does not say which dim is ragged, or whether it requires a gradient")
    if not len(offsets) or int(offsets[0]) < 0 or bool((offsets.diff() < 0).any()):
        raise UnpicklingError("offsets of a nested tensor do not grow from 0 on")
    if lengths is not None and (len(_offsets(lengths, 1, "lengths")) != len(offsets) - 1 or int(lengths.min()) < 0):
        raise UnpicklingError("a nested tensor has another number of lengths than of parts, or a negative one")
    ends = offsets[1:] if lengths is None else offsets[:-1] + lengths
    if len(ends) and int(ends.max()) > values.shape[dim - 1]:
        raise UnpicklingError(f"a part of a nested tensor ends at row {int(ends.max())} of {values.shape[dim - 1]}")
    return _rebuild_njt(state)


def quantized_name(name):
    """A dtype or scheme of quantized tensors, by its name."""
    from .._quantized.dtypes import _named

    if type(name) is not str:
        raise UnpicklingError("a quantized dtype has no name")
    return _named(name)


def quantized(ints, dtype, scale, zero, axis):
    """A quantized tensor of integers, by one scale and zero or one for each place along `axis`."""
    from .._quantized.dtypes import QDType
    from .._quantized.tensor import _rebuilt

    if not isinstance(dtype, QDType) or not isinstance(ints, Tensor) or ints.dtype != dtype.holds:
        raise UnpicklingError("a quantized tensor has no integers of its dtype")
    if axis is None:
        whole = type(scale) is float and type(zero) is int
    else:
        places = ints.shape[axis] if type(axis) is int and 0 <= axis < ints.dim() else -1
        whole = all(isinstance(x, Tensor) and tuple(x.shape) == (places,) for x in (scale, zero))
    if not whole:
        raise UnpicklingError("a quantized tensor has other scales than it needs")
    return _rebuilt(ints, dtype, scale, zero, axis)


class DimRange:
    """What files of nested tensors hold for PyTorch's compiler. It means nothing here."""

    def __setstate__(self, state):
        pass


def _with_metadata(made, metadata):
    if not metadata:
        return made
    if type(metadata) is not dict or not set(metadata) <= {"conj", "neg"}:
        raise UnpicklingError("a tensor has metadata of an unknown kind")
    if metadata.get("conj"):
        made = made.conj()
    return made.neg() if metadata.get("neg") else made


def parameter(data, requires_grad, backward_hooks):
    """A Parameter over the memory of a tensor."""
    from ..nn.parameter import Parameter

    if not isinstance(data, Tensor):
        raise UnpicklingError(f"a Parameter is made from a {type(data).__name__}")
    return Parameter(data, bool(requires_grad))


def parameter_with_state(data, requires_grad, backward_hooks, state):
    """A Parameter with attributes."""
    return _with_attributes(parameter(data, requires_grad, backward_hooks), state)


def from_type(func, cls, args, state=None):
    """A tensor with attributes, or of a subclass."""
    known = (tensor, tensor_v2, tensor_v3, meta_tensor, parameter, parameter_with_state)
    if func is jagged and isinstance(args, tuple) and len(args) == 1:
        return jagged(*args)  # its attributes are the parts again
    if func not in known or not isinstance(args, tuple):
        raise UnpicklingError("a tensor of a subclass is made in an unknown way")
    if not isinstance(cls, type) or not issubclass(cls, Tensor):
        raise UnpicklingError(f"a tensor is made as a {getattr(cls, '__qualname__', type(cls).__name__)}")
    made = func(*args)
    if type(made) is not cls:
        made = made.as_subclass(cls)
    return _with_attributes(made, state)


def _with_attributes(made, state):
    from .permissions import plain_state

    if isinstance(state, dict) and state.get("_is_buffer") is True:
        from ..nn.parameter import Buffer

        return Buffer(made, persistent=bool(state.get("persistent", True)))
    custom = getattr(type(made), "__setstate__", None)
    if custom is not None:
        custom(made, state)
    elif state:
        plain_state(made, state)
    return made


def size(values=()):
    """A Size."""
    return _rustgrad.Size(_ints(values, "sizes"))


def device(kind, index=None):
    """A device."""
    if not isinstance(kind, str) or not (index is None or type(index) is int):
        raise UnpicklingError("a device is no text with a number")
    return _rustgrad.device(kind) if index is None else _rustgrad.device(kind, index)


def layout(name):
    """A layout by its name."""
    found = getattr(_rustgrad, name.removeprefix("torch."), None) if isinstance(name, str) else None
    if not isinstance(found, _rustgrad.layout):
        raise NotImplementedError(f"load: the file holds tensors of layout {name}, which rustgrad does not have")
    return found


def old_tensor():
    """A tensor of PyTorch's first years: empty, until it has its state."""
    return _rustgrad.torch.empty(0)


def build_old_tensor(made, state):
    """Give such a tensor its storage, offset, sizes and strides."""
    if not isinstance(state, tuple) or len(state) != 4:
        raise UnpicklingError("the state of a tensor has not four parts")
    made.data = tensor(*state)


def lacking(kind: str):
    """The function that refuses a kind of tensors."""

    def refuse(*args):
        raise NotImplementedError(f"load: the file holds {kind}, which rustgrad does not have")

    return refuse
