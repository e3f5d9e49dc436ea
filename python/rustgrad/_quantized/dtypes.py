"""The dtypes of quantized tensors and the ways they are quantized: `torch.qint8`, `torch.per_tensor_affine`."""

from .. import _rustgrad
from .._rustgrad import _library

__all__ = ["QDType", "qscheme"]


class _Name:
    """One of a few objects that stand for themselves, printed as the program calls them."""

    def __init__(self, name: str):
        self._name = name

    def __repr__(self) -> str:
        return f"{_library()}.{self._name}"

    def __reduce__(self):
        return _named, (self._name,)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


class qscheme(_Name):
    """How the numbers of a quantized tensor are scaled: all by one scale, or each channel by its own."""


class QDType(_Name):
    """The dtype of a quantized tensor. It is no `dtype`: what takes one has no tensors of it."""

    is_floating_point = is_complex = False

    def __init__(self, name: str, holds, lowest: int, highest: int):
        super().__init__(name)
        self.holds, self.lowest, self.highest = holds, lowest, highest
        self.is_signed, self.itemsize = lowest < 0, holds.itemsize


qint8 = QDType("qint8", _rustgrad.int8, -128, 127)
quint8 = QDType("quint8", _rustgrad.uint8, 0, 255)
qint32 = QDType("qint32", _rustgrad.int32, -(2**31), 2**31 - 1)

per_tensor_affine = qscheme("per_tensor_affine")
per_tensor_symmetric = qscheme("per_tensor_symmetric")
per_channel_affine = qscheme("per_channel_affine")
per_channel_symmetric = qscheme("per_channel_symmetric")
per_channel_affine_float_qparams = qscheme("per_channel_affine_float_qparams")


def _named(name: str) -> _Name:
    """The object of a name, as files hold it."""
    found = globals().get(name)
    if not isinstance(found, _Name):
        raise ValueError(f"there is no quantized dtype or scheme {name!r}")
    return found
