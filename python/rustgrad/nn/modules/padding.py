"""Padding of one, two and three dims: by zeros, constants, mirrored, repeated or from the other end."""

from .. import functional as F
from .conv import repeated
from .module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _Pad(Module):
    """`padding`: a number for all ends, or (before, behind) for each dim, the last one first."""

    _dims: int
    _mode: str

    def __init__(self, padding) -> None:
        super().__init__()
        self.padding = repeated(padding, 2 * self._dims)

    def forward(self, input):
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _CircularPadNd(_Pad):
    _mode = "circular"

    def forward(self, input):
        if input.ndim not in (self._dims + 1, self._dims + 2):
            raise ValueError(f"expected {self._dims + 1}D or {self._dims + 2}D input (got {input.ndim}D input)")
        return F.pad(input, self.padding, self._mode)


class CircularPad1d(_CircularPadNd):
    """The last dim of (N, C, L) or (C, L) goes on at its other end."""

    _dims = 1


class CircularPad2d(_CircularPadNd):
    """The last two dims of (N, C, H, W) or (C, H, W) go on at their other ends."""

    _dims = 2


class CircularPad3d(_CircularPadNd):
    """The last three dims of (N, C, D, H, W) or (C, D, H, W) go on at their other ends."""

    _dims = 3


class _ConstantPadNd(_Pad):
    _mode = "constant"

    def __init__(self, padding, value) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """`value` around the last dim."""

    _dims = 1


class ConstantPad2d(_ConstantPadNd):
    """`value` around the last two dims."""

    _dims = 2


class ConstantPad3d(_ConstantPadNd):
    """`value` around the last three dims."""

    _dims = 3


class _ZeroPadNd(_ConstantPadNd):
    def __init__(self, padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad1d(_ZeroPadNd, ConstantPad1d):
    """Zeros around the last dim."""


class ZeroPad2d(_ZeroPadNd, ConstantPad2d):
    """Zeros around the last two dims."""


class ZeroPad3d(_ZeroPadNd, ConstantPad3d):
    """Zeros around the last three dims."""


class _ReflectionPadNd(_Pad):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """The last dim of (N, C, L) or (C, L) mirrored at its ends."""

    _dims = 1


class ReflectionPad2d(_ReflectionPadNd):
    """The last two dims of (N, C, H, W) or (C, H, W) mirrored at their ends."""

    _dims = 2


class ReflectionPad3d(_ReflectionPadNd):
    """The last three dims of (N, C, D, H, W) or (C, D, H, W) mirrored at their ends."""

    _dims = 3


class _ReplicationPadNd(_Pad):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """The last dim of (N, C, L) or (C, L) with its first and last elements repeated."""

    _dims = 1


class ReplicationPad2d(_ReplicationPadNd):
    """The last two dims of (N, C, H, W) or (C, H, W) with their edges repeated."""

    _dims = 2


class ReplicationPad3d(_ReplicationPadNd):
    """The last three dims of (N, C, D, H, W) or (C, D, H, W) with their faces repeated."""

    _dims = 3
