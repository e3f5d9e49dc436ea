"""Pooling to a given size: the windows, of nearly equal sizes, cover the input.

Window i of n over a dim of size L goes from floor(i L / n) to ceil((i + 1) L / n).
"""

from typing import Any

from ..._rustgrad import tensor
from ..._rustgrad.torch import stack
from .._autocast import cast_to_float32
from .._compose import in_float32, scalar_name

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


def _spans(size, count) -> list[tuple[int, int]]:
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


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


def _mean_along(x, dim, count):
    """Means over the windows of one dim."""
    size = x.shape[dim]
    if size == count:
        return x
    if count == 0:
        return x.narrow(dim, 0, 0)
    if size % count == 0:
        return x.unflatten(dim, (count, size // count)).mean(dim + 1)
    rows = []
    for start, end in _spans(size, count):
        part = 1.0 / (end - start)
        rows.append([part if start <= i < end else 0.0 for i in range(size)])
    matrix = tensor(rows, dtype=x.dtype, device=x.device)
    return (x.transpose(dim, -1) @ matrix.t()).transpose(dim, -1)


def _adaptive_avg(function, input, output_size, dims):
    targets = _targets(function, input, output_size, dims)
    if not input.is_floating_point():
        raise NotImplementedError(f"\"{function}\" not implemented for '{scalar_name(input.dtype)}'")

    def mean(x):
        for index, count in enumerate(targets):
            x = _mean_along(x, x.ndim - dims + index, count)
        return x

    result = in_float32(mean, input)
    return result.clone() if result is input else result.contiguous()


def adaptive_avg_pool1d(input, output_size: Any):
    """Means over `output_size` windows that cover (N, C, L) or (C, L)."""
    return _adaptive_avg("adaptive_avg_pool1d", input, output_size, 1)


def adaptive_avg_pool2d(input, output_size: Any):
    """Means over windows that cover (N, C, H, W) or (C, H, W): a size, or a pair of sizes, None for the input's own."""
    return _adaptive_avg("adaptive_avg_pool2d", input, output_size, 2)


@cast_to_float32
def adaptive_avg_pool3d(input, output_size: Any):
    """Means over windows that cover (N, C, D, H, W) or (C, D, H, W): a size or three, None for the input's own."""
    return _adaptive_avg("adaptive_avg_pool3d", input, output_size, 3)


def _max_along(x, places, dim, count):
    """Maxima over the windows of one dim, and the places (of elements of the original input) that belong to them."""
    values, found = [], []
    for start, end in _spans(x.shape[dim], count):
        value, index = x.narrow(dim, start, end - start).max(dim, keepdim=True)
        values.append(value)
        found.append((places.narrow(dim, start, end - start)).gather(dim, index))
    return stack(values, dim).squeeze(dim + 1), stack(found, dim).squeeze(dim + 1)


def _adaptive_max(function, input, output_size, return_indices, dims):
    targets = _targets(function, input, output_size, dims)
    if not input.is_floating_point():
        raise NotImplementedError(f"\"{function}\" not implemented for '{scalar_name(input.dtype)}'")
    from ..._rustgrad.torch import arange

    shape = input.shape[input.ndim - dims :]
    places = arange(shape.numel(), device=input.device).view(shape).expand(input.shape)
    if 0 in targets:
        empty = (*input.shape[: input.ndim - dims], *targets)
        return (input.new_zeros(empty), places.new_zeros(empty)) if return_indices else input.new_zeros(empty)
    values = input
    # The last dim first: of equal elements the first one in reading order wins.
    for index in reversed(range(dims)):
        values, places = _max_along(values, places, values.ndim - dims + index, targets[index])
    return (values, places) if return_indices else values


def adaptive_max_pool1d(input, output_size: Any, return_indices=False):
    """Maxima over `output_size` windows that cover (N, C, L) or (C, L); with return_indices also their places."""
    return _adaptive_max("adaptive_max_pool1d", input, output_size, return_indices, 1)


def adaptive_max_pool2d(input, output_size: Any, return_indices=False):
    """Maxima over windows that cover (N, C, H, W) or (C, H, W); sizes as of `adaptive_avg_pool2d`."""
    return _adaptive_max("adaptive_max_pool2d", input, output_size, return_indices, 2)


@cast_to_float32
def adaptive_max_pool3d(input, output_size: Any, return_indices=False):
    """Maxima over windows that cover (N, C, D, H, W) or (C, D, H, W); sizes as of `adaptive_avg_pool3d`."""
    return _adaptive_max("adaptive_max_pool3d", input, output_size, return_indices, 3)


def adaptive_max_pool1d_with_indices(input, output_size: Any, return_indices=False):
    """`adaptive_max_pool1d` and the places of the maxima."""
    return _adaptive_max("adaptive_max_pool1d", input, output_size, True, 1)


def adaptive_max_pool2d_with_indices(input, output_size: Any, return_indices=False):
    """`adaptive_max_pool2d` and the places of the maxima."""
    return _adaptive_max("adaptive_max_pool2d", input, output_size, True, 2)


def adaptive_max_pool3d_with_indices(input, output_size: Any, return_indices=False):
    """`adaptive_max_pool3d` and the places of the maxima."""
    return _adaptive_max("adaptive_max_pool3d", input, output_size, True, 3)
