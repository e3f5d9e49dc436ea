"""Quantized layers that compute their numbers as floats and round them to a scale of their own."""

from typing import Any

from .... import nn
from ...._quantized.dtypes import quint8
from ...._quantized.tensor import quantize_per_tensor
from ...._rustgrad import int64
from ...._rustgrad.torch import tensor

__all__ = ["LAYERS"]


def _like(cls, mod) -> Any:
    """A layer of class `cls` with the members of `mod`, but its observer."""
    made = cls.__new__(cls)
    made.__dict__.update({key: x.copy() if isinstance(x, dict) else x for key, x in vars(mod).items()})
    made._modules.pop("activation_post_process", None)
    made._forward_hooks.clear()
    return made


class Dropout(nn.Dropout):
    """The identity: quantized models do not train."""

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        return _like(cls, mod)

    def forward(self, input):
        return input

    def _get_name(self):
        return "QuantizedDropout"


class ReLU6(nn.ReLU6):
    """Cuts at 0 and 6, with the scale of its input."""

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        return _like(cls, mod)

    def forward(self, input):
        return input.clamp(0.0, 6.0)

    def _get_name(self):
        return "QuantizedReLU6"


def _rounded(kind):
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        scale, zero = mod.activation_post_process.calculate_qparams()
        made = _like(cls, mod)
        made.register_buffer("scale", tensor(float(scale)))
        made.register_buffer("zero_point", tensor(int(zero), dtype=int64))
        return made

    def forward(self, input):
        y = kind.forward(self, input.dequantize()).detach()
        return quantize_per_tensor(y, float(self.scale), int(self.zero_point), quint8)

    name = kind.__name__
    members = {
        "__doc__": f"nn.{name} of quantized tensors, whose result has a scale of its own.",
        "__module__": __name__,
        "from_float": classmethod(from_float),
        "forward": forward,
        "_get_name": lambda self: f"Quantized{name}",
    }
    return type(name, (kind,), members)


LAYERS: dict[type, Any] = {
    kind: _rounded(kind) for kind in (nn.BatchNorm2d, nn.Hardswish, nn.LeakyReLU, nn.ELU, nn.LayerNorm)
}
LAYERS[nn.Dropout], LAYERS[nn.ReLU6] = Dropout, ReLU6
globals().update({kind.__name__: layer for kind, layer in LAYERS.items()})  # pickles look for them here
