"""`torch.ao.nn.quantized`: layers that take and give quantized tensors."""

from typing import Any

from ...._names import lookup as _lookup
from ...._quantized.dtypes import qint8, quint8
from ...._quantized.tensor import quantize_per_tensor
from ...._rustgrad import float32, int64
from ...._rustgrad.torch import cat, tensor, zeros
from ....nn import Identity, Module
from ....nn import functional as F
from .kernels import centred, exact, quantized_weight, requantized
from .packed import LinearPackedParams, QuantizedModule, copied
from .pointwise import LAYERS as _LAYERS

__all__ = ["Conv2d", "DeQuantize", "FloatFunctional", "Linear", "QFunctional", "Quantize"]


class Quantize(Module):
    """Makes float32 tensors quantized, by a fixed scale and zero."""

    scale: Any
    zero_point: Any

    def __init__(self, scale, zero_point, dtype, factory_kwargs=None):
        super().__init__()
        self.register_buffer("scale", tensor([float(scale)], dtype=float32))
        self.register_buffer("zero_point", tensor([int(zero_point)], dtype=int64))
        self.dtype = dtype

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """By what the observer of a QuantStub saw."""
        scale, zero_point = mod.activation_post_process.calculate_qparams()
        return cls(scale, zero_point, mod.activation_post_process.dtype)

    def forward(self, X):
        return quantize_per_tensor(X, float(self.scale), int(self.zero_point), self.dtype)

    def extra_repr(self) -> str:
        return f"scale={self.scale}, zero_point={self.zero_point}, dtype={self.dtype}"


class DeQuantize(Module):
    """Makes quantized tensors float32."""

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        return cls()

    def forward(self, Xq):
        return Xq.dequantize()


def _observed_weight(mod):
    observer = getattr(mod, "weight_fake_quant", None)
    if observer is None:
        observer = mod.qconfig.weight()
    # A moving average sees the weight once more, as in PyTorch.
    observer(mod.weight)
    if observer.dtype is not qint8:
        raise AssertionError(f"Weight observer must have dtype torch.qint8, got {observer.dtype}")
    return quantized_weight(mod.weight, observer)


class Linear(QuantizedModule):
    """A linear layer of quantized tensors."""

    _name, _relu = "QuantizedLinear", False

    def __init__(self, in_features, out_features, bias_=True, dtype=qint8):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        weight = quantize_per_tensor(zeros(out_features, in_features), 1.0, 0, qint8)
        self._packed_params = LinearPackedParams(weight, zeros(out_features) if bias_ else None)

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """The layer with the rounded weight of an observed nn.Linear, and the scale that its observer saw."""
        scale, zero_point = mod.activation_post_process.calculate_qparams()
        inner = mod[0] if hasattr(mod, "__getitem__") else mod
        if inner is not mod:
            inner.qconfig = mod.qconfig
        made = cls(inner.in_features, inner.out_features, inner.bias is not None)
        made._packed_params.set_weight_bias(_observed_weight(inner), inner.bias)
        made.scale, made.zero_point = float(scale), int(zero_point)
        return made

    def forward(self, x):
        weight, bias = self._packed_params._weight_bias()
        dtype = exact(self.in_features)
        sums = centred(x, dtype) @ weight._q.to(dtype).t()
        shape = [1] * (sums.dim() - 1) + [-1]
        return requantized(sums, x, weight, bias, self.scale, self.zero_point, self._relu, shape)

    def weight(self):
        """(out_features, in_features), quantized."""
        return self._packed_params._weight_bias()[0]

    def bias(self):
        """(out_features,) or None."""
        return self._packed_params._weight_bias()[1]

    def set_weight_bias(self, w, b):
        """Take another quantized weight, and a bias."""
        self._packed_params.set_weight_bias(w, b)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, scale={self.scale}, "
            f"zero_point={self.zero_point}, qscheme={self.weight().qscheme()}"
        )


class Conv2d(QuantizedModule):
    """A convolution of quantized images."""

    _name, _relu = "QuantizedConv2d", False
    _weight: Any
    _bias: Any

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups=1,
        bias=True,
        padding_mode="zeros",
    ):
        super().__init__()
        if padding_mode != "zeros":
            raise NotImplementedError(f"Conv2d: quantized convolutions pad with zeros, not by {padding_mode!r}")
        pair = [x if isinstance(x, tuple) else (x, x) for x in (kernel_size, stride, dilation)]
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride, self.dilation = pair
        self.padding = padding if isinstance(padding, (tuple, str)) else (padding, padding)
        weight = zeros(out_channels, in_channels // groups, *self.kernel_size)
        object.__setattr__(self, "_weight", quantize_per_tensor(weight, 1.0, 0, qint8))
        object.__setattr__(self, "_bias", copied(zeros(out_channels)) if bias else None)

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """The layer with the rounded weight of an observed nn.Conv2d, and the scale that its observer saw."""
        from ...quantization.fuse import with_norm_inside

        scale, zero_point = mod.activation_post_process.calculate_qparams()
        inner = mod[0] if hasattr(mod, "__getitem__") else mod
        if inner is not mod:
            inner.qconfig = mod.qconfig
        if hasattr(inner, "bn"):
            inner = with_norm_inside(inner)
        made = cls(
            inner.in_channels,
            inner.out_channels,
            inner.kernel_size,
            inner.stride,
            inner.padding,
            inner.dilation,
            inner.groups,
            inner.bias is not None,
            inner.padding_mode,
        )
        made.set_weight_bias(_observed_weight(inner), inner.bias)
        made.scale, made.zero_point = float(scale), int(zero_point)
        return made

    def forward(self, input):
        if input.dim() != 4:
            raise ValueError("Input shape must be `(N, C, H, W)`!")
        weight = self._weight
        terms = 1
        for n in weight.shape[1:]:
            terms *= n
        dtype = exact(terms)
        x = centred(input, dtype)
        sums = F.conv2d(x, weight._q.to(dtype), None, self.stride, self.padding, self.dilation, self.groups)
        shape = [1, -1, 1, 1]
        return requantized(sums, input, weight, self._bias, self.scale, self.zero_point, self._relu, shape)

    def weight(self):
        """(out_channels, in_channels / groups, height, width), quantized."""
        return self._weight

    def bias(self):
        """(out_channels,) or None."""
        return self._bias

    def set_weight_bias(self, w, b):
        """Take another quantized weight, and a bias."""
        object.__setattr__(self, "_weight", w)
        object.__setattr__(self, "_bias", copied(b))

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        text += f", scale={self.scale}, zero_point={self.zero_point}"
        if self.padding not in ((0, 0),):
            text += f", padding={self.padding}"
        if self.dilation != (1, 1):
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        return text if self._bias is not None else text + ", bias=False"

    def _parts(self, prefix):
        return {f"{prefix}weight": self._weight, f"{prefix}bias": self._bias}

    def _take_parts(self, state_dict, prefix):
        missing = [name for name in ("weight", "bias") if f"{prefix}{name}" not in state_dict]
        if not missing:
            self.set_weight_bias(state_dict[f"{prefix}weight"], state_dict[f"{prefix}bias"])
        return missing


class FloatFunctional(Module):
    """Additions and kin as a layer, so that what they give is observed: `self.ff.add(x, y)` for `x + y`."""

    def __init__(self):
        super().__init__()
        self.activation_post_process = Identity()

    def forward(self, x):
        raise RuntimeError("FloatFunctional is not intended to use the 'forward'. Please use the underlying operation")

    def _given(self, y):
        return self.activation_post_process(y)

    def add(self, x, y):
        return self._given(x + y)

    def add_scalar(self, x, y):
        return x + y

    def mul(self, x, y):
        return self._given(x * y)

    def mul_scalar(self, x, y):
        return x * y

    def cat(self, x, dim=0):
        return self._given(cat(x, dim))

    def add_relu(self, x, y):
        return self._given(F.relu(x + y))

    def matmul(self, x, y):
        return self._given(x @ y)


class QFunctional(FloatFunctional):
    """FloatFunctional of quantized tensors: what it gives has its `scale` and `zero_point`."""

    def __init__(self):
        super().__init__()
        self.scale, self.zero_point = 1.0, 0

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """With the scale that the observer of a FloatFunctional saw."""
        scale, zero_point = mod.activation_post_process.calculate_qparams()
        made = cls()
        made.scale, made.zero_point = float(scale), int(zero_point)
        return made

    def _get_name(self):
        return "QFunctional"

    def extra_repr(self) -> str:
        return f"scale={self.scale}, zero_point={self.zero_point}"

    def _rounded(self, y):
        return quantize_per_tensor(y, self.scale, self.zero_point, quint8)

    def add(self, x, y):
        return self._rounded(x.dequantize() + y.dequantize())

    def mul(self, x, y):
        return self._rounded(x.dequantize() * y.dequantize())

    def add_relu(self, x, y):
        return self._rounded(F.relu(x.dequantize() + y.dequantize()))

    def cat(self, x, dim=0):
        return self._rounded(cat([one.dequantize() for one in x], dim))

    def matmul(self, x, y):
        return self._rounded(x.dequantize() @ y.dequantize())

    def add_scalar(self, x, y):
        return quantize_per_tensor(x.dequantize() + y, x.q_scale(), x.q_zero_point(), x.dtype)

    def mul_scalar(self, x, y):
        return quantize_per_tensor(x.dequantize() * y, x.q_scale() * y, x.q_zero_point(), x.dtype)


globals().update({kind.__name__: layer for kind, layer in _LAYERS.items()})

from . import dynamic as dynamic  # noqa: E402  (takes the layers' parts from here)

__getattr__ = _lookup("torch.ao.nn.quantized")
