"""Convolutions of other ranks than the extension's, by way of conv2d."""

from typing import Any

from ..._rustgrad.nn import conv2d

__all__ = ["conv1d"]


def _single(name, value) -> int:
    if isinstance(value, (tuple, list)):
        if len(value) != 1:
            raise RuntimeError(
                f"expected {name} to be a single integer value or a list of 1 values to match the convolution "
                f"dimensions, but got {name}={list(value)}"
            )
        return value[0]
    return value


def conv1d(input, weight, bias=None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1):
    """Cross-correlation of sequences with kernels.

    input: (N, C, L) or (C, L); weight: (O, C / groups, k); bias: (O,). Returns (N, O, L') with L' = (L + 2 padding -
    dilation (k - 1) - 1) / stride + 1, rounded down. `padding` may be "valid" (none) or "same" (the output has the size
    of the input; stride 1 only). Raises RuntimeError where sizes, groups or dtypes do not fit.
    """
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2D (unbatched) or 3D (batched) input to conv1d, but got input of size: {list(input.shape)}"
        )
    if weight.ndim != 3:
        raise RuntimeError(
            "weight should have at least three dimensions: expected (out, in / groups, k), but got "
            f"{list(weight.shape)}"
        )
    groups = int(groups)
    if groups > 0 and input.shape[-2] != weight.shape[1] * groups:
        shape = list(input.shape) if input.ndim == 3 else [1, *input.shape]
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected input{shape} to have "
            f"{weight.shape[1] * groups} channels, but got {input.shape[-2]} channels instead"
        )
    step, gap = _single("stride", stride), _single("dilation", dilation)
    margin = padding if isinstance(padding, str) else (0, _single("padding", padding))
    if not isinstance(padding, str):
        reach, room = gap * (weight.shape[2] - 1) + 1, input.shape[-1] + 2 * margin[1]
        if room < reach:
            raise RuntimeError(
                f"Calculated padded input size per channel: ({room}). Kernel size: ({reach}). Kernel size can't be "
                "greater than actual input size"
            )
    # A sequence is an image of one row.
    out = conv2d(input.unsqueeze(-2), weight.unsqueeze(-2), bias, (1, step), margin, (1, gap), groups)
    return out.squeeze(-2)
