"""Parameter and Buffer: tensors that a Module counts among its own, and both without a shape yet, for lazy modules."""

from typing import TYPE_CHECKING, Any

from .._rustgrad import Tensor, _library, _set_parameter_type
from .._rustgrad.torch import empty
from ..overrides import _disabled_torch_function_impl

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]


class Parameter(Tensor):
    """A tensor that becomes a parameter of the Module it is assigned to. It requires a gradient unless told not to.

    It shares `data`'s memory and starts a history of its own; results of ops on it are plain tensors.
    Raises TypeError where `data` is no tensor, RuntimeError where its dtype cannot require a gradient.
    """

    # Results of ops are plain tensors.
    __torch_function__: Any = _disabled_torch_function_impl

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True):
        if data is None:
            data = empty(0)
        elif not isinstance(data, Tensor):
            raise TypeError(f"Parameter: data must be a Tensor, but got {type(data).__name__}")
        elif data.is_nested or data.is_sparse or data.is_quantized:
            kind = "nested" if data.is_nested else "sparse" if data.is_sparse else "quantized"
            raise NotImplementedError(
                f"Parameter: a {kind} tensor is no parameter here\n"
                "hint: let its values be one, and make the tensor of them in each call"
            )
        return Tensor._make_subclass(cls, data.detach(), requires_grad)

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        copy = type(self)(self.data.clone(), self.requires_grad)
        memo[id(self)] = copy
        return copy

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol):
        # Attributes that a program has set on the parameter travel with it.
        return _rebuild_parameter, (self.data, self.requires_grad), self.__dict__ or None


_set_parameter_type(Parameter)


def _rebuild_parameter(data, requires_grad):
    return Parameter(data, requires_grad)


class Buffer(Tensor):
    """A tensor that becomes a buffer of the Module it is assigned to: part of its state, but not trained.

    persistent: whether it is part of the module's state dict.
    """

    persistent: bool

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = empty(0)
        buffer = Tensor._make_subclass(cls, data.detach(), data.requires_grad)
        buffer.persistent = persistent
        return buffer


if TYPE_CHECKING:
    Base = Tensor  # what the mixin stands in front of
else:
    Base = object


class UninitializedTensorMixin(Base):
    """What an uninitialised parameter or buffer has: a dtype and a device, but no shape until `materialize`."""

    cls_to_become: Any

    def materialize(self, shape, device=None, dtype=None):
        """Become a parameter or tensor of this shape, with whatever values the memory holds."""
        device = self.data.device if device is None else device
        dtype = self.data.dtype if dtype is None else dtype
        self.data = empty(shape, device=device, dtype=dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self):
        """Raises RuntimeError: there is none yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` "
            "to initialize the parameters before accessing their attributes."
        )

    def share_memory_(self):
        """Raises RuntimeError: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    def __repr__(self):
        return f"<{type(self).__name__}>"

    __str__ = __repr__
    __hash__ = Tensor.__hash__

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            make: Any = type(self)
            memo[id(self)] = make(self.requires_grad, self.data.device, self.data.dtype)
        return memo[id(self)]

    def __reduce_ex__(self, protocol):
        arguments = (self.requires_grad, self.data.device, self.data.dtype)
        return type(self), arguments, self.__dict__ or None


def _refusing(name):
    def refuse(self, *args, **kwargs):
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {getattr(Tensor, name)}. This error happens when you are "
            f"using a `LazyModule` or explicitly manipulating `{_library()}.nn.parameter."
            f"{type(self).__name__}` objects. When using LazyModules Call `forward` with a dummy batch to initialize "
            f"the parameters before calling {_library()} functions"
        )

    refuse.__name__ = name
    return refuse


# Methods that work without a shape: those that change dtype and device, and those that Python itself calls.
_WORKING = {
    *(
        "copy_",
        "cpu",
        "double",
        "float",
        "get_device",
        "half",
        "int",
        "is_complex",
        "is_floating_point",
        "long",
        "size",
    ),
    *("to", "as_subclass", "_make_subclass", "__torch_function__"),
    *dir(object),
} - {"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"}
for _name in dir(Tensor):
    if callable(getattr(Tensor, _name, None)) and _name not in _WORKING and _name not in vars(UninitializedTensorMixin):
        setattr(UninitializedTensorMixin, _name, _refusing(_name))


def is_lazy(param) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet. A lazy module gives it one at its first call.

    device and dtype are those that `materialize` takes unless told otherwise. Most methods raise ValueError.
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        return Tensor._make_subclass(cls, empty(0, device=device, dtype=dtype), requires_grad)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet. A lazy module gives it one at its first call.

    device and dtype are those that `materialize` takes unless told otherwise. Most methods raise ValueError.
    """

    cls_to_become = Tensor
    persistent: bool

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        buffer = Tensor._make_subclass(cls, empty(0, device=device, dtype=dtype), requires_grad)
        buffer.persistent = persistent
        return buffer
