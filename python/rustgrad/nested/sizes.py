"""Sizes of nested tensors: `torch.Size([3, j1, 4])`, where `j1` stands for the lengths of one list of offsets."""

import weakref
from collections.abc import Iterator
from typing import Any

from .._rustgrad import Size, Tensor, _library
from ..symbols import SymInt

__all__ = ["NestedInt", "NestedSize", "Ragged", "ragged"]


class NestedInt(SymInt):
    """The size of a ragged dim. It equals itself and no number, and is at least 2, as in PyTorch."""

    def __init__(self, number: int, factor: int = 1):
        self._number, self._factor = number, factor

    def __repr__(self) -> str:
        return f"j{self._number}" if self._factor == 1 else f"{self._factor}*j{self._number}"

    def __eq__(self, other) -> bool:
        return isinstance(other, NestedInt) and (self._number, self._factor) == (other._number, other._factor)

    def __hash__(self) -> int:
        return hash((self._number, self._factor, "j"))

    def __mul__(self, factor: int) -> "NestedInt":
        return NestedInt(self._number, self._factor * factor)

    __rmul__ = __mul__

    def _no_number(self, *_):
        raise TypeError(
            f"{self!r} is the size of a ragged dim, which is another one for each part of the batch\n"
            "hint: offsets().diff() are the sizes of the parts, values() has all parts behind each other"
        )

    __int__ = __index__ = __float__ = __add__ = __radd__ = __sub__ = __rsub__ = __floordiv__ = __truediv__ = _no_number

    def _compared(self, other, at_least: bool) -> bool:
        if other == self:
            return at_least
        if isinstance(other, int) and other <= (2 if at_least else 1):
            return True
        raise ValueError(f"{self!r} and {other!r}: relation is indeterminate")

    def __ge__(self, other) -> bool:
        return self._compared(other, True)

    def __gt__(self, other) -> bool:
        return self._compared(other, False)

    def __lt__(self, other) -> bool:
        return not self._compared(other, True)

    def __le__(self, other) -> bool:
        return not self._compared(other, False)


class NestedSize(tuple):
    """The sizes of a nested tensor; a slice without the ragged dim is a plain Size."""

    def __repr__(self) -> str:
        return f"{_library()}.Size([{', '.join(map(repr, self))}])"

    def __getitem__(self, index) -> Any:
        found = super().__getitem__(index)
        return size_of(found) if isinstance(index, slice) else found

    def __add__(self, other):
        return size_of((*self, *other))

    def __radd__(self, other):
        return size_of((*other, *self))

    def numel(self):
        """The number of elements, times the ragged size."""
        product: Any = 1
        for size in self:
            product = size * product if isinstance(size, NestedInt) else product * size
        return product


def size_of(sizes) -> Any:
    """A Size of `sizes`, which may hold ragged ones."""
    return NestedSize(sizes) if any(isinstance(s, NestedInt) for s in sizes) else Size(sizes)


class Ragged:
    """What is known of a list of offsets: its symbol, and the numbers once they were read."""

    def __init__(self, offsets: Tensor, number: int):
        self.size = NestedInt(number)
        self._offsets = weakref.ref(offsets)
        self._read: list[int] | None = None

    @property
    def bounds(self) -> list[int]:
        """The offsets as ints."""
        if self._read is None:
            offsets = self._offsets()
            self._read = [] if offsets is None else [int(x) for x in offsets.tolist()]
        return self._read

    def lengths(self) -> list[int]:
        """The number of rows of each part."""
        return [b - a for a, b in zip(self.bounds, self.bounds[1:])]


# By the identity of the tensor of offsets: comparing tensors compares elements.
_known: dict[int, Ragged] = {}
_numbers: Iterator[int] = iter(range(1, 1 << 62))


def ragged(offsets: Tensor, like: Ragged | None = None) -> Ragged:
    """What is known of `offsets`; new ones get the next number, or that of `like`, whose elements they have."""
    key = id(offsets)
    if key not in _known:
        made = Ragged(offsets, like.size._number if like is not None else next(_numbers))
        if like is not None:
            made._read = like._read
        _known[key] = made
        weakref.finalize(offsets, _known.pop, key, None)
    return _known[key]
