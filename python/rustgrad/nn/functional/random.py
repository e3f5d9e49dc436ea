"""Functions that draw random numbers: forms of dropout, leaky ReLU with random slopes, samples of a softmax.

They draw as PyTorch does: the same seed gives the same numbers.
"""

import math
import warnings

from ..._rustgrad.torch import empty_like
from ...grad_mode import no_grad
from ...overrides import overridable
from .._compose import scalar_name

__all__ = [
    "alpha_dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]

_DIMS = {1: "2D or 3D", 2: "3D or 4D", 3: "4D or 5D"}


def _check_p(p):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if math.isnan(p):
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p}")


def _noise(input, p, features):
    """Zeros with probability `p`, else ones: one number per element, or with `features` one per channel."""
    if features and input.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    if not input.is_floating_point():
        raise RuntimeError(f"result type Float can't be cast to the desired output type {scalar_name(input.dtype)}")
    with no_grad():
        noise = input.new_empty((*input.shape[:2], *[1] * (input.ndim - 2))) if features else empty_like(input)
        return noise.bernoulli_(1 - p)


def drop_features(input, p, training, inplace):
    """Zero whole channels (dim 1) with probability `p`, and scale the others by 1 / (1 - p)."""
    if not training or p == 0 or input.numel() == 0:
        return input
    noise = _noise(input, p, True)
    noise = noise.zero_() if p == 1 else noise.div_(1 - p)
    return input.mul_(noise) if inplace else input * noise


@overridable
def dropout1d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, L) or (C, L) with probability `p`, and scale the others by 1 / (1 - p)."""
    _check_p(p)
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that dropout1d exists to "
            "provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional "
            "batch dimension (i.e. 2D or 3D inputs)."
        )
    return _batched(input, p, training, inplace, 3)


def _batched(input, p, training, inplace, ndim):
    """Dropout of an input that may lack its batch dim; `ndim` is the number of dims with it."""
    if input.ndim == ndim:
        return drop_features(input, p, training, inplace)
    if inplace:
        drop_features(input.unsqueeze(0), p, training, True)
        return input
    result = drop_features(input.unsqueeze(0), p, training, False)
    return result.squeeze(0) if training and p else input


def _warn_of_rank(function, dims, ndim):
    warnings.warn(
        f"{function}: Received a {ndim}-D input to {function}, which is deprecated and will result in an error in a "
        "future release. To retain the behavior and silence this warning, please use dropout instead. Note that "
        f"{function} exists to provide channel-wise dropout on inputs with {dims} spatial dimensions, a channel "
        f"dimension, and an optional batch dimension (i.e. {_DIMS[dims]} inputs).",
        stacklevel=3,
    )


@overridable
def dropout2d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of images (N, C, H, W) with probability `p`, and scale the others by 1 / (1 - p).

    An input of 3 dims is taken as (N, C, L), and warns. Tompson et al. 2015.
    """
    _check_p(p)
    if input.ndim not in (3, 4):
        _warn_of_rank("dropout2d", 2, input.ndim)
    if input.ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired "
            "- input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a "
            "future release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain "
            "the 1D channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return drop_features(input, p, training, inplace)


@overridable
def dropout3d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of volumes (N, C, D, H, W) or (C, D, H, W) with probability `p`, and scale the others."""
    _check_p(p)
    if input.ndim not in (4, 5):
        _warn_of_rank("dropout3d", 3, input.ndim)
    return _batched(input, p, training, inplace, 5)


def _drop_alpha(input, p, training, inplace, features):
    _check_p(p)
    if not training or p == 0 or input.numel() == 0:
        return input
    noise = _noise(input, p, features)
    if p == 1:
        return input.mul_(noise.zero_()) if inplace else input * noise.zero_()
    alpha = 1.7580993408473766  # the scale and the limit of selu, multiplied
    a = 1.0 / math.sqrt((alpha * alpha * p + 1) * (1 - p))
    shift = noise.add(-1).mul_(alpha * a).add_(alpha * a * p)
    noise = noise.mul_(a)
    return input.mul_(noise).add_(shift) if inplace else input * noise + shift


@overridable
def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout beside selu: dropped elements take its limit, and mean and variance stay. Klambauer et al. 2017."""
    return _drop_alpha(input, p, training, inplace, False)


@overridable
def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """`alpha_dropout` of whole channels (dim 1)."""
    return _drop_alpha(input, p, training, inplace, True)
