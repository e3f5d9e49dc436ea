"""Moving and casting everything that a module holds. A mixin of Module."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Self

from .. import _rustgrad
from .._rustgrad import Tensor, _library, _set_grad_enabled
from .._rustgrad.torch import empty_like
from .parameter import is_lazy
from .registry import BUFFER, PARAMETER, UNSAVED_BUFFER

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ConversionMixin"]

_REST = "bool non_blocking = False, bool copy = False, *, {0}.memory_format memory_format = None)"
_FORMS = (
    " * ({0}.device device = None, {0}.dtype dtype = None, " + _REST,
    " * ({0}.dtype dtype, " + _REST,
    " * (Tensor tensor, " + _REST,
)
# Python's types, where they stand for a dtype.
_DTYPES = {float: _rustgrad.float64, int: _rustgrad.int64, bool: _rustgrad.bool}


class ConversionMixin:
    """`to` and its kin. Each changes the module itself and returns it; parameters stay the same objects."""

    if TYPE_CHECKING:

        def _members(self, *kinds) -> list[tuple[str, Any]]: ...
        def children(self) -> Iterator[Any]: ...

    def _apply(self, fn, recurse=True):
        """Replace the values of all parameters, gradients and buffers by `fn` of them; parameters stay themselves."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        outer = _set_grad_enabled(False)
        try:
            for _, param in self._members(PARAMETER):
                grad, value = param.grad, fn(param)
                if grad is None:
                    param.data = value
                else:
                    param.grad = None
                    param.data = value
                    grad.data = fn(grad)
                    param.grad = grad
        finally:
            _set_grad_enabled(outer)
        for name, buffer in self._members(BUFFER, UNSAVED_BUFFER):
            if is_lazy(buffer):
                buffer.data = fn(buffer)
            else:
                self.__dict__[name] = fn(buffer)
        return self

    def _cast(self, dtype):
        return self._apply(lambda x: x.to(dtype) if x.is_floating_point() else x)

    def to(self, *args, **kwargs) -> Self:
        """Move and cast parameters and buffers: `to(device)`, `to(dtype)`, `to(device, dtype)` or `to(tensor)`.

        Only floating point values are cast; non_blocking changes nothing. memory_format is that of tensors of 4 dims.
        Raises TypeError for other arguments, and for a dtype that is not floating point.
        """
        device, dtype, _, memory_format = parse_to(args, kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        if dtype is not None and dtype.is_complex:
            warnings.warn(
                "Complex modules are a new feature under active development whose design may change, and some modules "
                "might not work as expected when using complex tensors as parameters or buffers.",
                stacklevel=2,
            )

        def convert(x):
            if device is not None:
                if x.is_meta and _rustgrad.device(device).type != "meta":
                    raise NotImplementedError(
                        f"Cannot copy out of meta tensor; no data! Please use {_library()}.nn.Module.to_empty() "
                        f"instead of {_library()}.nn.Module.to() when moving module from meta to a different device."
                    )
                x = x.to(device)
            if dtype is not None and (x.is_floating_point() or x.is_complex()):
                x = x.to(dtype)
            return x if memory_format is None or x.ndim != 4 else x.contiguous(memory_format=memory_format)

        return self if device is dtype is memory_format is None else self._apply(convert)

    def to_empty(self, *, device, recurse=True) -> Self:
        """Move parameters and buffers to `device` without their values, which are whatever the memory holds."""
        return self._apply(lambda x: empty_like(x, device=device), recurse)

    def share_memory(self) -> Self:
        """Move parameters and buffers to memory that processes share: see `Tensor.share_memory_`."""
        return self._apply(lambda x: x.share_memory_())

    def type(self, dst_type) -> Self:
        """Cast all parameters and buffers to `dst_type`, integers too."""
        return self._apply(lambda x: x.type(dst_type))

    def float(self) -> Self:
        """Cast floating point parameters and buffers to float32."""
        return self._cast(_rustgrad.float32)

    def double(self) -> Self:
        """Cast floating point parameters and buffers to float64."""
        return self._cast(_rustgrad.float64)

    def half(self) -> Self:
        """Cast floating point parameters and buffers to float16."""
        return self._cast(_rustgrad.float16)

    def bfloat16(self) -> Self:
        """Cast floating point parameters and buffers to bfloat16."""
        return self._cast(_rustgrad.bfloat16)

    def cpu(self) -> Self:
        """Move all parameters and buffers to the CPU."""
        return self._apply(lambda x: x.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Move all parameters and buffers to a CUDA device, which rustgrad has none of; the GPU is `to("gpu")`."""
        return self._to_kind("cuda", device)

    def xpu(self, device: Any = None) -> Self:
        """Move all parameters and buffers to an XPU, which rustgrad has none of."""
        return self._to_kind("xpu", device)

    def ipu(self, device: Any = None) -> Self:
        """Move all parameters and buffers to an IPU, which rustgrad has none of."""
        return self._to_kind("ipu", device)

    def mtia(self, device: Any = None) -> Self:
        """Move all parameters and buffers to an MTIA device, which rustgrad has none of."""
        return self._to_kind("mtia", device)

    def _to_kind(self, kind, device):
        where = kind if device is None else f"{kind}:{device}" if isinstance(device, int) else device
        return self._apply(lambda x: x.to(where))


def parse_to(args, kwargs) -> tuple[Any, Any, bool, Any]:
    """(device, dtype, non_blocking, memory format) of a call of `to`, in any of its forms. TypeError for others."""
    args = [_DTYPES.get(x, x) if isinstance(x, type) else x for x in args]
    names, given = ["device", "dtype", "non_blocking", "copy"], dict(kwargs)
    if args and isinstance(args[0], Tensor):
        names = ["tensor", "non_blocking", "copy"]
    elif args and isinstance(args[0], _rustgrad.dtype):
        names = ["dtype", "non_blocking", "copy"]
    if len(args) > len(names) or not given.keys().isdisjoint(names[: len(args)]):
        raise _refused(args, kwargs)
    given.update(zip(names, args))
    wanted: dict[str, tuple] = {
        "device": (str, int, _rustgrad.device),
        "dtype": (_rustgrad.dtype,),
        "tensor": (Tensor,),
        "memory_format": (_rustgrad.memory_format,),
        "non_blocking": (bool,),
        "copy": (bool,),
    }
    for name, value in given.items():
        fits = name in wanted and (value is None or isinstance(value, wanted[name]))
        if not fits or (name == "device" and isinstance(value, bool)):
            raise _refused(args, kwargs)
    if given.get("copy"):
        raise RuntimeError(".to() does not accept copy argument")
    rest = bool(given.get("non_blocking")), given.get("memory_format")
    tensor = given.get("tensor")
    if tensor is not None:
        return tensor.device, tensor.dtype, *rest
    return given.get("device"), given.get("dtype"), *rest


def _refused(args, kwargs) -> TypeError:
    parts = [type(x).__name__ for x in args] + [f"{name}={type(x).__name__}" for name, x in kwargs.items()]
    got = f"to() received an invalid combination of arguments - got ({', '.join(parts)}), but expected one of:"
    return TypeError("\n".join([got, *(form.format(_library()) for form in _FORMS)]))
