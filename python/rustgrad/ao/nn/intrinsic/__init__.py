"""`torch.ao.nn.intrinsic`: layers that belong together, as `fuse_modules` puts them into one."""

from ...._names import lookup as _lookup
from ....nn import Sequential

__all__ = ["ConvBn2d", "ConvBnReLU2d", "ConvReLU2d", "LinearReLU"]


class _Fused(Sequential):
    """Layers one after the other, of which `prepare` observes what the last gives."""


class ConvReLU2d(_Fused):
    """nn.Conv2d, nn.ReLU."""


class ConvBn2d(_Fused):
    """nn.Conv2d, nn.BatchNorm2d."""


class ConvBnReLU2d(_Fused):
    """nn.Conv2d, nn.BatchNorm2d, nn.ReLU."""


class LinearReLU(_Fused):
    """nn.Linear, nn.ReLU."""


from . import qat as qat  # noqa: E402
from . import quantized as quantized  # noqa: E402

__getattr__ = _lookup("torch.ao.nn.intrinsic")
