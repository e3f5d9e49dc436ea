"""What distributions share: parameters of one shape, probabilities from logits and back, properties computed once."""

from functools import update_wrapper
from typing import Any

from .._rustgrad import Tensor, _library, get_default_dtype, tensor
from .._rustgrad.nn import softmax
from .._rustgrad.torch import arange, broadcast_tensors, empty
from ..grad_mode import enable_grad
from ..limits import finfo

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

euler_constant = 0.57721566490153286060
NUMBERS = (bool, int, float)


def broadcast_all(*values) -> Any:
    """Numbers and tensors as tensors of one shape; numbers take the dtype of the first tensor.

    Raises ValueError for other values.
    """
    if not all(isinstance(v, (Tensor, *NUMBERS)) for v in values):
        raise ValueError(
            f"Input arguments must all be instances of Number, {_library()}.Tensor or objects implementing "
            "__torch_function__."
        )
    like = next((v for v in values if isinstance(v, Tensor)), None)
    dtype, device = (get_default_dtype(), "cpu") if like is None else (like.dtype, like.device)
    return broadcast_tensors([v if isinstance(v, Tensor) else tensor(v, dtype=dtype, device=device) for v in values])


def batch_of(value, *given):
    """The batch shape: that of `value`, and none where only numbers were given."""
    return () if all(isinstance(v, NUMBERS) for v in given) else value.size()


def standard_normal(shape, like):
    """Normal draws of `shape`, in the dtype and on the device of `like`."""
    return like.detach().new_empty(shape).normal_()


def _standard_normal(shape, dtype, device):
    """Normal draws of `shape`: PyTorch's name, which distributions of a program's own import."""
    return empty(shape, dtype=dtype, device=device).normal_()


def sum_rightmost(value, dims):
    """`value` summed over its last `dims` dims."""
    return value if dims == 0 else value.reshape((*value.shape[:-dims], -1)).sum(-1)


_sum_rightmost = sum_rightmost  # PyTorch's name


def logits_to_probs(logits, is_binary=False):
    """Probabilities of log-odds, or of unnormalized log-probabilities along the last dim."""
    return logits.sigmoid() if is_binary else softmax(logits, -1)


def clamp_probs(probs):
    """Probabilities away from 0 and 1 by the dtype's epsilon."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary=False):
    """Log-odds of probabilities, or their logarithms."""
    kept = clamp_probs(probs)
    return kept.log() - (-kept).log1p() if is_binary else kept.log()


class lazy_property:
    """A property computed when first asked for, with gradients recorded, and kept in the instance from then on."""

    def __init__(self, wrapped):
        self.wrapped = wrapped
        update_wrapper(self, wrapped)  # pyright: ignore[reportArgumentType]

    def __get__(self, instance, owner=None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        instance.__dict__[self.wrapped.__name__] = value
        return value


def _tril_mask(n, diag, device):
    columns = arange(n, device=device)
    return columns < columns.view(-1, 1) + (diag + 1)


def tril_matrix_to_vec(mat, diag=0):
    """The elements on and below diagonal `diag` of matrices (..., n, n), row by row, along the last dim."""
    n = mat.shape[-1]
    if diag < -n or diag >= n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    return mat[..., _tril_mask(n, diag, mat.device)]


def vec_to_tril_matrix(vec, diag=0):
    """Matrices (..., n, n) with the elements of `vec` on and below diagonal `diag`, and zeros elsewhere."""
    shift = 1 + 2 * diag
    n = (-shift + (shift**2 + 8 * vec.shape[-1] + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if round(n) - n > finfo(vec.dtype).eps:
        raise ValueError(
            f"The size of last dimension is {vec.shape[-1]} which cannot be expressed as the lower triangular part of "
            "a square D x D matrix."
        )
    n = round(n)
    mat = vec.new_zeros((*vec.shape[:-1], n, n))
    mat[..., _tril_mask(n, diag, vec.device)] = vec
    return mat


class ByProbsOrLogits:
    """A distribution given by `probs` or by `logits`; the other follows when asked for."""

    _binary = True
    _by: str

    def _take(self, probs, logits, *others):
        """Keeps the one that is given, broadcast with `others`, which are returned in its dtype."""
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        self._by, given = ("logits", logits) if probs is None else ("probs", probs)
        *others, value = broadcast_all(*others, given)
        self.__dict__[self._by] = value
        return [other.type_as(value) for other in others]

    @property
    def _param(self) -> Any:
        return self.__dict__[self._by]

    @property
    def param_shape(self):
        return self._param.size()

    def _new(self, *args):
        return self._param.new_empty(*args)

    @lazy_property
    def probs(self):
        return logits_to_probs(self.logits, self._binary)

    @lazy_property
    def logits(self):
        return probs_to_logits(self.probs, self._binary)
