"""`torch.ao.nn.intrinsic.qat`: fused layers that train with rounded weights, batch norms folded into them."""

from ...._names import lookup as _lookup
from ...._rustgrad.torch import zeros_like
from ....nn import functional as F
from ..qat import Conv2d, Linear, conv_like

__all__ = ["ConvBn2d", "ConvBnReLU2d", "ConvReLU2d", "LinearReLU"]


class ConvReLU2d(Conv2d):
    """A convolution and its ReLU."""

    _relu = True


class LinearReLU(Linear):
    """A linear layer and its ReLU."""

    _relu = True


class ConvBn2d(Conv2d):
    """A convolution and its batch norm: rounded is the weight times what the norm's running variance makes of it."""

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """With the layers of a fused ConvBn2d or ConvBnReLU2d that has a qconfig."""
        made = conv_like(cls, mod[0], bias=False)
        # PyTorch draws the norm's weight and the bias too, before it takes those that are there.
        for _ in range(1 if mod[0].bias is None else 2):
            zeros_like(mod[1].running_var).uniform_()
        made.qconfig = mod.qconfig
        made.bn = mod[1]
        made.weight_fake_quant = mod.qconfig.weight()
        return made

    def freeze_bn_stats(self):
        """Keep the norm's running mean and variance, and norm by them, while training goes on."""
        self._frozen = True
        self.bn.training = False
        return self

    def update_bn_stats(self):
        """Let the norm learn its running mean and variance again."""
        self._frozen = False
        self.bn.training = self.training
        return self

    def train(self, mode=True):
        super().train(mode)
        if getattr(self, "_frozen", False):
            self.bn.training = False
        return self

    def forward(self, input):
        bn = self.bn
        factor = bn.weight / (bn.running_var + bn.eps).sqrt()
        rounded = self.weight_fake_quant(self.weight * factor.reshape(-1, 1, 1, 1))
        bias = zeros_like(self.bias) if self.bias is not None else None
        y = self._conv_forward(input, rounded, bias) / factor.reshape(1, -1, 1, 1)
        if self.bias is not None:
            y = y + self.bias.reshape(1, -1, 1, 1)
        y = bn(y)
        return F.relu(y) if self._relu else y


class ConvBnReLU2d(ConvBn2d):
    """A convolution, its batch norm and its ReLU."""

    _relu = True


def freeze_bn_stats(mod) -> None:
    """`freeze_bn_stats` of the layers that have it, for `model.apply`."""
    if isinstance(mod, ConvBn2d):
        mod.freeze_bn_stats()


def update_bn_stats(mod) -> None:
    """`update_bn_stats` of the layers that have it, for `model.apply`."""
    if isinstance(mod, ConvBn2d):
        mod.update_bn_stats()


__getattr__ = _lookup("torch.ao.nn.intrinsic.qat")
