"""Calls with a nested tensor among their arguments: which function of a layout's tables an op goes to."""

from collections.abc import Callable
from typing import Any, ClassVar

from .._parts import OfParts
from .._rustgrad import Tensor
from ..overrides import DisableTorchFunctionSubclass

__all__ = ["OfLayout", "op_name"]

# Questions that a nested tensor answers as the tensor on `meta` does that it is.
_PLAIN = frozenset(
    "__hash__ __dir__ __init__ dim ndimension ndim dtype element_size itemsize has_names is_complex is_conj "
    "is_floating_point is_inference is_neg is_signed is_shared is_pinned is_sparse is_quantized is_mkldnn "
    "names retains_grad".split()
)


def op_name(func) -> str:
    """The name by which the tables know a function, method or attribute of Tensor."""
    name: str = func.__name__
    if name == "__get__":
        return str(func.__self__.__name__)
    if name.startswith("__") and name.endswith("__"):
        return {"__radd__": "add", "__rmul__": "mul", "__rsub__": "rsub"}.get(name, name)
    return name


class OfLayout(OfParts):
    """A nested tensor of one layout. `_functions`: what ops do, by name; `_with_function`: those that get the called
    function as well."""

    _functions: ClassVar[dict[str, Callable[..., Any]]]
    _with_function: ClassVar[dict[str, Callable[..., Any]]]

    @staticmethod
    def _refusal(name: str) -> str:
        """The text of the error for an op that the layout does not have."""
        raise NotImplementedError

    def _like(self, values: Tensor) -> Any:
        """A nested tensor whose parts are as long as these."""
        raise NotImplementedError

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name = op_name(func)
        if name in cls._with_function:
            return cls._with_function[name](func, *args, **(kwargs or {}))
        if name in cls._functions:
            return cls._functions[name](*args, **(kwargs or {}))
        if hasattr(func, "__wrapped__"):
            # Written in Python: the ops that it calls come here again.
            return func.__wrapped__(*args, **(kwargs or {}))
        if name in _PLAIN or func.__name__ in ("__set__", "__get__"):
            with DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        raise NotImplementedError(cls._refusal(name))

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            with_grad = self._v.requires_grad and self._v.is_leaf
            memo[id(self)] = self._like(self._v.detach().clone().requires_grad_(with_grad))
        return memo[id(self)]

    def __copy__(self):
        return self._like(self._v)

    def __format__(self, spec: str) -> str:
        return repr(self) if not spec else format(repr(self), spec)

    @property
    def is_nested(self) -> bool:
        return True

    def _gradient(self, grad: Tensor) -> Any:
        return self._like(grad)

    @property
    def data(self):
        return self._like(self._v.data)

    @data.setter
    def data(self, value) -> None:
        self._v.data = value._v if isinstance(value, type(self)) else value
