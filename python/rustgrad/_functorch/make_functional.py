"""Modules as functions of their parameters, in the form that `functorch` had before `torch.func.functional_call`."""

import copy
from typing import Any

from .._names import lookup as _lookup
from .._rustgrad.torch import stack

__all__ = [
    "FunctionalModule",
    "FunctionalModuleWithBuffers",
    "combine_state_for_ensemble",
    "make_functional",
    "make_functional_with_buffers",
]


def _taken(model, disable_autograd_tracking: bool) -> tuple[Any, tuple, tuple]:
    """A copy of `model`, its parameters and its buffers."""
    model = copy.deepcopy(model)
    params = tuple(model.parameters())
    if disable_autograd_tracking:
        for p in params:
            p.requires_grad_(False)
    return model, params, tuple(model.buffers())


class FunctionalModuleWithBuffers:
    """`f(params, buffers, *args)`, a module called with these. Made by `make_functional_with_buffers`."""

    def __init__(self, model):
        self.stateless_model = model
        self.param_names = tuple(name for name, _ in model.named_parameters())
        self.buffer_names = tuple(name for name, _ in model.named_buffers())

    def _call(self, params, buffers, args, kwargs):
        from ..func import functional_call

        state = {**dict(zip(self.param_names, params)), **dict(zip(self.buffer_names, buffers))}
        return functional_call(self.stateless_model, state, args, kwargs)

    def __call__(self, params, buffers, *args, **kwargs):
        return self._call(params, buffers, args, kwargs)


class FunctionalModule(FunctionalModuleWithBuffers):
    """`f(params, *args)`, a module without buffers called with these parameters. Made by `make_functional`."""

    def __call__(self, params, *args, **kwargs):
        return self._call(params, (), args, kwargs)


def make_functional(model, disable_autograd_tracking: bool = False):
    """`(f, params)`: `f(params, *args)` is `model(*args)` with these. RuntimeError for a module with buffers."""
    model, params, buffers = _taken(model, disable_autograd_tracking)
    if buffers:
        raise RuntimeError(
            "make_functional(model): `model` has buffers. Please use make_functional_with_buffers(model) instead."
        )
    return FunctionalModule(model), params


def make_functional_with_buffers(model, disable_autograd_tracking: bool = False):
    """`(f, params, buffers)`: `f(params, buffers, *args)` is `model(*args)` with these."""
    model, params, buffers = _taken(model, disable_autograd_tracking)
    return FunctionalModuleWithBuffers(model), params, buffers


def combine_state_for_ensemble(models):
    """`(f, params, buffers)` of modules of one class, their parameters and buffers stacked, for `vmap`.

    RuntimeError for no modules, for modules of several classes, and where some are in training mode and others not.
    """
    if len(models) == 0:
        raise RuntimeError("combine_state_for_ensemble: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or all(not m.training for m in models)):
        raise RuntimeError("combine_state_for_ensemble: Expected all models to have the same training/eval mode.")
    if not all(type(m) is type(models[0]) for m in models):
        raise RuntimeError("combine_state_for_ensemble: Expected all models to be of the same class.")
    functions, params, buffers = zip(*(make_functional_with_buffers(m) for m in models))
    stacked = tuple(stack(group).detach() for group in zip(*params))
    return functions[0], stacked, tuple(stack(group) for group in zip(*buffers))


__getattr__ = _lookup("torch._functorch.make_functional")
