"""FakeQuantize: modules that observe, and round as quantization will, with straight-through gradients."""

from functools import partial
from typing import Any

from ..._names import lookup as _lookup
from ..._quantized.dtypes import per_channel_symmetric, per_tensor_affine, per_tensor_symmetric, qint8, quint8
from ..._quantized.fake import fake_quantize_per_channel_affine, fake_quantize_per_tensor_affine
from ..._quantized.tensor import chosen
from ..._rustgrad import Tensor, int32, int64, uint8
from ..._rustgrad.torch import tensor
from ...nn import Module
from ...nn._compose import shown
from .observer import (
    MovingAverageMinMaxObserver,
    MovingAveragePerChannelMinMaxObserver,
    _Partial,
)

__all__ = ["FakeQuantize", "FakeQuantizeBase", "FusedMovingAvgObsFakeQuantize"]


class FakeQuantizeBase(Module):
    """Modules that observe and round what passes; either can be switched off."""

    fake_quant_enabled: Tensor
    observer_enabled: Tensor

    def _switches(self, dtype):
        self.register_buffer("fake_quant_enabled", tensor([1], dtype=dtype))
        self.register_buffer("observer_enabled", tensor([1], dtype=dtype))

    def enable_fake_quant(self, enabled: bool = True) -> None:
        """Round, or do not."""
        self.fake_quant_enabled[0] = 1 if enabled else 0

    def disable_fake_quant(self) -> None:
        """Pass tensors on."""
        self.enable_fake_quant(False)

    def enable_observer(self, enabled: bool = True) -> None:
        """Observe, or do not."""
        self.observer_enabled[0] = 1 if enabled else 0

    def disable_observer(self) -> None:
        """Keep the scale."""
        self.enable_observer(False)

    @classmethod
    def with_args(cls, **kwargs):
        """The class with some of its arguments, for a QConfig."""
        return _Partial(partial(cls, **kwargs))


class FakeQuantize(FakeQuantizeBase):
    """Observes what passes, by `observer` and its arguments, and gives it rounded to what the integers can say."""

    scale: Tensor
    zero_point: Tensor

    def __init__(
        self,
        observer: Any = MovingAverageMinMaxObserver,
        quant_min=None,
        quant_max=None,
        is_dynamic=False,
        **observer_kwargs,
    ):
        super().__init__()
        if quant_min is not None and quant_max is not None:
            if quant_min > quant_max:
                raise AssertionError("quant_min must be less than or equal to quant_max")
            observer_kwargs.update(quant_min=quant_min, quant_max=quant_max)
        self.is_dynamic = is_dynamic
        self.activation_post_process = observer(**observer_kwargs)
        self._switches(self._switch_dtype)
        self.register_buffer("scale", tensor([1.0]))
        self.register_buffer("zero_point", tensor([0], dtype=int32))
        self.dtype, self.qscheme = self.activation_post_process.dtype, self.activation_post_process.qscheme
        self.quant_min = self.activation_post_process.quant_min
        self.quant_max = self.activation_post_process.quant_max
        self.ch_axis = self.activation_post_process.ch_axis
        self.is_per_channel = "channel" in repr(self.qscheme)

    _switch_dtype = uint8

    def calculate_qparams(self):
        """The scale and the zero that its observer found."""
        return self.activation_post_process.calculate_qparams()

    def _observe(self, x) -> None:
        self.activation_post_process(x.detach())
        scale, zero = self.calculate_qparams()
        self.scale, self.zero_point = scale.to(self.scale.device), zero.to(int32)

    def forward(self, X):
        if int(self.observer_enabled[0]):
            self._observe(X)
        if not int(self.fake_quant_enabled[0]):
            return X
        ends = self.quant_min, self.quant_max
        if self.is_per_channel:
            return fake_quantize_per_channel_affine(X, self.scale, self.zero_point, self.ch_axis, *ends)
        return fake_quantize_per_tensor_affine(X, self.scale, self.zero_point, *ends)

    def extra_repr(self) -> str:
        return (
            f"fake_quant_enabled={self.fake_quant_enabled}, observer_enabled={self.observer_enabled}, "
            f"quant_min={self.quant_min}, quant_max={self.quant_max}, dtype={self.dtype}, qscheme={self.qscheme}, "
            f"ch_axis={self.ch_axis}, scale={self.scale}, zero_point={self.zero_point}"
        )

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        # As many scales as there were channels.
        for name in ("scale", "zero_point"):
            if (given := state_dict.get(f"{prefix}{name}")) is not None:
                setattr(self, name, getattr(self, name).new_zeros(given.shape))
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class FusedMovingAvgObsFakeQuantize(FakeQuantize):
    """FakeQuantize by moving averages, of which PyTorch computes the scale as its kernels for dynamic inputs do."""

    _switch_dtype = int64

    def forward(self, X):
        return shown("FusedMovingAvgObsFqHelperBackward0", super().forward(X), X)

    def _observe(self, x) -> None:
        self.activation_post_process(x.detach())
        observer = self.activation_post_process
        symmetric = self.qscheme in (per_tensor_symmetric, per_channel_symmetric)
        lows, highs = observer.min_val.reshape(-1).tolist(), observer.max_val.reshape(-1).tolist()
        found = [chosen(a, b, self.quant_min, self.quant_max, symmetric) for a, b in zip(lows, highs)]
        self.scale = tensor([scale for scale, _ in found])
        self.zero_point = tensor([zero for _, zero in found], dtype=int32)

    def extra_repr(self) -> str:
        return (
            f"fake_quant_enabled={self.fake_quant_enabled}, observer_enabled={self.observer_enabled}, "
            f"scale={self.scale}, zero_point={self.zero_point}, dtype={self.dtype}, quant_min={self.quant_min}, "
            f"quant_max={self.quant_max}, qscheme={self.qscheme}, "
            f"reduce_range={self.activation_post_process.reduce_range}"
        )


def _named(name, change):
    def apply(mod) -> None:
        if isinstance(mod, FakeQuantizeBase):
            change(mod)

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = f"{name} of a FakeQuantize, for `model.apply`."
    return apply


enable_fake_quant = _named("enable_fake_quant", lambda mod: mod.enable_fake_quant())
disable_fake_quant = _named("disable_fake_quant", lambda mod: mod.disable_fake_quant())
enable_observer = _named("enable_observer", lambda mod: mod.enable_observer())
disable_observer = _named("disable_observer", lambda mod: mod.disable_observer())

_of_bytes: dict[str, Any] = {"quant_min": 0, "quant_max": 255, "dtype": quint8}
default_fake_quant = FakeQuantize.with_args(
    observer=MovingAverageMinMaxObserver, **_of_bytes, qscheme=per_tensor_affine, reduce_range=True
)
default_weight_fake_quant = FakeQuantize.with_args(
    observer=MovingAverageMinMaxObserver,
    quant_min=-128,
    quant_max=127,
    dtype=qint8,
    qscheme=per_tensor_symmetric,
    reduce_range=False,
)
_per_channel = {
    "observer": MovingAveragePerChannelMinMaxObserver,
    "quant_min": -128,
    "quant_max": 127,
    "dtype": qint8,
    "qscheme": per_channel_symmetric,
}
default_fused_per_channel_wt_fake_quant = FusedMovingAvgObsFakeQuantize.with_args(**_per_channel)
default_per_channel_weight_fake_quant = FakeQuantize.with_args(**_per_channel, reduce_range=False, ch_axis=0)
default_fused_act_fake_quant = FusedMovingAvgObsFakeQuantize.with_args(
    observer=MovingAverageMinMaxObserver, quant_min=0, quant_max=255, dtype=quint8
)

__getattr__ = _lookup("torch.ao.quantization.fake_quantize")
