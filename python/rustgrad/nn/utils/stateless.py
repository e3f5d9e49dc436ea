"""Calling a module with other tensors in the place of its parameters and buffers."""

import warnings

from ..._rustgrad import Tensor, _library
from ..registry import BUFFER, PARAMETER

__all__ = ["functional_call"]


def functional_call(module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """The older place of `rustgrad.func.functional_call`; it works as that does, and warns."""
    warnings.warn(
        f"`{_library()}.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in "
        f"a future version of PyTorch. Please use `{_library()}.func.functional_call` instead "
        "which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return call_with(module, parameters_and_buffers, args, kwargs, tie_weights, strict)


def call_with(module, tensors, args, kwargs, tie_weights, strict):
    """Call `module` while the members that `tensors` names have the values it gives.

    A member that the call assigns anew stays in `tensors` and not in the module.
    """
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    own = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    values = _with_tied(own, tensors) if tie_weights else dict(tensors)
    if strict:
        _check_names(module, {name for name, _ in own}, values)
    places = [(name, *_place(module, name, value)) for name, value in values.items()]
    before = []
    try:
        for full, owner, name in places:
            before.append((owner, name, name in owner, owner.get(name)))
            owner[name] = values[full]
        return module(*args, **(kwargs or {}))
    finally:
        for (full, owner, name), (_, _, existed, old) in reversed(list(zip(places, before))):
            if full in tensors and name in owner:
                tensors[full] = owner[name]
            if existed:
                owner[name] = old
            else:
                owner.pop(name, None)


def _with_tied(own, tensors):
    """`tensors` with further names for those members that are the same tensor in the module."""
    names_of = {}
    for name, value in own:
        names_of.setdefault(value, []).append(name)
    values = dict(tensors)
    for names in names_of.values():
        given = sorted(name for name in names if name in tensors)
        if len({id(tensors[name]) for name in given}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {given}, which are tied. Consider using "
                "tie_weights=False"
            )
        if given:
            values.update(dict.fromkeys(names, tensors[given[0]]))
    return values


def _check_names(module, own, values):
    missing, unexpected = sorted(own - values.keys()), sorted(values.keys() - own)
    if not missing and not unexpected:
        return
    text = f"Error(s) in reparametrizing for {module._get_name()}:"
    for what, names in (("Unexpected", unexpected), ("Missing", missing)):
        if names:
            text += f"\n\t{what} key(s): {', '.join(repr(name) for name in names)}."
    raise RuntimeError(text)


def _place(module, full_name, value):
    """The dict that holds the member of a dotted name, and its key there."""
    if full_name == "":
        raise KeyError('tensor name can\'t be empty string ""')
    if not isinstance(value, Tensor):
        raise TypeError(f"{value} is not an instance of {_library()}.Tensor")
    path, _, name = full_name.rpartition(".")
    owner = module.get_submodule(path).__dict__
    if owner["_registered"].get(name) not in (None, PARAMETER, BUFFER):
        old = owner.get(name)
        if old is not None and not isinstance(old, Tensor):
            raise TypeError(f"attribute `{name}`: {old} is not an instance of {_library()}.Tensor")
    return owner, name
