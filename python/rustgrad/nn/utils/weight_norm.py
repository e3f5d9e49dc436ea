"""Weight normalisation in its older form, by a hook before each call. `parametrizations.weight_norm` is the newer one.

After Salimans and Kingma 2016: the weight is g v / |v|, and g and v are trained in its place.
"""

import warnings

from ..._rustgrad import _library
from .._compose import norm_except_dim
from ..parameter import Parameter, is_lazy

__all__ = ["WeightNorm", "remove_weight_norm", "weight_norm"]


class WeightNorm:
    """The hook: it computes the weight `name` from `name_g` and `name_v`."""

    def __init__(self, name, dim) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module):
        """g v / |v|."""
        v = getattr(module, self.name + "_v")
        return v * (getattr(module, self.name + "_g") / norm_except_dim(v, 2, self.dim))

    @staticmethod
    def apply(module, name, dim):
        """Put the hook on `module`, and return it."""
        if _find(module, name) is not None:
            raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
        hook = WeightNorm(name, dim)
        weight = getattr(module, name)
        if is_lazy(weight):
            raise ValueError(
                "The module passed to `WeightNorm` can't have uninitialized parameters. Make sure to run the dummy "
                "forward before applying weight normalization"
            )
        lengths = norm_except_dim(weight.detach(), 2, hook.dim)
        delattr(module, name)
        module.register_parameter(name + "_g", Parameter(lengths))
        module.register_parameter(name + "_v", Parameter(weight.detach()))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module):
        """Make the weight a parameter again, with its present value."""
        weight = self.compute_weight(module).detach()
        for name in (self.name, self.name + "_g", self.name + "_v"):
            delattr(module, name)
        setattr(module, self.name, Parameter(weight))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module))


def _find(module, name):
    """The key of the hook for `name` among the module's hooks."""
    hooks = module._forward_pre_hooks.items()
    return next((key for key, hook in hooks if isinstance(hook, WeightNorm) and hook.name == name), None)


def weight_norm(module, name="weight", dim=0):
    """Train the length and the direction of the parameter `name` apart: g has one length per index of `dim`, or one.

    Returns `module`. Warns that `parametrizations.weight_norm` takes its place.
    """
    warnings.warn(
        f"`{_library()}.nn.utils.weight_norm` is deprecated in favor of "
        f"`{_library()}.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module, name="weight"):
    """Undo `weight_norm`, and return `module`. Raises ValueError where there is none."""
    key = _find(module, name)
    if key is None:
        raise ValueError(f"weight_norm of '{name}' not found in {module}")
    module._forward_pre_hooks.pop(key).remove(module)
    return module
