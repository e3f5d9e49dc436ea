"""Quantization of models: observers are put in (`prepare`), see data, and layers are exchanged (`convert`)."""

import copy

from ... import nn
from ..._names import lookup as _lookup
from ..._quantized.dtypes import qint8
from ..._rustgrad import float16
from ..nn import intrinsic, qat, quantized
from ..nn.intrinsic import qat as intrinsic_qat
from ..nn.intrinsic import quantized as intrinsic_quantized
from ..nn.quantized import dynamic
from ..nn.quantized.pointwise import LAYERS
from .qconfig import default_dynamic_qconfig, float16_dynamic_qconfig
from .stubs import DeQuantStub, QuantStub

__all__ = ["convert", "prepare", "prepare_qat", "propagate_qconfig_", "quantize", "quantize_dynamic", "quantize_qat"]

_DYNAMIC = {nn.Linear: dynamic.Linear, nn.LSTM: dynamic.LSTM, nn.GRU: dynamic.GRU}
_QAT = {
    nn.Linear: qat.Linear,
    nn.Conv2d: qat.Conv2d,
    intrinsic.ConvBn2d: intrinsic_qat.ConvBn2d,
    intrinsic.ConvBnReLU2d: intrinsic_qat.ConvBnReLU2d,
    intrinsic.ConvReLU2d: intrinsic_qat.ConvReLU2d,
    intrinsic.LinearReLU: intrinsic_qat.LinearReLU,
}
_STATIC = {
    nn.Linear: quantized.Linear,
    nn.Conv2d: quantized.Conv2d,
    intrinsic.ConvReLU2d: intrinsic_quantized.ConvReLU2d,
    intrinsic.LinearReLU: intrinsic_quantized.LinearReLU,
    qat.Linear: quantized.Linear,
    qat.Conv2d: quantized.Conv2d,
    intrinsic_qat.ConvBn2d: quantized.Conv2d,
    intrinsic_qat.ConvBnReLU2d: intrinsic_quantized.ConvReLU2d,
    intrinsic_qat.ConvReLU2d: intrinsic_quantized.ConvReLU2d,
    intrinsic_qat.LinearReLU: intrinsic_quantized.LinearReLU,
    quantized.FloatFunctional: quantized.QFunctional,
    **LAYERS,
    QuantStub: quantized.Quantize,
    DeQuantStub: quantized.DeQuantize,
}


def propagate_qconfig_(module, qconfig_dict=None, prepare_custom_config_dict=None) -> None:
    """Gives each layer below `module` the `qconfig` of the nearest one above that has one."""
    _spread(module, qconfig_dict or {}, None, "")


def _spread(module, by_name, above, prefix) -> None:
    here = by_name.get(type(module), by_name.get(prefix, getattr(module, "qconfig", above)))
    module.qconfig = here
    for name, child in module.named_children():
        _spread(child, by_name, here, f"{prefix}.{name}" if prefix else name)


def _observe(module) -> None:
    for child in module.children():
        kind = type(child)
        observed = (
            kind in _STATIC and kind not in (DeQuantStub, nn.Dropout) and getattr(child, "qconfig", None) is not None
        )
        if observed and kind is quantized.FloatFunctional:
            child.activation_post_process = child.qconfig.activation()
        elif observed:
            child.add_module("activation_post_process", child.qconfig.activation())
            child.register_forward_hook(_seen, prepend=True)
        elif not kind.__module__.startswith(intrinsic.__name__):
            _observe(child)


def _seen(module, args, output):
    return module.activation_post_process(output)


def prepare(model, inplace=False, allow_list=None, observer_non_leaf_module_list=None, prepare_custom_config_dict=None):
    """A copy of `model` whose layers with a `qconfig` observe what they give. Then run it on data, and `convert` it."""
    if not inplace:
        model = copy.deepcopy(model)
    propagate_qconfig_(model)
    _observe(model)
    return model


def prepare_qat(model, mapping=None, inplace=False):
    """A copy of `model`, in train mode, whose layers round weights and results as quantization will.

    Raises AssertionError in eval mode.
    """
    if not model.training:
        raise AssertionError("prepare_qat only works on models in training mode")
    if not inplace:
        model = copy.deepcopy(model)
    propagate_qconfig_(model)
    _exchange(model, mapping or _QAT)
    _observe(model)
    return model


def _exchange(module, mapping) -> None:
    for name, child in module.named_children():
        made = mapping.get(type(child))
        if made is None or (getattr(child, "qconfig", None) is None and type(child) is not DeQuantStub):
            if not isinstance(child, (dynamic.Linear, quantized.FloatFunctional)):
                _exchange(child, mapping)
            continue
        whole = made.from_float(child)
        whole.train(child.training)
        setattr(module, name, whole)


def _clean(module) -> None:
    for one in module.modules():
        if hasattr(one, "qconfig"):
            del one.qconfig


def convert(
    module,
    mapping=None,
    inplace=False,
    remove_qconfig=True,
    is_reference=False,
    convert_custom_config_dict=None,
    use_precomputed_fake_quant=False,
):
    """A copy of a prepared model whose layers compute with integers."""
    if not inplace:
        module = copy.deepcopy(module)
    _exchange(module, mapping or _STATIC)
    if remove_qconfig:
        _clean(module)
    return module


def quantize_dynamic(model, qconfig_spec=None, dtype=qint8, mapping=None, inplace=False):
    """A copy of `model`, in eval mode, whose linear and recurrent layers have weights of 8 bits.

    qconfig_spec: a set of classes or of names of layers, or a dict from these to a QConfig; None for all that are
    known: nn.Linear, nn.LSTM, nn.GRU. dtype: `qint8`, or float16. Inputs stay float32 and are rounded as they come.
    Raises ValueError for other dtypes.
    """
    if dtype not in (qint8, float16):
        raise ValueError(f"Don't know how to quantize with default settings for {dtype}. Provide full qconfig please")
    usual = default_dynamic_qconfig if dtype is qint8 else float16_dynamic_qconfig
    given = qconfig_spec if qconfig_spec is not None else set(_DYNAMIC)
    by_name = given if isinstance(given, dict) else dict.fromkeys(given, usual)
    if not inplace:
        model = copy.deepcopy(model)
    model.eval()
    propagate_qconfig_(model, by_name)
    _exchange(model, mapping or _DYNAMIC)
    _clean(model)
    return model


def quantize(model, run_fn, run_args, mapping=None, inplace=False):
    """`prepare`, `run_fn(model, *run_args)`, `convert`."""
    if not inplace:
        model = copy.deepcopy(model)
    model.eval()
    prepare(model, inplace=True)
    run_fn(model, *run_args)
    return convert(model, mapping, inplace=True)


def quantize_qat(model, run_fn, run_args, inplace=False):
    """`prepare_qat`, `run_fn(model, *run_args)`, `convert`."""
    if not inplace:
        model = copy.deepcopy(model)
    model.train()
    prepare_qat(model, inplace=True)
    run_fn(model, *run_args)
    return convert(model, inplace=True)


__getattr__ = _lookup("torch.ao.quantization.quantize")
