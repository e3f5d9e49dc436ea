"""Products of integers, as layers that are quantized compute them: exact sums, rounded once."""

from ...._quantized.dtypes import quint8
from ...._quantized.tensor import Quantized, chosen
from ...._quantized.tensor import made as made_quantized
from ...._rustgrad import float32, float64
from ...._rustgrad.torch import tensor

__all__ = ["centred", "dynamic_linear", "exact", "quantized_weight", "requantized"]


def exact(terms: int):
    """The dtype in which sums of `terms` products of bytes are exact."""
    return float32 if terms * 255 * 128 < 1 << 24 else float64


def centred(x: Quantized, dtype):
    """The integers less the one that stands for 0."""
    return x._q.to(dtype) - float(x.q_zero_point())


def dynamic_linear(x, weight: Quantized, bias):
    """`x @ weight.T + bias` with `x` rounded to 7 bits that fit its numbers: float32 in, float32 out."""
    low, high = (float(v) for v in x.detach().aminmax()) if x.numel() else (0.0, 0.0)
    scale, zero = chosen(low, high, 0, 127)
    dtype = exact(x.shape[-1])
    ints = (x.detach() * (1.0 / tensor(scale, dtype=float32)) + float(zero)).round().clamp(0, 127).to(dtype) - zero
    sums = (ints @ weight._q.to(dtype).t()).float()
    y = sums * (tensor(scale, dtype=float32) * weight_scales(weight))
    return y if bias is None else y + bias.detach()


def weight_scales(weight: Quantized):
    """The scale of the weight: one number, or (channels,), float32."""
    return tensor(weight._scale, dtype=float32) if weight._axis is None else weight._scale.float()


def requantized(sums, x: Quantized, weight: Quantized, bias, scale, zero, relu: bool, shape) -> Quantized:
    """Integers of a scale of their own from exact sums; `shape` lays what each channel has beside the sums."""
    both = (tensor(x.q_scale(), dtype=float32) * weight_scales(weight)).reshape(-1)
    y = sums.float()
    if bias is not None:
        y = y + (bias.detach() / both).reshape(shape)
    ints = (y * (both / tensor(scale, dtype=float32)).reshape(shape if both.numel() > 1 else [1] * y.dim())).round()
    ints = (ints + zero).clamp(zero if relu else 0, 255)
    return made_quantized(ints.to(quint8.holds), quint8, float(scale), int(zero))


def quantized_weight(weight, observer) -> Quantized:
    """A float weight as integers of the scale that its observer found."""
    from ...._quantized.tensor import quantize_per_channel, quantize_per_tensor

    scale, zero = observer.calculate_qparams()
    if "channel" in repr(observer.qscheme):
        return quantize_per_channel(weight.detach().float(), scale, zero, observer.ch_axis, observer.dtype)
    return quantize_per_tensor(weight.detach().float(), float(scale), int(zero), observer.dtype)
