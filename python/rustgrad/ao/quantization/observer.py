"""Observers: modules that pass tensors on and remember between which numbers they lie."""

import warnings
from functools import partial
from typing import Any

from ..._names import lookup as _lookup
from ..._quantized.dtypes import (
    per_channel_affine,
    per_channel_symmetric,
    per_tensor_affine,
    per_tensor_symmetric,
    qint8,
    quint8,
)
from ..._rustgrad import Tensor, float32, int32, int64
from ..._rustgrad.torch import maximum, minimum, tensor, zeros
from ...limits import finfo
from ...nn import Module

__all__ = [
    "MinMaxObserver",
    "MovingAverageMinMaxObserver",
    "MovingAveragePerChannelMinMaxObserver",
    "NoopObserver",
    "ObserverBase",
    "PerChannelMinMaxObserver",
    "PlaceholderObserver",
    "UniformQuantizationObserverBase",
]

_EPS = finfo(float32).eps


class _Partial:
    """A class with some of its arguments, as a qconfig holds it: called, it makes an observer."""

    def __init__(self, p):
        self.p = p

    def __call__(self, *args, **kwargs):
        return self.p(*args, **kwargs)

    def with_args(self, **kwargs):
        """With further arguments."""
        return _Partial(partial(self.p, **kwargs))

    with_callable_args = with_args

    def __repr__(self) -> str:
        return f"{self.p!r}{{}}"


class ObserverBase(Module):
    """The base of observers. `dtype`: of the tensors that will be quantized."""

    def __init__(self, dtype, is_dynamic=False):
        super().__init__()
        self.dtype, self.is_dynamic = dtype, is_dynamic

    @classmethod
    def with_args(cls, **kwargs):
        """The class with some of its arguments, for a QConfig."""
        return _Partial(partial(cls, **kwargs))

    with_callable_args = with_args

    def calculate_qparams(self, **kwargs) -> Any:
        """The scale and the zero that fit what was seen."""
        raise NotImplementedError(f"{type(self).__name__} has no calculate_qparams")


class PlaceholderObserver(ObserverBase):
    """Observes nothing: says of which dtype inputs will be that are quantized as they come."""

    def __init__(
        self,
        dtype=float32,
        custom_op_name="",
        compute_dtype=None,
        quant_min=None,
        quant_max=None,
        is_dynamic=False,
        **_,
    ):
        super().__init__(dtype, is_dynamic)
        self.quant_min, self.quant_max, self.custom_op = quant_min, quant_max, custom_op_name

    def forward(self, x):
        return x

    def calculate_qparams(self, **kwargs):
        raise Exception("calculate_qparams should not be called for PlaceholderObserver")


class NoopObserver(ObserverBase):
    """Observes nothing."""

    def __init__(self, dtype=float32, custom_op_name=""):
        super().__init__(dtype)

    def forward(self, x):
        return x


class UniformQuantizationObserverBase(ObserverBase):
    """Observers whose range is cut into equal steps.

    quant_min, quant_max: the range of the integers, by default that of `dtype`, or with `reduce_range` half of it.
    """

    eps: Tensor
    min_val: Tensor
    max_val: Tensor
    ch_axis = -1

    def __init__(
        self,
        dtype=quint8,
        qscheme=per_tensor_affine,
        reduce_range=False,
        quant_min=None,
        quant_max=None,
        factory_kwargs=None,
        eps=_EPS,
        is_dynamic=False,
        **kwargs,
    ):
        super().__init__(dtype, is_dynamic)
        self.qscheme, self.reduce_range = qscheme, reduce_range
        self.register_buffer("eps", tensor([eps], dtype=float32))
        if reduce_range and dtype is quint8 and self._symmetric():
            raise NotImplementedError("Cannot reduce range for symmetric quantization for quint8")
        self.has_customized_qrange = quant_min is not None and quant_max is not None
        low = dtype.lowest if quant_min is None or quant_max is None else quant_min
        high = dtype.highest if quant_min is None or quant_max is None else quant_max
        self.quant_min, self.quant_max = (low // 2, high // 2) if reduce_range else (low, high)
        if self.quant_min > self.quant_max:
            raise AssertionError("qmin must be less than qmax.")

    def _symmetric(self) -> bool:
        return self.qscheme in (per_tensor_symmetric, per_channel_symmetric)

    def _qparams(self, low: Tensor, high: Tensor):
        if not low.numel() or bool(((low == float("inf")) & (high == float("-inf"))).any()):
            warnings.warn("must run observer before calling calculate_qparams. Returning default values.", stacklevel=3)
            return tensor([1.0]), tensor([0])
        if bool((low > high).any()):
            raise AssertionError(f"min {low} should be less than max {high}")
        low, high = minimum(low, low.new_zeros(())), maximum(high, high.new_zeros(()))
        low, high = low.reshape(-1), high.reshape(-1)
        steps = float(self.quant_max - self.quant_min)
        if self._symmetric():
            scale = maximum(maximum(-low, high) / (steps / 2), self.eps)
            zero = zeros(low.shape, dtype=int64)
            if self.dtype is quint8:
                zero += (self.quant_min + self.quant_max) // 2 if self.has_customized_qrange else 128
            return scale, zero
        scale = maximum((high - low) / steps, self.eps)
        zero = self.quant_min - (low / scale).round().to(int32)
        return scale, zero.clamp(self.quant_min, self.quant_max).to(int32)

    def calculate_qparams(self, **kwargs):
        """The scale, float32, and the zero, one of each or for each channel. Warns where nothing was seen."""
        return self._qparams(self.min_val, self.max_val)

    def _seen(self, low, high):
        self.min_val, self.max_val = minimum(low, self.min_val), maximum(high, self.max_val)

    def extra_repr(self) -> str:
        return f"min_val={_shown(self.min_val)}, max_val={_shown(self.max_val)}"

    def reset_min_max_vals(self) -> None:
        """Forget what was seen."""
        self.min_val, self.max_val = tensor(float("inf")), tensor(float("-inf"))


def _shown(x):
    return x.item() if x.dim() == 0 else x


class MinMaxObserver(UniformQuantizationObserverBase):
    """The least and the largest number that was seen."""

    def __init__(
        self,
        dtype=quint8,
        qscheme=per_tensor_affine,
        reduce_range=False,
        quant_min=None,
        quant_max=None,
        factory_kwargs=None,
        eps=_EPS,
        is_dynamic=False,
        **kwargs,
    ):
        if qscheme not in (per_tensor_affine, per_tensor_symmetric):
            raise NotImplementedError(
                f"{type(self).__name__}'s qscheme only support torch.per_tensor_symmetric and torch.per_tensor_affine."
            )
        super().__init__(dtype, qscheme, reduce_range, quant_min, quant_max, factory_kwargs, eps, is_dynamic, **kwargs)
        self.register_buffer("min_val", tensor(float("inf")))
        self.register_buffer("max_val", tensor(float("-inf")))

    def forward(self, x_orig):
        """Remember, and give `x_orig` back."""
        if x_orig.numel():
            low, high = x_orig.detach().to(float32).aminmax()
            self._seen(low, high)
        return x_orig


class _Averaging(UniformQuantizationObserverBase):
    """Observers whose range moves towards that of each call, by the part `averaging_constant` of the way."""

    averaging_constant: float

    def _seen(self, low, high):
        c = self.averaging_constant
        self.min_val = self.min_val + c * (low - self.min_val)
        self.max_val = self.max_val + c * (high - self.max_val)


class MovingAverageMinMaxObserver(_Averaging, MinMaxObserver):
    """Averages of the least and the largest numbers of calls; each new one has the weight `averaging_constant`."""

    def __init__(
        self,
        averaging_constant=0.01,
        dtype=quint8,
        qscheme=per_tensor_affine,
        reduce_range=False,
        quant_min=None,
        quant_max=None,
        eps=_EPS,
        is_dynamic=False,
        **kwargs,
    ):
        super().__init__(dtype, qscheme, reduce_range, quant_min, quant_max, None, eps, is_dynamic, **kwargs)
        self.averaging_constant = averaging_constant

    def _seen(self, low, high):
        if bool(self.min_val == float("inf")):
            self.min_val, self.max_val = low, high
        else:
            super()._seen(low, high)


class PerChannelMinMaxObserver(UniformQuantizationObserverBase):
    """The least and the largest number of each place along dim `ch_axis`."""

    def __init__(
        self,
        ch_axis=0,
        dtype=quint8,
        qscheme=per_channel_affine,
        reduce_range=False,
        quant_min=None,
        quant_max=None,
        factory_kwargs=None,
        eps=_EPS,
        is_dynamic=False,
        **kwargs,
    ):
        super().__init__(dtype, qscheme, reduce_range, quant_min, quant_max, factory_kwargs, eps, is_dynamic, **kwargs)
        self.ch_axis = ch_axis
        self.register_buffer("min_val", tensor([]))
        self.register_buffer("max_val", tensor([]))

    def forward(self, x_orig):
        """Remember, and give `x_orig` back."""
        if x_orig.numel():
            rows = x_orig.detach().to(float32).movedim(self.ch_axis, 0).flatten(1)
            low, high = rows.aminmax(dim=1)
            if not self.min_val.numel():
                self.min_val, self.max_val = low, high
            else:
                self._seen(low, high)
        return x_orig

    def reset_min_max_vals(self) -> None:
        """Forget what was seen."""
        self.min_val, self.max_val = tensor([]), tensor([])

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        # Sizes are those of the channels, which only a call or a file tells.
        for name in ("min_val", "max_val"):
            if (given := state_dict.get(f"{prefix}{name}")) is not None:
                setattr(self, name, getattr(self, name).new_zeros(given.shape))
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class MovingAveragePerChannelMinMaxObserver(_Averaging, PerChannelMinMaxObserver):
    """PerChannelMinMaxObserver with averages over calls."""

    def __init__(
        self,
        averaging_constant=0.01,
        ch_axis=0,
        dtype=quint8,
        qscheme=per_channel_affine,
        reduce_range=False,
        quant_min=None,
        quant_max=None,
        eps=_EPS,
        is_dynamic=False,
        **kwargs,
    ):
        super().__init__(ch_axis, dtype, qscheme, reduce_range, quant_min, quant_max, None, eps, is_dynamic, **kwargs)
        self.averaging_constant = averaging_constant


default_observer = MinMaxObserver.with_args(quant_min=0, quant_max=127)
default_weight_observer = MinMaxObserver.with_args(dtype=qint8, qscheme=per_tensor_symmetric)
default_per_channel_weight_observer = PerChannelMinMaxObserver.with_args(dtype=qint8, qscheme=per_channel_symmetric)
default_placeholder_observer = PlaceholderObserver
default_dynamic_quant_observer = PlaceholderObserver.with_args(
    dtype=quint8, quant_min=0, quant_max=255, is_dynamic=True
)


def __getattr__(name: str):
    from . import histogram

    found = getattr(histogram, name, None)
    return found if found is not None else _lookup("torch.ao.quantization.observer")(name)
