"""Names for annotations: what PyTorch's signatures say."""

from builtins import bool as _bool
from builtins import bytes as _bytes
from builtins import complex as _complex  # noqa: F401 - programs take these names from here
from builtins import float as _float
from builtins import int as _int
from builtins import str as _str
from collections.abc import Sequence
from os import PathLike
from typing import IO, TypeAlias, Union

from ._names import lookup as _lookup
from ._rustgrad import Size, Tensor
from ._rustgrad import device as _device
from ._rustgrad import dtype as _dtype  # noqa: F401
from ._rustgrad import layout as _layout  # noqa: F401

__all__ = ["Device", "FileLike", "Number"]

Number: TypeAlias = Union[_int, _float, _bool]  # noqa: UP007 - these three are values, too
Device: TypeAlias = Union[_device, _str, _int, None]  # noqa: UP007
FileLike: TypeAlias = Union[_str, PathLike[_str], IO[_bytes]]  # noqa: UP007
_TensorOrTensors: TypeAlias = Union[Tensor, Sequence[Tensor]]  # noqa: UP007
_TensorOrOptionalTensors: TypeAlias = Union[Tensor, Sequence[Tensor | None]]  # noqa: UP007
_Number = (_int, _float, _bool)
_size: TypeAlias = Union[Size, list[_int], tuple[_int, ...]]  # noqa: UP007

__getattr__ = _lookup("torch.types")
