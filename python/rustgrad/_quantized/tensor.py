"""Quantized tensors: integers, and the scale and the zero that make numbers of them.

A quantized tensor is a Tensor on `meta`, which has the shape, with a dense one of integers. Every call that has one
among its arguments comes to `__torch_function__`; what ops do then stands in `ops.py`.
"""

from collections.abc import Callable
from typing import Any

from .. import _rustgrad
from .._rustgrad import Tensor
from .._rustgrad.torch import empty, tensor
from .._tensor_str import _add_suffixes, _tensor_str
from ..overrides import DisableTorchFunctionSubclass
from .dtypes import QDType, per_channel_affine, per_tensor_affine, qint8, qint32, quint8

__all__ = [
    "Quantized",
    "chosen",
    "dequantize",
    "quantize_per_channel",
    "quantize_per_tensor",
    "quantize_per_tensor_dynamic",
]

functions: dict[str, Callable[..., Any]] = {}

_PLAIN = frozenset(
    "__len__ __hash__ __dir__ __init__ dim ndimension ndim numel nelement size shape stride storage_offset "
    "is_floating_point is_complex is_same_size is_contiguous is_leaf requires_grad grad grad_fn is_inference is_conj "
    "is_neg is_sparse is_nested names has_names layout".split()
)


class Quantized(Tensor):
    """A tensor of a quantized dtype. Made by `quantize_per_tensor` and `quantize_per_channel`."""

    _q: Tensor
    _dtype: QDType
    _scale: Any
    _zero: Any
    _axis: int | None

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name: str = func.__name__
        if name == "__get__":
            name = str(func.__self__.__name__)
        if name in functions:
            return functions[name](*args, **(kwargs or {}))
        if hasattr(func, "__wrapped__"):
            return func.__wrapped__(*args, **(kwargs or {}))
        if name in _PLAIN or func.__name__ in ("__get__", "__set__"):
            with DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        raise NotImplementedError(
            f"Could not run 'aten::{name.strip('_')}' with arguments from the 'QuantizedCPU' backend.\n"
            f"hint: {name} is not there for quantized tensors; x.dequantize() has their numbers, and DeQuantStub marks "
            "where a model goes on with them"
        )

    def __reduce_ex__(self, _protocol):
        return _rebuilt, (self._q, self._dtype, self._scale, self._zero, self._axis)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = with_ints(self, self._q.clone())
        return memo[id(self)]

    def __copy__(self):
        return with_ints(self, self._q)

    def __repr__(self, *, tensor_contents=None) -> str:
        indent = len("tensor(")
        suffixes = [f"size={tuple(self.shape)}", f"dtype={self._dtype}", f"quantization_scheme={self.qscheme()}"]
        if self._axis is None:
            suffixes += [f"scale={self._scale}", f"zero_point={self._zero}"]
        else:
            suffixes += [f"scale={self._scale}", f"zero_point={self._zero}", f"axis={self._axis}"]
        text = _tensor_str(self.dequantize(), indent) if self.numel() else "[]"
        return _add_suffixes("tensor(" + text, suffixes, indent, False)

    def __format__(self, spec: str) -> str:
        return repr(self) if not spec else format(repr(self), spec)

    @property
    def dtype(self) -> Any:
        return self._dtype

    @property
    def device(self):
        return self._q.device

    @property
    def is_quantized(self) -> bool:
        return True

    @property
    def is_meta(self) -> bool:
        return self._q.is_meta

    @property
    def is_cpu(self) -> bool:
        return self._q.is_cpu

    @property
    def is_cuda(self) -> bool:
        return self._q.is_cuda

    def dequantize(self) -> Tensor:
        """The numbers, float32."""
        if self._axis is None:
            return (self._q.float() - float(self._zero)) * self._scale
        shape = [-1 if d == self._axis else 1 for d in range(self.dim())]
        zero, scale = self._zero.float().view(shape), self._scale.float().view(shape)
        return (self._q.float() - zero) * scale

    def int_repr(self) -> Tensor:
        """The integers."""
        return self._q.clone()

    def qscheme(self):
        """Whether all numbers have one scale, or each channel its own."""
        return per_tensor_affine if self._axis is None else per_channel_affine

    def q_scale(self) -> float:
        """The scale of all numbers. RuntimeError where each channel has its own."""
        if self._axis is not None:
            raise RuntimeError("Expected quantizer->qscheme() == kPerTensorAffine to be true, but got false.")
        return self._scale

    def q_zero_point(self) -> int:
        """The integer that stands for 0. RuntimeError where each channel has its own."""
        self.q_scale()
        return self._zero

    def _of_channels(self):
        if self._axis is None:
            raise RuntimeError("Expected quantizer->qscheme() == kPerChannelAffine to be true, but got false.")
        return self

    def q_per_channel_scales(self) -> Tensor:
        """(channels,) float64. RuntimeError where all numbers have one scale."""
        return self._of_channels()._scale

    def q_per_channel_zero_points(self) -> Tensor:
        """(channels,) int64. RuntimeError where all numbers have one."""
        return self._of_channels()._zero

    def q_per_channel_axis(self) -> int:
        """The dim of the channels. RuntimeError where all numbers have one scale."""
        axis = self._of_channels()._axis
        return 0 if axis is None else axis


def made(ints: Tensor, dtype: QDType, scale, zero, axis: int | None = None) -> Quantized:
    """A quantized tensor of checked parts."""
    x = empty(ints.shape, dtype=ints.dtype, device="meta").as_subclass(Quantized)
    x._q, x._dtype, x._scale, x._zero, x._axis = ints, dtype, scale, zero, axis
    return x


def _rebuilt(ints, dtype, scale, zero, axis) -> Quantized:
    """A quantized tensor of saved parts."""
    return made(ints, dtype, scale, zero, axis)


def with_ints(x: Quantized, ints: Tensor) -> Quantized:
    """Other integers with the scale of `x`."""
    return made(ints, x._dtype, x._scale, x._zero, x._axis)


def _check(input, dtype) -> QDType:
    if dtype not in (qint8, quint8, qint32):
        raise RuntimeError(f"ScalarType {getattr(dtype, '_scalar_name', dtype)} is not supported in new_qtensor.")
    if input.dtype != _rustgrad.float32:
        raise RuntimeError(f"Quantize only works on Float Tensor, got {input.dtype._scalar_name}")
    return dtype


def _rounded(x: Tensor, scale, zero, dtype: QDType) -> Tensor:
    y = (x.detach() * (1.0 / scale) + zero).round()
    if dtype is qint32:
        y = y.double()
    return y.clamp(dtype.lowest, dtype.highest).to(dtype.holds)


def quantize_per_tensor(input, scale, zero_point, dtype) -> Any:
    """`round(input / scale) + zero_point` as integers of `dtype` (`quint8`, `qint8`, `qint32`), cut to its range.

    input: float32, or a list of tensors with tensors of as many scales and zeros. Raises RuntimeError for other dtypes,
    and for a `zero_point` out of range.
    """
    if isinstance(input, (list, tuple)):
        pairs = zip(input, scale.tolist(), zero_point.tolist())
        return tuple(quantize_per_tensor(x, s, z, dtype) for x, s, z in pairs)
    dtype = _check(input, dtype)
    scale, zero = float(scale), int(zero_point)
    if zero > dtype.highest:
        raise RuntimeError(f"quantize_tensor_per_tensor_affine zero_point {zero} is above upper bound.")
    if zero < dtype.lowest:
        raise RuntimeError(f"quantize_tensor_per_tensor_affine zero_point {zero} is below lower bound.")
    inverse = tensor(scale, dtype=_rustgrad.float32)
    return made(_rounded(input, inverse, float(zero), dtype), dtype, scale, zero)


def quantize_per_channel(input, scales, zero_points, axis, dtype):
    """As `quantize_per_tensor`, with a scale and a zero for each place along dim `axis`, 1-d each."""
    dtype = _check(input, dtype)
    channels = input.shape[axis]
    if scales.numel() != channels or zero_points.numel() != channels:
        raise RuntimeError("length of scales must equal to the number of channels, and so must that of zero_points")
    axis %= input.dim()
    shape = [-1 if d == axis else 1 for d in range(input.dim())]
    ints = _rounded(input, scales.float().view(shape), zero_points.float().view(shape), dtype)
    return made(ints, dtype, scales.detach().double(), zero_points.detach().long(), axis)


def chosen(low: float, high: float, lowest: int, highest: int, symmetric: bool = False) -> tuple[float, int]:
    """The scale and the zero by which numbers from `low` to `high` fill integers from `lowest` to `highest`."""
    low, high = min(low, 0.0), max(high, 0.0)
    if symmetric and low < 0 < high:
        bound = max(-low / (-lowest if lowest else 1), high / highest)
        low, high = lowest * bound, highest * bound
    scale = (high - low) / (highest - lowest)
    if scale == 0.0 or 1.0 / scale == float("inf"):
        scale = 0.1
    smallest = 6.0999998822808266e-05  # 6.1e-5 in float32, below which PyTorch's kernels lose bits
    if scale < smallest:
        former, scale = scale, smallest
        if low == 0.0:
            high = smallest * (highest - lowest)
        elif high == 0.0:
            low = -smallest * (highest - lowest)
        else:
            low, high = low * smallest / former, high * smallest / former
    from_low, from_high = lowest - low / scale, highest - high / scale
    better_low = abs(lowest) + abs(low / scale) < abs(highest) + abs(high / scale)
    zero = from_low if better_low else from_high
    if symmetric and low < 0 < high:
        zero = (lowest + highest) / 2
    return scale, max(lowest, min(highest, round(zero)))


def quantize_per_tensor_dynamic(input, dtype, reduce_range: bool):
    """As `quantize_per_tensor`, with the scale and the zero that fit the numbers of `input`.

    reduce_range: half of the range only, so that sums of products fit 16 bits.
    """
    dtype = _check(input, dtype)
    lowest, highest = dtype.lowest, dtype.highest
    if reduce_range:
        lowest, highest = lowest // 2, highest // 2
    low, high = (float(x) for x in input.detach().aminmax()) if input.numel() else (0.0, 0.0)
    scale, zero = chosen(low, high, lowest, highest)
    return quantize_per_tensor(input, scale, zero, dtype)


def dequantize(tensors):
    """The numbers of a quantized tensor, float32, or of each in a list; other tensors as float32."""
    if isinstance(tensors, (list, tuple)):
        return tuple(dequantize(x) for x in tensors)
    return tensors.dequantize()


from . import ops as ops  # noqa: E402  (fills the table)
