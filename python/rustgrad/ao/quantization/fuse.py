"""fuse_modules: layers that follow each other as one, so that nothing between them is rounded."""

import copy

from ... import nn
from ..._names import lookup as _lookup
from ...nn import Parameter
from ..nn import intrinsic

__all__ = ["fuse_modules", "fuse_modules_qat"]


def _kinds(layers) -> tuple[type, ...]:
    return tuple(type(x) for x in layers)


def folded(layer, bn, transpose=False):
    """A convolution or a linear layer that does what `layer` and, in eval mode, `bn` do."""
    made = copy.deepcopy(layer)
    factor = bn.weight / (bn.running_var + bn.eps).sqrt()
    bias = layer.bias if layer.bias is not None else bn.running_mean.new_zeros(bn.running_mean.shape)
    shape = [-1] + [1] * (layer.weight.dim() - 1)
    made.weight = Parameter((layer.weight * factor.reshape(shape)).detach(), layer.weight.requires_grad)
    made.bias = Parameter(((bias - bn.running_mean) * factor + bn.bias).detach())
    return made


def with_norm_inside(layer):
    """An nn.Conv2d with what a layer that trained with its batch norm does, and its rounding of weights."""
    conv = nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.groups,
        layer.bias is not None,
        layer.padding_mode,
        device="meta",
    )
    conv.weight, conv.bias = layer.weight, layer.bias
    made = folded(conv, layer.bn)
    setattr(made, "weight_fake_quant", layer.weight_fake_quant)  # noqa: B010
    return made


def _fused(layers, training: bool):
    kinds = _kinds(layers)
    conv, norm = nn.Conv2d, nn.BatchNorm2d
    if kinds == (conv, nn.ReLU):
        return intrinsic.ConvReLU2d(*layers)
    if kinds == (nn.Linear, nn.ReLU):
        return intrinsic.LinearReLU(*layers)
    if kinds in ((conv, norm), (conv, norm, nn.ReLU)):
        if training:
            return (intrinsic.ConvBn2d if len(layers) == 2 else intrinsic.ConvBnReLU2d)(*layers)
        whole = folded(layers[0], layers[1])
        return whole if len(layers) == 2 else intrinsic.ConvReLU2d(whole, layers[2])
    if (
        kinds in ((nn.Conv1d, nn.BatchNorm1d), (nn.Conv3d, nn.BatchNorm3d), (nn.Linear, nn.BatchNorm1d))
        and not training
    ):
        return folded(*layers)
    raise AssertionError(f"did not find fuser method for: {kinds} ")


def _place(model, name):
    """The module that holds the one called `name`, and its last name."""
    *path, last = name.split(".")
    for part in path:
        model = getattr(model, part)
    return model, last


def _fuse(model, modules_to_fuse, inplace, training):
    if not inplace:
        model = copy.deepcopy(model)
    groups = [modules_to_fuse] if all(isinstance(x, str) for x in modules_to_fuse) else modules_to_fuse
    for names in groups:
        layers = [getattr(*_place(model, name)) for name in names]
        if any(x.training != training for x in layers) and any(isinstance(x, nn.BatchNorm2d) for x in layers):
            raise AssertionError(
                f"fuse_modules{'_qat' if training else ''}: the modules {names} must be in "
                f"{'train' if training else 'eval'} mode\nhint: model.{'train' if training else 'eval'}() first"
            )
        whole = _fused(layers, training)
        whole.train(layers[0].training)
        for k, name in enumerate(names):
            owner, last = _place(model, name)
            setattr(owner, last, whole if k == 0 else nn.Identity().train(layers[0].training))
    return model


def fuse_modules(model, modules_to_fuse, inplace=False, fuser_func=None, fuse_custom_config_dict=None):
    """A copy of `model` in which the first of the named layers does what all of them did; the others do nothing.

    modules_to_fuse: a list of names, or of such lists: convolution and batch norm (in eval mode), either with a ReLU,
    linear layer and ReLU. Raises AssertionError for other layers, and for norms that are training.
    """
    return _fuse(model, modules_to_fuse, inplace, False)


def fuse_modules_qat(model, modules_to_fuse, inplace=False, fuser_func=None, fuse_custom_config_dict=None):
    """As `fuse_modules`, for a model in train mode: batch norms stay, and go on learning."""
    return _fuse(model, modules_to_fuse, inplace, True)


__getattr__ = _lookup("torch.ao.quantization.fuse_modules")
