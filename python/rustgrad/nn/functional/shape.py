"""Functions that only move elements: shuffles of pixels and channels, windows as columns and back."""

from typing import Any

from ..._rustgrad import int64, tensor
from .padding import pad as pad_input

__all__ = ["channel_shuffle", "fold", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle", "unfold"]


def pixel_shuffle(input, upscale_factor):
    """(..., C r^2, H, W) to (..., C, H r, W r): each r^2 channels become a square of pixels. Shi et al. 2016."""
    r = upscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={channels} is not divisible by {r * r}"
        )
    n = len(lead)
    x = input.reshape(*lead, channels // (r * r), r, r, height, width)
    x = x.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return x.reshape(*lead, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input, downscale_factor):
    """(..., C, H r, W r) to (..., C r^2, H, W): the inverse of `pixel_shuffle`."""
    r = downscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    for name, dim, size in (("height", -2, height), ("width", -1, width)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({dim})={size} is "
                f"not divisible by {r}"
            )
    n = len(lead)
    x = input.reshape(*lead, channels, height // r, r, width // r, r)
    x = x.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return x.reshape(*lead, channels * r * r, height // r, width // r)


def channel_shuffle(input, groups):
    """(N, C, ...) with the channels of `groups` groups taken in turn. Zhang et al. 2018."""
    if input.ndim <= 2:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    examples, channels = input.shape[:2]
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and {groups} groups."
        )
    x = input.reshape(examples, groups, channels // groups, *input.shape[2:])
    return x.transpose(1, 2).reshape(input.shape)


def native_channel_shuffle(input, groups):
    """Another name of `channel_shuffle`."""
    return channel_shuffle(input, groups)


# --- windows as columns


def _pair(name, value) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    values = [int(n) for n in value]
    if len(values) not in (1, 2):
        raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(values)}")
    return values[0], values[-1]


def _options(kernel_size, dilation, padding, stride):
    k, d = _pair("kernel_size", kernel_size), _pair("dilation", dilation)
    p, s = _pair("padding", padding), _pair("stride", stride)
    for what, short, pair in (("kernel size", "kernel", k), ("stride", "stride", s), ("dilation", "dilation", d)):
        if min(pair) <= 0:
            raise RuntimeError(
                f"{what} should be greater than zero, but got {short}_height: {pair[0]} {short}_width: {pair[1]}"
            )
    if min(p) < 0:
        raise RuntimeError(f"padding should be non-negative, but got pad_height: {p[0]} pad_width: {p[1]}")
    return k, d, p, s


def _blocks(sizes, k, d, p, s) -> list[int]:
    """How many windows fit in each dim."""
    return [(n + 2 * b - c * (a - 1) - 1) // e + 1 for n, a, c, b, e in zip(sizes, k, d, p, s)]


def _tuple(pair):
    return f"({pair[0]}, {pair[1]})"


def unfold(input, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1):
    """The windows of images (N, C, H, W) as columns (N, C kH kW, L); (C, H, W) gives (C kH kW, L).

    Raises RuntimeError for options that are not positive, and where no window fits.
    """
    k, d, p, s = _options(kernel_size, dilation, padding, stride)
    if input.ndim < 3:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-input.ndim}, {input.ndim - 1}], but got 2)"
        )
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {list(input.shape)}"
        )
    if input.ndim == 3:
        return unfold(input.unsqueeze(0), k, d, p, s).squeeze(0)
    n, c, h, w = input.shape
    blocks = _blocks((h, w), k, d, p, s)
    if min(blocks) < 1:
        raise RuntimeError(
            f"Given input with spatial size {_tuple((h, w))}, kernel_size={_tuple(k)}, dilation={_tuple(d)}, "
            f"padding={_tuple(p)}, calculated shape of the array of sliding blocks as {_tuple(blocks)}, but its "
            "components must be at least one."
        )
    x = (pad_input(input, (p[1], p[1], p[0], p[0])) if any(p) else input).contiguous()
    sn, sc, sh, sw = x.stride()
    view = x.as_strided((n, c, *k, *blocks), (sn, sc, sh * d[0], sw * d[1], sh * s[0], sw * s[1]))
    return view.reshape(n, c * k[0] * k[1], blocks[0] * blocks[1])


def fold(input, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1):
    """Columns (N, C kH kW, L) added up into images (N, C, H, W): the transpose of `unfold`.

    Raises RuntimeError where the columns are not those of images of `output_size`.
    """
    size = _pair("output_size", output_size)
    k, d, p, s = _options(kernel_size, dilation, padding, stride)
    if input.ndim not in (2, 3) or 0 in input.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(input.shape)}"
        )
    if input.ndim == 2:
        return fold(input.unsqueeze(0), size, k, d, p, s).squeeze(0)
    n, rows, columns = input.shape
    if rows % (k[0] * k[1]):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)"
            f"={rows} and kernel_size={_tuple(k)}."
        )
    blocks = _blocks(size, k, d, p, s)
    if blocks[0] * blocks[1] != columns:
        raise RuntimeError(
            f"Given output_size={_tuple(size)}, kernel_size={_tuple(k)}, dilation={_tuple(d)}, padding={_tuple(p)}, "
            f"stride={_tuple(s)}, expected size of input's dimension 2 to match the calculated number of sliding "
            f"blocks {blocks[0]} * {blocks[1]} = {blocks[0] * blocks[1]}, but got input.size(2)={columns}."
        )
    c = rows // (k[0] * k[1])
    height, width = size[0] + 2 * p[0], size[1] + 2 * p[1]
    places = [
        (i * d[0] + y * s[0]) * width + j * d[1] + x * s[1]
        for i in range(k[0])
        for j in range(k[1])
        for y in range(blocks[0])
        for x in range(blocks[1])
    ]
    index = tensor(places, dtype=int64, device=input.device).expand(n, c, len(places))
    total = input.new_zeros((n, c, height * width)).scatter_add(2, index, input.reshape(n, c, len(places)))
    return total.view(n, c, height, width)[:, :, p[0] : p[0] + size[0], p[1] : p[1] + size[1]].contiguous()
