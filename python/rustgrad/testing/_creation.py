"""`make_tensor`: random operands for tests, the same numbers that PyTorch makes from the same seed."""

import math
import warnings

from .. import _rustgrad
from .._rustgrad import Tensor, _library
from .._rustgrad import bool as boolean
from .._rustgrad.torch import empty, randint, view_as_real, where
from ..limits import finfo, iinfo

__all__ = ["make_tensor"]


def make_tensor(
    *shape,
    dtype: _rustgrad.dtype,
    device,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: _rustgrad.memory_format | None = None,
) -> Tensor:
    """A tensor of numbers drawn evenly from low to high: -9 to 9 for floats, -9 to 9 with both ends for integers, and
    for complex numbers both parts.

    noncontiguous: every other element of a larger tensor. exclude_zero: zeros become the smallest positive number, 1
    for integers. Raises ValueError for an empty range, one that the dtype has no numbers of, NaNs, and for gradients of
    integers.
    """
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = tuple(shape[0])
    is_inexact = dtype.is_floating_point or dtype.is_complex
    if requires_grad and not is_inexact:
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}"
        )
    if noncontiguous and memory_format is not None:
        raise ValueError(
            f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got noncontiguous="
            f"{noncontiguous} and memory_format={memory_format}"
        )
    low, high = _bounds(dtype, low, high)
    spread = noncontiguous and math.prod(shape) > 1
    drawn = (*shape[:-1], 2 * shape[-1]) if spread else shape
    if is_inexact:
        made = empty(drawn, dtype=dtype, device=device)
        _draw(view_as_real(made) if dtype.is_complex else made, low, high)
    else:
        made = randint(math.ceil(low), math.ceil(high), drawn, dtype=dtype, device=device)
    if spread:
        made = made[..., 1::2]
    elif memory_format is not None:
        made = made.clone(memory_format=memory_format)
    if exclude_zero:
        smallest = finfo(dtype).tiny if is_inexact else 1
        made = where(made == 0, made.new_full((), smallest), made)
    if requires_grad:
        made.requires_grad_(True)
    return made


def _bounds(dtype, low: float | None, high: float | None) -> tuple[float, float]:
    """The lowest number that is drawn, and the one above the highest, within what the dtype has."""
    is_inexact = dtype.is_floating_point or dtype.is_complex
    if is_inexact:
        least, most = finfo(dtype).min, finfo(dtype).max
        low, high = -9 if low is None else low, 9 if high is None else high
    elif dtype == boolean:
        least, most = 0, 2
        low, high = 0 if low is None else low, 2 if high is None else high
    else:
        # `randint` takes int64 numbers, so that the one above the greatest int64 cannot be said.
        least, most = iinfo(dtype).min, min(iinfo(dtype).max + 1, 2**63 - 1)
        low, high = -9 if low is None else low, 10 if high is None else high
    if low != low or high != high:
        raise ValueError(f"`low` and `high` cannot be NaN, but got low={low!r} and high={high!r}")
    if low == high and is_inexact:
        warnings.warn(
            f"Passing `low==high` to `{_library()}.testing.make_tensor` for floating or complex types is deprecated "
            f"since 2.1 and will be removed in 2.3. Use `{_library()}.full(...)` instead.",
            FutureWarning,
            stacklevel=3,
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < least or low >= most:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {dtype} only supports "
            f"[{least}, {most})"
        )
    return min(max(low, least), most), min(max(high, least), most)


def _draw(x: Tensor, low: float, high: float) -> None:
    """Fill floats with numbers drawn evenly. A range wider than the dtype's greatest number is drawn by halves."""
    if low == high:
        x.fill_(low)
    elif high - low >= finfo(x.dtype).max:
        x.uniform_(low / 2, high / 2).mul_(2)
    else:
        x.uniform_(low, high)
