"""`make_tensor`: random operands for tests, the same numbers that PyTorch makes from the same seed."""

import math

from .. import _rustgrad
from .._rustgrad import Tensor
from .._rustgrad.torch import empty, randint, where

__all__ = ["make_tensor"]

# The lowest number that is drawn, and the one above the highest, unless the caller says otherwise.
_RANGES = {"uint8": (0, 10), "bool": (0, 2)}


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
    """A tensor of numbers drawn evenly from low to high: -9 to 9 for floats, -9 to 9 with both ends for integers.

    noncontiguous: every other element of a larger tensor. exclude_zero: zeros become the smallest positive number, 1
    for integers. Raises ValueError for an empty range, NaNs, and for gradients of integers.
    """
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = tuple(shape[0])
    name = str(dtype).rpartition(".")[2]
    is_float = dtype.is_floating_point
    if requires_grad and not is_float:
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}"
        )
    if noncontiguous and memory_format is not None:
        raise ValueError(
            f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got noncontiguous="
            f"{noncontiguous} and memory_format={memory_format}"
        )
    lowest, highest = _RANGES.get(name, (-9, 9 if is_float else 10))
    low, high = lowest if low is None else low, highest if high is None else high
    if low != low or high != high:
        raise ValueError(f"`low` and `high` cannot be NaN, but got low={low!r} and high={high!r}")
    if low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    spread = noncontiguous and math.prod(shape) > 1
    drawn = (*shape[:-1], 2 * shape[-1]) if spread else shape
    if is_float:
        limit = _finfo(dtype).max
        low, high = max(low, -limit), min(high, limit)
        made = empty(drawn, dtype=dtype, device=device).uniform_(low, high)
    else:
        least, most = _limits(name)
        low, high = max(int(-(-low // 1)), least), min(int(-(-high // 1)), most)
        made = randint(low, high, drawn, dtype=dtype, device=device)
    if spread:
        made = made[..., 1::2]
    elif memory_format is not None:
        made = made.clone(memory_format=memory_format)
    if exclude_zero:
        smallest = _finfo(dtype).tiny if is_float else 1
        made = where(made == 0, made.new_full((), smallest), made)
    if requires_grad:
        made.requires_grad_(True)
    return made


def _finfo(dtype):
    from ..limits import finfo

    return finfo(dtype)


def _limits(name: str) -> tuple[int, int]:
    """The least number of an integer dtype, and the one behind the greatest that is drawn."""
    if name == "bool":
        return 0, 2
    bits = int(name.removeprefix("u").removeprefix("int"))
    if name.startswith("u"):
        return 0, 2**bits
    return -(2 ** (bits - 1)), min(2 ** (bits - 1), 2**63 - 1)
