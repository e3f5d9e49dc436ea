"""Numbers rounded as quantization would, still floats, with straight-through gradients."""

from typing import Any

from .. import _rustgrad
from .._rustgrad import Tensor
from .._rustgrad.torch import as_tensor
from ..autograd import Function
from ..nn._compose import shown

__all__ = ["fake_quantize_per_channel_affine", "fake_quantize_per_tensor_affine"]


class _Straight(Function):
    @staticmethod
    def forward(ctx: Any, x, scale, zero, quant_min, quant_max):
        ints = (x.float() * (1.0 / scale)).round() + zero
        ctx.save_for_backward((ints >= quant_min) & (ints <= quant_max))
        return ((ints.clamp(quant_min, quant_max) - zero) * scale).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads):
        return grads[0] * ctx.saved_tensors[0], None, None, None, None


def _check(quant_min: int, quant_max: int) -> None:
    if quant_min > quant_max:
        raise RuntimeError(
            f"`quant_min` should be less than or equal to `quant_max`, but got {quant_min} and {quant_max}"
        )


def fake_quantize_per_tensor_affine(input, scale, zero_point, quant_min: int, quant_max: int) -> Any:
    """`(clamp(round(input / scale) + zero_point, quant_min, quant_max) - zero_point) * scale`.

    scale, zero_point: numbers, or tensors of one element. The gradient passes where nothing was cut, and is 0 else.
    Raises RuntimeError where `quant_min` is above `quant_max`.
    """
    _check(quant_min, quant_max)
    kind = "TensorQparams" if isinstance(scale, Tensor) else ""
    scale = as_tensor(scale, dtype=_rustgrad.float32, device=input.device).detach().reshape(())
    zero = as_tensor(zero_point, device=input.device).detach().reshape(()).float()
    y = _Straight.apply(input, scale, zero, quant_min, quant_max)
    return shown(f"FakeQuantizePerTensorAffineCachemask{kind}Backward0", y, input)


def fake_quantize_per_channel_affine(input, scale, zero_point, axis: int, quant_min: int, quant_max: int) -> Any:
    """As `fake_quantize_per_tensor_affine`, with a scale and a zero for each place along dim `axis`, 1-d.

    zero_point: int32, or floats. Raises RuntimeError for other dtypes, and for another number of scales than of places.
    """
    _check(quant_min, quant_max)
    if zero_point.dtype not in (_rustgrad.int32, _rustgrad.float32, _rustgrad.float16):
        raise RuntimeError(f"Zero-point must be Int32, Float or Half, found {zero_point.dtype._scalar_name}")
    if scale.numel() != input.shape[axis] or zero_point.numel() != input.shape[axis]:
        raise RuntimeError("dimensions of scale or zero-point are not consistent with input tensor")
    shape = [-1 if d == axis % input.dim() else 1 for d in range(input.dim())]
    y = _Straight.apply(
        input, scale.detach().float().view(shape), zero_point.detach().float().view(shape), quant_min, quant_max
    )
    return shown("FakeQuantizePerChannelAffineCachemaskBackward0", y, input)
