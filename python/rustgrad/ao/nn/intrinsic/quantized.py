"""`torch.ao.nn.intrinsic.quantized`: quantized layers with their ReLU."""

from ...._names import lookup as _lookup
from ..quantized import Conv2d, Linear

__all__ = ["ConvReLU2d", "LinearReLU"]


class ConvReLU2d(Conv2d):
    """A convolution of quantized images, and a ReLU."""

    _name, _relu = "QuantizedConvReLU2d", True


class LinearReLU(Linear):
    """A linear layer of quantized tensors, and a ReLU."""

    _name, _relu = "QuantizedLinearReLU", True


__getattr__ = _lookup("torch.ao.nn.intrinsic.quantized")
