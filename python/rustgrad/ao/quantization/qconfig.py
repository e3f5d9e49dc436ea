"""QConfig: by which observers activations and weights are quantized."""

from collections import namedtuple

from ..._names import lookup as _lookup
from ..._rustgrad import float16
from .fake_quantize import (
    FusedMovingAvgObsFakeQuantize,
    default_fake_quant,
    default_fused_per_channel_wt_fake_quant,
    default_weight_fake_quant,
)
from .histogram import HistogramObserver
from .observer import (
    MovingAverageMinMaxObserver,
    PlaceholderObserver,
    default_dynamic_quant_observer,
    default_observer,
    default_per_channel_weight_observer,
    default_weight_observer,
)

__all__ = ["QConfig", "get_default_qat_qconfig", "get_default_qconfig"]


class QConfig(namedtuple("QConfig", ["activation", "weight"])):
    """The makers of observers for a layer's result and for its weight: classes, or `MinMaxObserver.with_args(...)`."""

    __slots__ = ()

    def __new__(cls, activation, weight):
        for x in (activation, weight):
            if hasattr(x, "calculate_qparams") and not isinstance(x, type):
                raise ValueError(
                    "QConfig received observer instance, please pass observer class instead. Use MyObserver.with_args("
                    "x=1) to override arguments to constructor if needed"
                )
        return super().__new__(cls, activation, weight)


default_qconfig = QConfig(activation=default_observer, weight=default_weight_observer)
default_per_channel_qconfig = QConfig(activation=default_observer, weight=default_per_channel_weight_observer)
default_dynamic_qconfig = QConfig(activation=default_dynamic_quant_observer, weight=default_weight_observer)
float16_dynamic_qconfig = QConfig(
    activation=PlaceholderObserver.with_args(dtype=float16, is_dynamic=True),
    weight=PlaceholderObserver.with_args(dtype=float16),
)
per_channel_dynamic_qconfig = QConfig(
    activation=default_dynamic_quant_observer, weight=default_per_channel_weight_observer
)
default_qat_qconfig = QConfig(activation=default_fake_quant, weight=default_weight_fake_quant)


def _check(backend: str) -> None:
    if backend not in ("x86", "fbgemm", "qnnpack", "onednn"):
        raise AssertionError(
            f"backend: {backend} not supported. backend must be one of ['fbgemm', 'x86', 'qnnpack', 'onednn']"
        )


def get_default_qconfig(backend="x86", version=0) -> QConfig:
    """The observers for models that are calibrated: histograms, and the extrema of each channel of weights."""
    _check(backend)
    reduced = backend in ("x86", "fbgemm")
    weight = default_weight_observer if backend == "qnnpack" else default_per_channel_weight_observer
    return QConfig(activation=HistogramObserver.with_args(reduce_range=reduced), weight=weight)


def get_default_qat_qconfig(backend="x86", version=1) -> QConfig:
    """The modules that round activations and weights while a model trains."""
    _check(backend)
    weight = default_weight_fake_quant if backend == "qnnpack" else default_fused_per_channel_wt_fake_quant
    activation = FusedMovingAvgObsFakeQuantize.with_args(
        observer=MovingAverageMinMaxObserver,
        quant_min=0,
        quant_max=255,
        reduce_range=backend in ("x86", "fbgemm"),
    )
    return QConfig(activation=activation, weight=weight)


__getattr__ = _lookup("torch.ao.quantization.qconfig")
