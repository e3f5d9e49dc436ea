"""Variable: what tensors with gradients were called before they were plain tensors."""

import warnings

from .._names import lookup as _lookup
from .._rustgrad import Tensor, _queue_callback
from .._rustgrad.torch import empty

__all__ = ["Variable"]


class _VariableMeta(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, Tensor)


class _Engine:
    """What programs ask of the engine of backward."""

    @staticmethod
    def queue_callback(callback) -> None:
        """Have the backward that runs call `callback()` when it has written all gradients.

        RuntimeError outside of backward.
        """
        _queue_callback(callback)


class Variable(metaclass=_VariableMeta):
    """`Variable(data, requires_grad=False)` is a tensor over `data`'s memory without its history. Every tensor is one.

    Raises TypeError where data is no tensor.
    """

    _execution_engine = _Engine()

    def __new__(cls, data=None, requires_grad=False, volatile=None) -> Tensor:
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.", stacklevel=2
            )
        if data is None:
            data = empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        made = data.data.view(data.shape) if type(data) is not Tensor else data.data
        return made.requires_grad_(True) if requires_grad else made


__getattr__ = _lookup("torch.autograd.variable")
