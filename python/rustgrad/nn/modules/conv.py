"""Convolutions."""

from ..._rustgrad.torch import empty
from .. import functional as F
from ..parameter import Parameter
from .linear import init_affine
from .module import Module
from .places import forward

__all__ = ["Conv1d", "Conv2d", "Conv3d"]


def repeated(value, count):
    """A number as `count` equal ones; a sequence as a tuple."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * count


class _ConvNd(Module):
    """A convolution over the last `_dims` dims. The weight has shape (out, in / groups, *kernel_size)."""

    _dims: int
    transposed = False

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        device=None,
        dtype=None,
        output_padding=0,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        stride = repeated(stride, self._dims)
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
            if padding == "same" and any(step != 1 for step in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        else:
            padding = repeated(padding, self._dims)
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(
                "padding_mode must be one of {'zeros', 'reflect', 'replicate', 'circular'}, "
                f"but got padding_mode='{padding_mode}'"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = repeated(kernel_size, self._dims)
        self.stride = stride
        self.padding = padding
        self.dilation = repeated(dilation, self._dims)
        self.output_padding = repeated(output_padding, self._dims)
        self.groups = groups
        self.padding_mode = padding_mode
        self._make_parameters(bias, device, dtype)
        self.reset_parameters()

    def _weight_shape(self):
        if self.transposed:
            return self.in_channels, self.out_channels // self.groups, *self.kernel_size
        return self.out_channels, self.in_channels // self.groups, *self.kernel_size

    def _make_parameters(self, bias, device, dtype):
        self.weight = Parameter(empty(self._weight_shape(), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(self.out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)

    def reset_parameters(self):
        """Draw weight and bias uniformly within 1 / sqrt(in_channels / groups * elements of the kernel)."""
        init_affine(self.weight, self.bias)

    @property
    def _reversed_padding_repeated_twice(self):
        """The padding as `F.pad` takes it: last dim first, before and behind."""
        if self.padding == "valid":
            return [0, 0] * self._dims
        if isinstance(self.padding, str):
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size)]
            return [n for total in reversed(totals) for n in (total // 2, total - total // 2)]
        return tuple(n for n in reversed(self.padding) for _ in range(2))

    def _padded(self, input):
        return F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)

    def extra_repr(self):
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * len(self.padding):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.dilation):
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class Conv1d(_ConvNd):
    """Convolution of sequences (N, C, L) or (C, L). The weight has shape (out, in / groups, k)."""

    _dims = 1

    def forward(self, input):
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input, weight, bias):
        if self.padding_mode != "zeros":
            return F.conv1d(self._padded(input), weight, bias, self.stride, 0, self.dilation, self.groups)
        return F.conv1d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class Conv2d(_ConvNd):
    """Convolution of images (N, C, H, W) or (C, H, W). The weight has shape (out, in / groups, kH, kW)."""

    _dims = 2

    def forward(self, input):
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input, weight, bias):
        if self.padding_mode != "zeros":
            return F.conv2d(self._padded(input), weight, bias, self.stride, 0, self.dilation, self.groups)
        return F.conv2d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class Conv3d(_ConvNd):
    """Convolution of volumes (N, C, D, H, W) or (C, D, H, W). The weight has shape (out, in / groups, kD, kH, kW)."""

    _dims = 3

    def forward(self, input):
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input, weight, bias):
        if self.padding_mode != "zeros":
            return F.conv3d(self._padded(input), weight, bias, self.stride, 0, self.dilation, self.groups)
        return F.conv3d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


_FILES = {
    "_ConvTransposeNd": "conv_transpose",
    "ConvTranspose1d": "conv_transpose",
    "ConvTranspose2d": "conv_transpose",
    "ConvTranspose3d": "conv_transpose",
    "LazyConv1d": "lazy_conv",
    "LazyConv2d": "lazy_conv",
    "LazyConv3d": "lazy_conv",
    "LazyConvTranspose1d": "lazy_conv",
    "LazyConvTranspose2d": "lazy_conv",
    "LazyConvTranspose3d": "lazy_conv",
}
__getattr__ = forward(__name__, _FILES)
