"""Transposed convolution of volumes: the gradient of a convolution with respect to its input, as a function."""

from itertools import product
from typing import Any

from ..._rustgrad import int64
from ..._rustgrad.torch import _tied, is_grad_enabled, is_inference_mode_enabled
from ..._rustgrad.torch import complex as make_complex
from ...autograd import grad
from ...grad_mode import enable_grad, inference_mode
from ...overrides import overridable
from .._autocast import cast_lower
from .._compose import scalar_name, shown
from .conv import check_bias, check_rank, check_steps, conv3d, repeated

__all__ = ["conv_transpose3d"]

_AXES = ("depth", "height", "width")


def _check(input, weight, bias, groups, dims):
    shape, sizes = [*input.shape], [*weight.shape]
    if weight.ndim != dims + 2:
        raise RuntimeError(
            f"Expected {weight.ndim}-dimensional input for {weight.ndim}-dimensional weight {sizes}, but got "
            f"{input.ndim}-dimensional input of size {shape} instead"
        )
    if sizes[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size [{sizes}] instead"
        )
    shape = shape if input.ndim == dims + 2 else [1, *shape]
    if shape[1] != sizes[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {sizes}, expected input{shape} to have {sizes[0]} channels, but got "
            f"{shape[1]} channels instead"
        )
    check_bias(weight, bias, sizes[1] * groups, transposed=True)


def _check_output_padding(output_padding, stride, dilation, dims):
    if min(output_padding) < 0:
        raise RuntimeError("negative output_padding is not supported")
    if any(more >= max(step, gap) for more, step, gap in zip(output_padding, stride, dilation)):
        values = {"output_padding": output_padding, "stride": stride, "dilation": dilation}
        axes = _AXES[3 - max(dims, 2) :]
        # A sequence is an image of one row.
        filled = {name: ((0 if name == "output_padding" else 1),) * (dims == 1) + v for name, v in values.items()}
        text = " ".join(f"{name}_{axis}: {n}" for name, v in filled.items() for axis, n in zip(axes, v))
        raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got {text}")


def _whole(x, weight, stride, padding, dilation, groups, sizes):
    """Of integers: each element of the kernel times the input, added where it belongs."""
    count, channels = x.shape[0], weight.shape[1]
    room = [n + 2 * margin for n, margin in zip(sizes, padding)]
    out = x.new_zeros((count, groups, channels, *room))
    flat = x.reshape(count, groups, x.shape[1] // groups, -1)
    kernel = weight.reshape(groups, -1, *weight.shape[1:])
    for at in product(*map(range, weight.shape[2:])):
        part = kernel[(..., *at)].transpose(1, 2) @ flat
        spans = [
            slice(i * gap, i * gap + (n - 1) * step + 1, step)
            for i, gap, n, step in zip(at, dilation, x.shape[2:], stride)
        ]
        out[(..., *spans)] += part.reshape(count, groups, channels, *x.shape[2:])
    kept = tuple(slice(margin, margin + n) for margin, n in zip(padding, sizes))
    return out.flatten(1, 2)[(..., *kept)].contiguous()


def _transposed(dims, input, weight, bias, stride, padding, output_padding, groups, dilation):
    batched = check_rank(f"conv_transpose{dims}d", input, dims)
    groups = int(groups)
    named = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    stride, padding, output_padding, dilation = (repeated(name, value, dims) for name, value in named.items())
    if min(padding) < 0:
        raise RuntimeError("negative padding is not supported")
    check_steps(stride, dilation, groups, dims)
    _check(input, weight, bias, groups, dims)
    _check_output_padding(output_padding, stride, dilation, dims)
    if input.dtype != weight.dtype:
        raise RuntimeError(f"Input type ({input.type()}) and weight type ({weight.type()}) should be the same")
    if input.is_complex():
        options = stride, padding, output_padding, groups, dilation
        (xr, xi), (wr, wi) = ((t.real, t.imag) for t in (input, weight))
        pairs = (xr, wr), (xi, wi), (xr + xi, wr + wi)
        re, im, both = (_transposed(dims, x, w, None, *options) for x, w in pairs)
        out = make_complex(re - im, both - re - im)
        return out if bias is None else out + _tied(bias, [input, weight]).view(-1, *[1] * dims)
    if not input.is_floating_point() and input.dtype != int64:
        kernel = "slow_conv_transpose3d_out_cpu"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(input.dtype)}'")
    x = input if batched else input.unsqueeze(0)
    sizes = [
        (n - 1) * step - 2 * margin + gap * (k - 1) + more + 1
        for n, k, step, margin, more, gap in zip(
            x.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation
        )
    ]
    if min(sizes) <= 0:
        raise RuntimeError(
            f"Given input size per channel: ({' x '.join(map(str, x.shape[2:]))}). Calculated output size per channel: "
            f"({' x '.join(map(str, sizes))}). Output size is too small"
        )
    if input.dtype == int64:
        out = _whole(x, weight, stride, padding, dilation, groups, sizes)
        out = out if bias is None else out + bias.view(-1, *[1] * dims)
        return out if batched else out.squeeze(0)
    recorded = is_grad_enabled() and not is_inference_mode_enabled() and (x.requires_grad or weight.requires_grad)
    # (In inference mode nothing is recorded, not even here, and its tensors cannot be saved.)
    with inference_mode(False) if is_inference_mode_enabled() else enable_grad():
        # A convolution is linear in its input, so that its gradient is the same wherever it is taken.
        place = x.new_zeros((x.shape[0], weight.shape[1] * groups, *sizes)).requires_grad_()
        kernel = weight if recorded else weight.clone() if weight.is_inference() else weight.detach()
        value = conv3d(place, kernel, None, stride, padding, dilation, groups)
        for dim, size in enumerate(x.shape[2:], 2):
            # With gaps between the kernel's elements, output_padding may leave room for more steps than there were.
            value = value.narrow(dim, 0, size) if value.shape[dim] > size else value
        out: Any = grad(value, [place], x, create_graph=recorded)[0]
    if bias is not None:
        out = out + _tied(bias, [input, weight]).view(-1, *[1] * dims)
    out = shown("ConvolutionBackward0", out, input, weight, bias)
    return out if batched else out.squeeze(0)


@overridable
@cast_lower
def conv_transpose3d(
    input,
    weight,
    bias=None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: Any = 1,
    dilation: Any = 1,
):
    """Transposed convolution of volumes: input (N, C, D, H, W) or (C, D, H, W), weight (C, O / groups, kD, kH, kW).

    For the rest see `conv_transpose1d`.
    """
    return _transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)
