"""`torch._check` and kin: conditions that a program asserts, with the error that each raises."""

import warnings

from . import bool as _bool
from ._rustgrad import Tensor, torch

__all__: list[str] = []  # PyTorch's names for these begin with a line below

_EXPECTED = (
    "Expected cond to be True, but got False. (Could this error message be improved? If so, please report an "
    "enhancement request to PyTorch.)"
)


def _assert(condition, message):
    """Raises AssertionError with `message` where the condition does not hold."""
    if not condition:
        raise AssertionError(message)


def _assert_async(self, assert_msg=None):
    """Raises RuntimeError where a tensor of one element is zero."""
    if not self:
        raise RuntimeError(assert_msg or "Expected Tensor with single nonzero value, but got zero")


def _check_with(error_type, cond, message=None):
    """Raises `error_type` where `cond` is False; `message` is a function that gives the text."""
    if isinstance(cond, Tensor):
        raise TypeError(
            "cond must be a bool, but got a Tensor. For tensor conditions, use torch._check_tensor_all() to assert "
            "that all elements are true."
        )
    if not isinstance(cond, bool):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if cond:
        return
    if message is None:
        raise error_type(_EXPECTED)
    if not callable(message):
        raise TypeError("message must be a callable")
    raise error_type(str(message()))


def _check(cond, message=None):
    """Raises RuntimeError where `cond` is False."""
    _check_with(RuntimeError, cond, message)


def _check_index(cond, message=None):
    """Raises IndexError where `cond` is False."""
    _check_with(IndexError, cond, message)


def _check_value(cond, message=None):
    """Raises ValueError where `cond` is False."""
    _check_with(ValueError, cond, message)


def _check_type(cond, message=None):
    """Raises TypeError where `cond` is False."""
    _check_with(TypeError, cond, message)


def _check_not_implemented(cond, message=None):
    """Raises NotImplementedError where `cond` is False."""
    _check_with(NotImplementedError, cond, message)


def _check_is_size(i, message=None, *, max=None):
    """Raises RuntimeError where `i` is negative, or more than `max`."""
    warnings.warn(
        "_check_is_size will be removed in a future PyTorch release along with guard_size_oblivious. "
        "    Use _check(i >= 0) instead.",
        FutureWarning,
        stacklevel=2,
    )
    _check(i >= 0, message)
    if max is not None:
        _check(i <= max, message)


def _check_tensor_all_with(error_type, cond, message=None):
    """Raises `error_type` where not all elements of a tensor of bools are True."""
    if not isinstance(cond, Tensor):
        raise TypeError(f"cond must be a tensor, but got {type(cond)}")
    if cond.dtype != _bool:
        raise TypeError(f"cond tensor must have dtype torch.bool, but got {cond.dtype}")
    _check_with(error_type, bool(cond.all()), message)


def _check_tensor_all(cond, message=None):
    """Raises RuntimeError where not all elements of a tensor of bools are True."""
    _check_tensor_all_with(RuntimeError, cond, message)


def _shape_as_tensor(self):
    """The sizes of a tensor as a tensor of int64."""
    return torch.tensor(list(self.shape))
