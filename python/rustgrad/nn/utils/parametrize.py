"""Parametrizations: a parameter or buffer of a module becomes a function of other tensors, which are trained instead.

A parametrized tensor is a property of the module: reading it computes it, assigning to it goes through the inverses.
The property stands on a class of the module's own, made anew with each change, so that copies never disturb each other.
The functions and their tensors are registered under `module.parametrizations.NAME`.
"""

from collections.abc import Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from ..._rustgrad import Tensor
from ...grad_mode import no_grad
from ..modules.container import ModuleDict, ModuleList
from ..parameter import Parameter
from ..registry import hold

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_cache = {}
_depth = 0  # nested `cached` blocks


@contextmanager
def cached():
    """Within the block each parametrized tensor is computed once, and kept until the outermost block ends."""
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if _depth == 0:
            _cache.clear()


def _register(module, name, value):
    """Register a tensor under `name` as what it is, a parameter or a buffer."""
    if isinstance(value, Parameter):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)


def _invert(parametrization, value):
    """`right_inverse` of `value`; the value itself where there is none."""
    if not hasattr(parametrization, "right_inverse"):
        return value
    try:
        return parametrization.right_inverse(value)
    except NotImplementedError:
        return value


class ParametrizationList(ModuleList):
    """The functions of one tensor, applied in turn, and the tensors (`original`, or `original0`, ...) they start from.

    The last function's `right_inverse` sees the tensor's value first; what the first one's returns is trained.
    Raises ValueError where a function changes shape or dtype, unless `unsafe`.
    """

    def __init__(self, modules, original, unsafe=False) -> None:
        modules = list(modules)
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        with no_grad():
            new = original
            for module in reversed(modules):
                new = _invert(module, new)
        if not isinstance(new, Tensor) and not isinstance(new, Sequence):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        shape, dtype, data = original.shape, original.dtype, original.data
        if isinstance(new, Tensor):
            if original.dtype != new.dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}"
                )
            # The tensor stays the object that it was, which an optimizer may hold.
            if new is not original:
                original.data = new.data
            _register(self, "original", original)
        else:
            self._register_sequence(new, original)
        if not unsafe:
            try:
                self._check_result(shape, dtype)
            except Exception:
                original.data = data
                raise

    def _register_sequence(self, values, original):
        for index, value in enumerate(values):
            if not isinstance(value, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                    f"Got element {index} of the sequence with type {type(value).__name__}."
                )
            if isinstance(original, Parameter):
                value = Parameter(value, original.requires_grad)
            value.requires_grad_(original.requires_grad)
            _register(self, f"original{index}", value)

    def _check_result(self, shape, dtype):
        result = self()
        if not isinstance(result, Tensor):
            raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
        for what, before, now in (("dtype", dtype, result.dtype), ("shape", shape, result.shape)):
            if before != now:
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is "
                    f"enabled.\nunparametrized {what}: {before}\nparametrized {what}: {now}"
                )

    def right_inverse(self, value):
        """Give the original tensors the values from which the functions compute `value`.

        Raises RuntimeError where a function has no inverse, ValueError where an inverse does not fit.
        """
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            if self.is_tensor:
                if not isinstance(value, Tensor):
                    raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
                self._assign("original", value, "")
                return
            if not isinstance(value, Sequence):
                raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(value)}.")
            if len(value) != self.ntensors:
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors of length "
                    f"{self.ntensors}. Got a sequence of length {len(value)}."
                )
            for index, one in enumerate(value):
                if not isinstance(one, Tensor):
                    raise ValueError(f"`right_inverse` must return a sequence of tensors. Got {type(one).__name__}")
                self._assign(f"original{index}", one, f" {index}")

    def _assign(self, name, value, which):
        original = getattr(self, name)
        if original.dtype != value.dtype:
            raise ValueError(
                f"The tensor{which} returned by `right_inverse` has dtype {value.dtype} while `{name}` has dtype "
                f"{original.dtype}"
            )
        original.data = value.data

    def forward(self):
        names = ["original"] if self.is_tensor else [f"original{index}" for index in range(self.ntensors)]
        first, *rest = self
        value = first(*(getattr(self, name) for name in names))
        for module in rest:
            value = module(value)
        return value


def _property(name):
    def read(self):
        if not _depth:
            return self.parametrizations[name]()
        key = id(self), name
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    def write(self, value):
        self.parametrizations[name].right_inverse(value)

    return property(read, write)


def _copy_deeply(self, memo):
    new = self.__new__(self.__class__)
    memo[id(self)] = new
    state = {name: value for name, value in self.__dict__.items() if name != "_registered"}
    new.__dict__.update(deepcopy(state, memo))
    new.__dict__["_registered"] = dict(self.__dict__["_registered"])
    hold(new)
    return new


def _refuse_pickling(self):
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(). See:\n"
        "hint: save state_dict(), and load it into a module with the same parametrizations"
    )


def _set_class(module, names):
    """Give `module` a class with properties of these names; its own class where there is none."""
    base = type_before_parametrizations(module)
    if not names:
        module.__class__ = base
        return
    members: dict[str, Any] = {name: _property(name) for name in names}
    members.update(__getstate__=_refuse_pickling, _class_before_parametrizations=base, __module__=__name__)
    if not hasattr(base, "__deepcopy__"):
        members["__deepcopy__"] = _copy_deeply
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), members)


def register_parametrization(module, tensor_name, parametrization, *, unsafe=False):
    """Make `module.tensor_name` the result of `parametrization` on a tensor that takes its place in training.

    parametrization: a Module; its `right_inverse`, if it has one, gives that tensor (or several) from the present
    value. A second one is applied to the result of the first. unsafe: do not check that shape and dtype stay. Returns
    `module`. Raises ValueError for a name that is neither a parameter nor a buffer, and where something does not fit;
    the module is then as it was.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_next(module, tensor_name, parametrization)
        parametrizations = module.parametrizations[tensor_name]
        parametrizations.append(parametrization)
        parametrizations.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        parametrizations = ParametrizationList([parametrization], original, unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            module.parametrizations = ModuleDict()
        module.parametrizations[tensor_name] = parametrizations
        _set_class(module, list(module.parametrizations))
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def _check_next(module, name, parametrization):
    """Refuse a further parametrization that changes shape or dtype, there or back."""
    before = getattr(module, name)
    after = parametrization(before)
    if not isinstance(after, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(after).__name__}.")
    for what in ("dtype", "shape"):
        if getattr(before, what) != getattr(after, what):
            raise ValueError(
                f"Registering a parametrization may not change the {what} of the tensor, unless the `unsafe` flag is "
                f"enabled.\nmodule.{name}.{what}: {getattr(before, what)}\n"
                f"parametrization(module.{name}).{what}: {getattr(after, what)}"
            )
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        back = parametrization.right_inverse(after)
    except NotImplementedError:
        return
    if not isinstance(back, Tensor):
        raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}")
    for what in ("dtype", "shape"):
        if getattr(before, what) != getattr(back, what):
            raise ValueError(
                f"The tensor returned by parametrization.right_inverse must have the same {what} as module.{name}, "
                f"unless the `unsafe` flag is enabled.\nmodule.{name}.{what}: {getattr(before, what)}\n"
                f"returned {what}: {getattr(back, what)}"
            )


def is_parametrized(module, tensor_name=None) -> bool:
    """Whether `module` has parametrized tensors; with a name, whether that one is."""
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module, tensor_name, leave_parametrized=True):
    """Make `module.tensor_name` a parameter or buffer again, with its present value or, if not, the original one.

    Returns `module`. Raises ValueError where it is not parametrized, and for `leave_parametrized=False` where it is
    computed from several tensors.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrizations = module.parametrizations[tensor_name]
    if parametrizations.is_tensor:
        original = parametrizations.original
        if leave_parametrized:
            with no_grad():
                value = getattr(module, tensor_name)
            if value is not original:
                original.data = value.data if value.data_ptr() != original.data_ptr() else value.data.clone()
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    del module.parametrizations[tensor_name]
    _set_class(module, list(module.parametrizations))
    if not is_parametrized(module):
        del module.parametrizations
    _register(module, tensor_name, original)
    return module


def type_before_parametrizations(module) -> type:
    """The class that a module had before it was parametrized."""
    return getattr(type(module), "_class_before_parametrizations", type(module))


def transfer_parametrizations_and_params(from_module, to_module, tensor_name=None):
    """Give `to_module` the parametrizations of `from_module`, of one tensor or of all, with their tensors."""
    if not is_parametrized(from_module):
        return to_module
    for name in [tensor_name] if tensor_name is not None else list(from_module.parametrizations):
        source = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for parametrization in source:
            register_parametrization(to_module, name, parametrization)
        target = to_module.parametrizations[name]
        if source.is_tensor:
            target.original = source.original
        else:
            for index in range(source.ntensors):
                setattr(target, f"original{index}", getattr(source, f"original{index}"))
    return to_module
