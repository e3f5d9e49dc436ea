"""Pooling to a given size: the windows, of nearly equal sizes, cover the input.

Window i of n over a dim of size L goes from floor(i L / n) to ceil((i + 1) L / n).
"""

from typing import Any

from ..._rustgrad.nn import _adaptive_max_pool2d, _adaptive_max_pool3d
from ..._rustgrad.torch import _adaptive_avg_pool2d, _adaptive_avg_pool3d
from ...overrides import overridable
from .._autocast import cast_to_float32
from .._compose import scalar_name

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
]


def _targets(function, input, output_size, dims) -> list[int]:
    """The wanted sizes, None standing for the input's. Raises RuntimeError for what does not fit."""
    if dims > 1 and isinstance(output_size, (tuple, list)) and input.ndim <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    if input.ndim not in (dims + 1, dims + 2):
        if dims == 1:
            raise RuntimeError(
                f"Expected 2 to 3 dimensions, but got {input.ndim}-dimensional tensor for argument #1 'self' (while "
                f"checking arguments for {function})"
            )
        raise RuntimeError(f"{function}(): Expected {dims + 1}D or {dims + 2}D tensor, but got {list(input.shape)}")
    shape = input.shape[input.ndim - dims :]
    wanted = [output_size] * dims if isinstance(output_size, int) or output_size is None else list(output_size)
    if len(wanted) == 1:
        wanted = wanted * dims
    if len(wanted) != dims:
        if dims == 1:
            raise RuntimeError(f"{function}() argument 'output_size' should contain one int (got {len(wanted)})")
        raise RuntimeError(f"{function}: output_size must be {dims}")
    wanted = [size if n is None else int(n) for n, size in zip(wanted, shape)]
    if min(wanted) < 0:
        raise RuntimeError(
            f"{function}: elements of output_size must be greater than or equal to 0 but received "
            f"{{{', '.join(map(str, wanted))}}}"
        )
    for dim in range(1 if input.ndim == dims + 2 else 0, input.ndim):
        if input.shape[dim] == 0 and (dim >= input.ndim - dims or input.ndim == dims + 2):
            raise RuntimeError(
                f"{function}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                f"{list(input.shape)} with dimension {dim} being empty"
            )
    return wanted


def channels_come_last(x) -> bool:
    """Whether the memory of an image or a volume goes by channels first, so that a result's should, too."""
    if x.ndim not in (4, 5) or x.stride(1) == 0:
        return False
    least = 0
    for dim in (1, *range(x.ndim - 1, 1, -1), 0):
        size, stride = x.shape[dim], x.stride(dim)
        if size == 0 or stride < least or (dim == 0 and least == x.stride(1)):
            return False
        least = stride * max(size, 1)
    return True


def _adaptive_avg(function, input, output_size, dims):
    targets = _targets(function, input, output_size, dims)
    if not input.is_floating_point():
        kernel = "adaptive_avg_pool3d_cpu" if dims == 3 else "adaptive_avg_pool2d"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(input.dtype)}'")
    if dims == 1:  # a sequence is an image of one row
        return _adaptive_avg("adaptive_avg_pool2d", input.unsqueeze(-2), [1, *targets], 2).squeeze(-2)
    if set(targets) == {1}:
        mean = input.mean(tuple(range(-dims, 0)), keepdim=True)
        if channels_come_last(input):
            c = input.shape[1]
            mean.as_strided_(mean.shape, (c, 1, *(c for _ in range(dims))))
        return mean
    return (_adaptive_avg_pool2d if dims == 2 else _adaptive_avg_pool3d)(input, targets)


@overridable
def adaptive_avg_pool1d(input, output_size: Any):
    """Means over `output_size` windows that cover (N, C, L) or (C, L)."""
    return _adaptive_avg("adaptive_avg_pool1d", input, output_size, 1)


@overridable
def adaptive_avg_pool2d(input, output_size: Any):
    """Means over windows that cover (N, C, H, W) or (C, H, W): a size, or a pair of sizes, None for the input's own."""
    return _adaptive_avg("adaptive_avg_pool2d", input, output_size, 2)


@overridable
@cast_to_float32
def adaptive_avg_pool3d(input, output_size: Any):
    """Means over windows that cover (N, C, D, H, W) or (C, D, H, W): a size or three, None for the input's own."""
    return _adaptive_avg("adaptive_avg_pool3d", input, output_size, 3)


def _adaptive_max(function, input, output_size, return_indices, dims):
    targets = _targets(function, input, output_size, dims)
    if not input.is_floating_point():
        kernel = "adaptive_max_pool3d_cpu" if dims == 3 else "adaptive_max_pool2d"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(input.dtype)}'")
    if dims == 1:
        found: Any = _adaptive_max_pool2d(input.unsqueeze(-2), [1, *targets], return_indices)
        return tuple(x.squeeze(-2) for x in found) if return_indices else found.squeeze(-2)
    return (_adaptive_max_pool2d if dims == 2 else _adaptive_max_pool3d)(input, targets, return_indices)


@overridable
def adaptive_max_pool1d(input, output_size: Any, return_indices=False):
    """Maxima over `output_size` windows that cover (N, C, L) or (C, L); with return_indices also their places."""
    return _adaptive_max("adaptive_max_pool1d", input, output_size, return_indices, 1)


@overridable
def adaptive_max_pool2d(input, output_size: Any, return_indices=False):
    """Maxima over windows that cover (N, C, H, W) or (C, H, W); sizes as of `adaptive_avg_pool2d`."""
    return _adaptive_max("adaptive_max_pool2d", input, output_size, return_indices, 2)


@overridable
@cast_to_float32
def adaptive_max_pool3d(input, output_size: Any, return_indices=False):
    """Maxima over windows that cover (N, C, D, H, W) or (C, D, H, W); sizes as of `adaptive_avg_pool3d`."""
    return _adaptive_max("adaptive_max_pool3d", input, output_size, return_indices, 3)


@overridable
def adaptive_max_pool1d_with_indices(input, output_size: Any, return_indices=False):
    """`adaptive_max_pool1d` and the places of the maxima."""
    return _adaptive_max("adaptive_max_pool1d", input, output_size, True, 1)


@overridable
def adaptive_max_pool2d_with_indices(input, output_size: Any, return_indices=False):
    """`adaptive_max_pool2d` and the places of the maxima."""
    return _adaptive_max("adaptive_max_pool2d", input, output_size, True, 2)


@overridable
def adaptive_max_pool3d_with_indices(input, output_size: Any, return_indices=False):
    """`adaptive_max_pool3d` and the places of the maxima."""
    return _adaptive_max("adaptive_max_pool3d", input, output_size, True, 3)
