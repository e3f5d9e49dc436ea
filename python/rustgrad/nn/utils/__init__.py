"""Helpers over the parameters of a model: clipping gradients, one vector of all parameters, other parametrizations.

`rnn`, `parametrize`, `parametrizations`, `prune`, `stateless` and `fusion` are loaded when first used.
"""

from ..._names import lookup as _lookup
from .clip_grad import clip_grad_norm, clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
from .convert import parameters_to_vector, vector_to_parameters
from .spectral_norm import remove_spectral_norm, spectral_norm
from .weight_norm import remove_weight_norm, weight_norm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import fusion, parametrizations, parametrize, prune, rnn, stateless
    from .fusion import fuse_conv_bn_eval, fuse_conv_bn_weights, fuse_linear_bn_eval, fuse_linear_bn_weights
    from .init import skip_init
    from .memory_format import convert_conv2d_weight_memory_format, convert_conv3d_weight_memory_format

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "convert_conv2d_weight_memory_format",
    "convert_conv3d_weight_memory_format",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "fusion",
    "get_total_norm",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "prune",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "skip_init",
    "spectral_norm",
    "stateless",
    "vector_to_parameters",
    "weight_norm",
]

# The file of each function that is loaded when first used.
_FILES = {
    "convert_conv2d_weight_memory_format": "memory_format",
    "convert_conv3d_weight_memory_format": "memory_format",
    "fuse_conv_bn_eval": "fusion",
    "fuse_conv_bn_weights": "fusion",
    "fuse_linear_bn_eval": "fusion",
    "fuse_linear_bn_weights": "fusion",
    "skip_init": "init",
}
_MODULES = frozenset(("fusion", "parametrizations", "parametrize", "prune", "rnn", "stateless"))


def __getattr__(name: str):
    from importlib import import_module

    if name in _FILES:
        return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    return _lookup("torch.nn.utils")(name)


def __dir__():
    return sorted({*globals(), *__all__})
