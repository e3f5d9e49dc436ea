"""Helpers of tests: `assert_close` compares, `make_tensor` makes random operands."""

from .._names import lookup as _lookup
from ._comparison import assert_allclose, assert_close
from ._creation import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

__getattr__ = _lookup("torch.testing")
