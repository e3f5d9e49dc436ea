"""Functions that only move elements: shuffles of pixels and channels."""

from ...overrides import overridable
from .._compose import laid_out_like, shown

__all__ = ["channel_shuffle", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


@overridable
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
    x = laid_out_like(x.reshape(*lead, channels // (r * r), height * r, width * r), input)
    return shown("PixelShuffleBackward0", x, input)


@overridable
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
    x = laid_out_like(x.reshape(*lead, channels * r * r, height // r, width // r), input)
    return shown("PixelUnshuffleBackward0", x, input)


@overridable
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
    x = laid_out_like(x.transpose(1, 2).reshape(input.shape), input)
    return shown("ChannelShuffleBackward0", x, input)


@overridable
def native_channel_shuffle(input, groups):
    """Another name of `channel_shuffle`."""
    return channel_shuffle(input, groups)


# --- windows as columns
