"""Spectral normalisation in its older form, by a hook before each call. `parametrizations.spectral_norm` is the newer.

After Miyato et al. 2018: the weight is divided by its largest singular value, which steps of the power method estimate.
"""

from ..._rustgrad import Tensor
from ..._rustgrad.torch import dot, mv
from ...grad_mode import no_grad
from ..functional import normalize
from ..parameter import Parameter, is_lazy

__all__ = ["SpectralNorm", "remove_spectral_norm", "spectral_norm"]


class SpectralNorm:
    """The hook: it computes the weight `name` from `name_orig` and the singular vectors `name_u` and `name_v`."""

    _version = 1

    def __init__(self, name="weight", n_power_iterations=1, dim=0, eps=1e-12) -> None:
        self.name = name
        self.dim = dim
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def reshape_weight_to_matrix(self, weight):
        """The weight as a matrix with a row for each index of `dim`."""
        return weight.movedim(self.dim, 0).reshape(weight.shape[self.dim], -1)

    def compute_weight(self, module, do_power_iteration):
        """The weight over its largest singular value; the vectors take a step first, if asked for."""
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = self.reshape_weight_to_matrix(weight)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    # In place, so that replicas that share the buffers see the step.
                    v.copy_(normalize(mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(normalize(mv(matrix, v), dim=0, eps=self.eps))
                # Backward reads these copies; a second call in one graph may change the buffers.
                u, v = u.clone(), v.clone()
        return weight / dot(u, mv(matrix, v))

    @staticmethod
    def apply(module, name, n_power_iterations, dim, eps):
        """Put the hook on `module`, and return it."""
        if _find(module, name) is not None:
            raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if not isinstance(weight, Tensor):
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        if is_lazy(weight):
            raise ValueError(
                "The module passed to `SpectralNorm` can't have uninitialized parameters. Make sure to run the dummy "
                "forward before applying spectral normalization"
            )
        with no_grad():
            matrix = hook.reshape_weight_to_matrix(weight)
            u, v = (normalize(weight.new_empty(n).normal_(0, 1), dim=0, eps=eps) for n in matrix.shape)
        delattr(module, name)
        module.register_parameter(name + "_orig", weight)
        # A plain attribute until the first call computes it.
        setattr(module, name, weight.data)
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(_SaveVersion(hook))
        module._register_load_state_dict_pre_hook(_CheckVersion(hook))
        return hook

    def remove(self, module):
        """Make the weight a parameter again, with its present value."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))


class _SaveVersion:
    """Writes the hook's version into the metadata of a state dict."""

    def __init__(self, hook) -> None:
        self.hook = hook

    def __call__(self, module, state_dict, prefix, local_metadata):
        versions = local_metadata.setdefault("spectral_norm", {})
        key = self.hook.name + ".version"
        if key in versions:
            raise RuntimeError(f"Unexpected key in metadata['spectral_norm']: {key}")
        versions[key] = self.hook._version


class _CheckVersion:
    """Refuses state dicts that hold the normalised weight and no right vector, as PyTorch wrote them before 0.4.1."""

    def __init__(self, hook) -> None:
        self.hook = hook

    def __call__(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        version = local_metadata.get("spectral_norm", {}).get(self.hook.name + ".version")
        weight = prefix + self.hook.name
        if version is None and weight in state_dict and weight + "_orig" in state_dict:
            raise NotImplementedError(
                f"spectral_norm: the state dict holds {weight!r}, which PyTorch before 0.4.1 wrote; it cannot be read\n"
                "hint: load it with PyTorch and save it again"
            )


def _find(module, name):
    """The key of the hook for `name` among the module's hooks."""
    hooks = module._forward_pre_hooks.items()
    return next((key for key, hook in hooks if isinstance(hook, SpectralNorm) and hook.name == name), None)


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divide the parameter `name` by its largest singular value before each call. Returns `module`.

    n_power_iterations: steps of the power method at each call in training. dim: the dim of outputs, by default 1 for
    transposed convolutions and else 0.
    """
    if dim is None:
        dim = 1 if getattr(module, "transposed", False) else 0
    SpectralNorm.apply(module, name, n_power_iterations, dim, eps)
    return module


def remove_spectral_norm(module, name="weight"):
    """Undo `spectral_norm`, and return `module`. Raises ValueError where there is none."""
    key = _find(module, name)
    if key is None:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    module._forward_pre_hooks.pop(key).remove(module)
    for table, kind in (("_state_dict_hooks", _SaveVersion), ("_load_state_dict_pre_hooks", _CheckVersion)):
        hooks = getattr(module, table)
        for other, (hook, _) in list(hooks.items()):
            if isinstance(hook, kind) and hook.hook.name == name:
                del hooks[other]
    return module
