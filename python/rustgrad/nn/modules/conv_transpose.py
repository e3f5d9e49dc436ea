"""Transposed convolutions, which undo the sizes of convolutions."""

from .. import functional as F
from .conv import _ConvNd
from .places import place

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


class _ConvTransposeNd(_ConvNd):
    """A transposed convolution over the last `_dims` dims. The weight has shape (in, out / groups, *kernel_size)."""

    transposed = True

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups=1,
        bias=True,
        dilation=1,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ) -> None:
        if padding_mode != "zeros":
            # The lazy forms stand in front of the class that is named here.
            raise ValueError(f'Only "zeros" padding mode is supported for ConvTranspose{self._dims}d')
        if isinstance(padding, str):
            raise ValueError(f"padding has to be numbers for transposed convolutions, not {padding!r}")
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
            output_padding,
        )

    def _output_padding(self, input, output_size, stride, padding, kernel_size, num_spatial_dims, dilation=None):
        """How much to add to the sizes of the output, so that they become `output_size`. ValueError if that fails."""
        if output_size is None:
            return self.output_padding
        dims = num_spatial_dims
        batched = input.ndim == dims + 2
        leading = 2 if batched else 1
        output_size = [*output_size]
        if len(output_size) == dims + leading:
            output_size = output_size[leading:]
        if len(output_size) != dims:
            raise ValueError(
                f"ConvTranspose{dims}D: for {input.ndim}D input, output_size must have {dims} or {dims + leading} "
                f"elements (got {len(output_size)})"
            )
        gaps = (1,) * dims if dilation is None else dilation
        smallest = [
            (n - 1) * step - 2 * margin + gap * (k - 1) + 1
            for n, step, margin, gap, k in zip(input.shape[leading:], stride, padding, gaps, kernel_size)
        ]
        largest = [n + step - 1 for n, step in zip(smallest, stride)]
        if any(not low <= size <= high for low, size, high in zip(smallest, output_size, largest)):
            raise ValueError(
                f"requested an output size of {output_size}, but valid sizes range from {smallest} to {largest} (for "
                f"an input of {input.shape[2:]})"
            )
        return [size - low for size, low in zip(output_size, smallest)]

    def _transposed(self, function, input, output_size):
        more = self._output_padding(
            input, output_size, self.stride, self.padding, self.kernel_size, self._dims, self.dilation
        )
        return function(input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation)


class ConvTranspose1d(_ConvTransposeNd):
    """Transposed convolution of sequences (N, C, L) or (C, L). The weight has shape (in, out / groups, k).

    Raises ValueError for a padding_mode other than "zeros", and for groups that do not divide both numbers of channels.
    """

    _dims = 1

    def forward(self, input, output_size=None):
        """Convolve `input`; output_size: the wanted sizes of the output, where the stride leaves a choice."""
        return self._transposed(F.conv_transpose1d, input, output_size)


class ConvTranspose2d(_ConvTransposeNd):
    """Transposed convolution of images (N, C, H, W) or (C, H, W). The weight has shape (in, out / groups, kH, kW).

    Raises ValueError for a padding_mode other than "zeros", and for groups that do not divide both numbers of channels.
    """

    _dims = 2

    def forward(self, input, output_size=None):
        """Convolve `input`; output_size: the wanted sizes of the output, where the stride leaves a choice."""
        return self._transposed(F.conv_transpose2d, input, output_size)


class ConvTranspose3d(_ConvTransposeNd):
    """Transposed convolution of volumes (N, C, D, H, W) or (C, D, H, W). The weight has shape (in, out / groups, kD,
    kH, kW).

    Raises ValueError for a padding_mode other than "zeros", and for groups that do not divide both numbers of channels.
    """

    _dims = 3

    def forward(self, input, output_size=None):
        """Convolve `input`; output_size: the wanted sizes of the output, where the stride leaves a choice."""
        return self._transposed(F.conv_transpose3d, input, output_size)


place(__all__, globals(), "conv")
place(["_ConvTransposeNd"], globals(), "conv")
