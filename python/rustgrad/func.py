"""Functions of functions and of modules: derivatives, loops over batches, calling a module with other tensors."""

from functools import wraps

from ._names import lookup as _lookup
from ._rustgrad.torch import stack
from .grad_mode import no_grad
from .transforms import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap

__all__ = [
    "debug_unwrap",
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]


def functionalize(func, *, remove="mutations"):
    """A function with the results of `func`, for tools that trace calls without writes in place.

    Calls are run as they come, not traced, so it is `func` itself that is called. RuntimeError for another `remove`
    than "mutations" and "mutations_and_views".
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. Valid options are:\n"
            "     remove='mutations': all inplace and out= operators will be removed from the program, and replaced "
            "with their out-of-place equivalents.\n     remove='mutations_and_views': In addition to the above, all "
            "aliasing operators {view} will be replaced with their non-aliasing counterparts, {view}_copy.\n"
        )

    @wraps(func)
    def same(*args, **kwargs):
        return func(*args, **kwargs)

    return same


def debug_unwrap(tensor, *, recurse: bool = True):
    """The tensor itself: transforms wrap none."""
    return tensor


def replace_all_batch_norm_modules_(root):
    """Make every batch normalisation in `root` use the statistics of its batch, and keep none. Returns `root`."""
    from .nn.modules.batchnorm import _BatchNorm

    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def functional_call(module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """Call `module` with the given tensors in the place of its parameters and buffers, which stay as they are.

    parameter_and_buffer_dicts: tensors by dotted name, or a sequence of such dicts. args: the positional arguments, a
    tuple, or the only one. tie_weights: a tensor that the module holds under several names is replaced under all of
    them. strict: names must be those of the module. What the call assigns to a given name goes into the dict.

    Raises ValueError for a name in two dicts and for tied names with different values, RuntimeError for names that do
    not fit if `strict`, TypeError for what is no tensor. Same as torch.func.functional_call.
    """
    from .nn.utils.stateless import call_with

    if isinstance(parameter_and_buffer_dicts, dict):
        tensors = parameter_and_buffer_dicts
    elif isinstance(parameter_and_buffer_dicts, (list, tuple)):
        tensors, twice = {}, []
        for given in parameter_and_buffer_dicts:
            if not isinstance(given, dict):
                raise ValueError(
                    f"Expected all elements of parameter_and_buffer_dicts to be dictionaries, got {type(given)}"
                )
            twice += [name for name in given if name in tensors]
            tensors.update(given)
        if twice:
            raise ValueError(f"{twice} appeared in multiple dictionaries; behavior of functional call is ambiguous")
    else:
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(parameter_and_buffer_dicts)}"
        )
    return call_with(module, tensors, args, kwargs, tie_weights, strict)


def stack_module_state(models):
    """The parameters and the buffers of several models of one class, stacked: two dicts by dotted name.

    The stacked parameters are leaves that require a gradient where the models' do. Raises RuntimeError for no models,
    and for models that differ in class or mode. Same as torch.func.stack_module_state.
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(model) for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    params, buffers = [dict(model.named_parameters()) for model in models], [dict(m.named_buffers()) for m in models]
    return (
        {name: _stacked([p[name] for p in params]) for name in params[0]},
        {name: _stacked([b[name] for b in buffers]) for name in buffers[0]},
    )


def _stacked(tensors):
    requires_grad = {x.requires_grad for x in tensors}
    if len(requires_grad) > 1:
        raise RuntimeError("Expected parameters from all models to have the same requires_grad setting.")
    with no_grad():
        result = stack(tensors).detach()
    return result.requires_grad_(requires_grad.pop())


__getattr__ = _lookup("torch.func")
