"""`torch.ao.nn.qat`: layers that train with weights rounded as quantization will round them."""

from ... import nn
from ..._names import lookup as _lookup
from ...nn import functional as F

__all__ = ["Conv2d", "Linear"]


def conv_like(cls, conv, bias=None):
    """A convolution of class `cls` with the sizes of `conv`, and its parameters.

    It is drawn first, as in PyTorch, so that what is drawn later is the same.
    """
    made = cls.__new__(cls)
    nn.Conv2d.__init__(
        made,
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        conv.stride,
        conv.padding,
        conv.dilation,
        conv.groups,
        conv.bias is not None if bias is None else bias,
        conv.padding_mode,
    )
    made.weight, made.bias = conv.weight, conv.bias
    return made


class Conv2d(nn.Conv2d):
    """nn.Conv2d whose weight is rounded before it is used, with straight-through gradients."""

    _relu = False

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """With the parameters of an nn.Conv2d that has a qconfig, or of one with its ReLU."""
        conv = mod[0] if hasattr(mod, "__getitem__") else mod
        made = conv_like(cls, conv)
        made.qconfig = mod.qconfig
        made.weight_fake_quant = mod.qconfig.weight()
        return made

    def forward(self, input):
        y = self._conv_forward(input, self.weight_fake_quant(self.weight), self.bias)
        return F.relu(y) if self._relu else y


class Linear(nn.Linear):
    """nn.Linear whose weight is rounded before it is used, with straight-through gradients."""

    _relu = False

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """With the parameters of an nn.Linear that has a qconfig, or of one with its ReLU."""
        linear = mod[0] if hasattr(mod, "__getitem__") else mod
        made = cls.__new__(cls)
        nn.Linear.__init__(made, linear.in_features, linear.out_features, linear.bias is not None)
        made.weight, made.bias = linear.weight, linear.bias
        made.qconfig = mod.qconfig
        made.weight_fake_quant = mod.qconfig.weight()
        return made

    def forward(self, input):
        y = F.linear(input, self.weight_fake_quant(self.weight), self.bias)
        return F.relu(y) if self._relu else y


__getattr__ = _lookup("torch.ao.nn.qat")
