"""`FloatTensor`, `LongTensor` and their kin: classes that stand for a dtype on a device."""

from . import _rustgrad
from ._lazy import TYPED
from ._names import lookup as _lookup
from ._rustgrad import Tensor, device, strided, tensor
from ._rustgrad.torch import empty

__all__ = ["tensortype"]


class tensortype(type):
    """The type of these classes. Calling one makes a tensor: of sizes, or of data."""

    dtype: _rustgrad.dtype
    is_cuda: bool
    is_sparse = False
    layout = strided

    def __call__(cls, *args, device=None):
        where = _device(cls) if device is None else device
        if not args:
            return empty(0, dtype=cls.dtype, device=where)
        if isinstance(args[0], _rustgrad.Size):
            return empty(args[0], dtype=cls.dtype, device=where)
        if all(isinstance(size, int) and not isinstance(size, bool) for size in args):
            return empty(args, dtype=cls.dtype, device=where)
        (data,) = args if len(args) == 1 else (None,)
        if isinstance(data, Tensor):
            if device is not None:
                library = _rustgrad._library()
                raise RuntimeError(
                    f"Legacy tensor constructor of the form {library}.Tensor(tensor, device=device) is not supported.  "
                    f"Use {library}.tensor(...) or {library}.as_tensor(...) instead."
                )
            if data.dtype != cls.dtype:
                raise TypeError(
                    f"{cls.__name__}: expected a tensor of dtype {cls.dtype}, but got one of {data.dtype}\n"
                    f"hint: convert it with .to({cls.dtype})"
                )
            return data.to(where).view(data.shape)
        if isinstance(data, _rustgrad.UntypedStorage) or hasattr(data, "_untyped_storage"):
            return _rustgrad.as_tensor(data, dtype=cls.dtype, device=where)
        if data is None or not hasattr(data, "__len__") or isinstance(data, (str, bytes)):
            raise TypeError(f"new(): data must be a sequence (got {type(args[-1] if data is None else data).__name__})")
        return tensor(_whole(data) if not cls.dtype.is_floating_point else data, dtype=cls.dtype, device=where)

    def __instancecheck__(cls, instance):
        if isinstance(instance, Tensor) and instance.is_meta:
            return False
        on_gpu = isinstance(instance, Tensor) and instance.device.type != "cpu"
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype and on_gpu == cls.is_cuda


def _device(cls) -> device:
    return device("cuda") if cls.is_cuda else device("cpu")


def _whole(data):
    """Data for a class of integers, whose floats lose what is behind the point."""
    if isinstance(data, (list, tuple, range)):
        return [_whole(item) for item in data]
    return int(data) if isinstance(data, float) else data


def kind(name: str, on_gpu: bool = False):
    """The class of a name such as FloatTensor; None where it is none, or where its dtype does not exist here."""
    word = name.removesuffix("Tensor")
    dtype = getattr(_rustgrad, TYPED.get(word, "-"), None)
    if dtype is None or word == name:
        return None
    where = _rustgrad._library() + (".cuda" if on_gpu else "")
    doc = f"Tensors of dtype {TYPED[word]} on {'cuda' if on_gpu else 'the CPU'}."
    return tensortype(name, (), {"dtype": dtype, "is_cuda": on_gpu, "__module__": where, "__doc__": doc})


globals().update({f"{word}Tensor": made for word in TYPED if (made := kind(f"{word}Tensor"))})
__getattr__ = _lookup("torch")
