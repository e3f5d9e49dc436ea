"""Whole modules in files: their state in PyTorch's form, which both libraries read, and back.

PyTorch keeps parameters, buffers and submodules in dicts of their own; this file is written against the members that
`nn.Module` shows of itself (`_parameters` and its kin), however it keeps them.
"""

from collections import OrderedDict
from pickle import UnpicklingError

from ..nn import Module
from ..nn.hooks import ForwardHooks
from ..utils.hooks import HookDict

__all__ = ["module_state", "restore_module", "restore_state"]

_MEMBERS = ("_parameters", "_buffers", "_modules")
# PyTorch's module has these dicts of hooks; ours keeps the flags of forward hooks in the table of the hooks.
_HOOKS = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)
_OURS = ("_registered", "_hooked", "_parameters", "_buffers", "_modules")


def module_state(module) -> dict:
    """The attributes of a module as PyTorch's would be."""
    own = module.__dict__
    if "_registered" not in own:
        return own
    names = set(own["_registered"])
    state = {"training": module.training}
    state.update((kind, dict(getattr(module, kind))) for kind in _MEMBERS)
    state["_non_persistent_buffers_set"] = set(module._non_persistent_buffers_set)
    state["_is_full_backward_hook"] = None
    state.update((kind, OrderedDict()) for kind in _HOOKS)
    for kind in ("_forward_hooks", "_forward_pre_hooks"):
        table = own.get(kind)
        if table is not None:
            state[f"{kind}_with_kwargs"].update(dict.fromkeys(table.with_kwargs, True))
            state["_forward_hooks_always_called"].update(dict.fromkeys(table.always, True))
    for key, value in own.items():
        if key in names or key in _OURS:
            continue
        state[key] = OrderedDict(value) if key in _HOOKS else value
    if type(module).__name__ in ("Conv1d", "Conv2d", "Conv3d") and "transposed" not in state:
        state.update(_convolution(module))
    return state


def _convolution(module) -> dict:
    """What a convolution of PyTorch keeps besides."""
    size, padding, dilation = module.kernel_size, module.padding, module.dilation
    if padding == "valid":
        around = [(0, 0) for _ in size]
    elif padding == "same":
        wanted = [d * (k - 1) for d, k in zip(dilation, size, strict=True)]
        around = [(n // 2, n - n // 2) for n in wanted]
    else:
        around = [(n, n) for n in padding]
    return {
        "transposed": False,
        "output_padding": (0,) * len(size),
        "_reversed_padding_repeated_twice": tuple(n for pair in reversed(around) for n in pair),
    }


def restore_state(value, state) -> None:
    """Give an instance the state that a file holds: by its class's `__setstate__`, where it has one of its own."""
    from .permissions import plain_state

    custom = getattr(type(value), "__setstate__", None)
    if custom is not None and custom is not getattr(Module, "__setstate__", None):
        custom(value, state)  # a module's calls ours, which calls `restore_module`
    elif isinstance(value, Module):
        restore_module(value, state)
    else:
        plain_state(value, state)


def restore_module(module, state) -> None:
    """Register what PyTorch's state of a module holds, and set its other attributes."""
    if type(state) not in (dict, OrderedDict) or not all(type(key) is str for key in state):
        raise UnpicklingError(f"the state of a {type(module).__name__} is no dict of attributes")
    Module.__init__(module)
    if "_registered" in state:  # written by this library's own pickle
        module.__setstate__(state)
        return
    unsaved = state.get("_non_persistent_buffers_set") or ()
    for name, value in _members(state, "_parameters"):
        module.register_parameter(name, value)
    for name, value in _members(state, "_buffers"):
        module.register_buffer(name, value, name not in unsaved)
    for name, value in _members(state, "_modules"):
        module.add_module(name, value)
    for key, value in state.items():
        if key in _MEMBERS or key in ("_non_persistent_buffers_set", "_is_full_backward_hook") or key in _OURS:
            continue
        if key not in _HOOKS:
            module.__dict__[key] = value
        elif value:
            _restore_hooks(module, key, value, state)


def _members(state, kind):
    members = state.get(kind) or {}
    if not isinstance(members, dict):
        raise UnpicklingError(f"the {kind} of a module are no dict")
    return members.items()


def _restore_hooks(module, kind, hooks, state) -> None:
    if kind in ("_forward_hooks", "_forward_pre_hooks"):
        with_kwargs = state.get(f"{kind}_with_kwargs") or {}
        always = state.get("_forward_hooks_always_called") or {} if kind == "_forward_hooks" else {}
        module.__dict__[kind] = ForwardHooks(hooks, with_kwargs, always)
        module.__dict__["_hooked"] = True
    elif not kind.endswith(("_with_kwargs", "_always_called")):
        module.__dict__[kind] = HookDict(hooks)
