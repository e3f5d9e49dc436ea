"""Optimizer: parameter groups, per-parameter state, and both as a state dict.

`state` is the only place where an algorithm's buffers live: the extension reads and writes the dicts in it, so what
a program changes there counts from the next step on. A step looks for hooks only where there are some: the first hook,
or a schedule, puts `_hooked_step` in front of the class's step on that optimizer.
"""

import warnings
from collections import defaultdict
from collections.abc import Iterable
from copy import deepcopy
from functools import wraps
from typing import Any
from weakref import WeakSet, proxy

from .._rustgrad import Tensor, float32, float64, get_default_dtype, tensor
from ..utils.hooks import HookDict, RemovableHandle
from .helpers import (
    ParamsT,
    _default_to_fused_or_foreach,  # noqa: F401
    _disable_dynamo_if_unsupported,  # noqa: F401
    _dispatch_sqrt,  # noqa: F401
    _get_capturable_supported_devices,  # noqa: F401
    _get_value,  # noqa: F401
    _stack_if_compiling,  # noqa: F401
    _use_grad_for_differentiable,  # noqa: F401
    _view_as_real,  # noqa: F401
)

__all__ = [
    "Optimizer",
    "ParamsT",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
    "required",
]

# Hooks of the steps of all optimizers, and the optimizers that are alive, which the first such hook has to reach.
_global_optimizer_pre_hooks = HookDict()
_global_optimizer_post_hooks = HookDict()
_alive: WeakSet = WeakSet()


class _Required:
    """Stands in `defaults` for an option that every group must give."""

    def __repr__(self):
        return "<required parameter>"


required = _Required()


def check(valid: bool, what: str, value) -> None:
    """Refuse the value of an option, in PyTorch's words."""
    if not valid:
        raise ValueError(f"Invalid {what}: {value}")


def as_step(value):
    """A count of steps as the 0-d tensor that state dicts hold."""
    return tensor(float(value), dtype=float64 if get_default_dtype() == float64 else float32)


class Optimizer:
    """Base class of all optimizers: subclasses define `step`.

    params: tensors, or (name, tensor) pairs, or dicts with such a list under "params" and options of that group.
    defaults: options of groups that do not give their own.
    """

    def __init__(self, params, defaults) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + params.type()
            )
        self.defaults = defaults
        self.state = defaultdict(dict)
        self.param_groups = []
        self._begin()
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def _begin(self):
        """Make this optimizer known to hooks of all optimizers."""
        _alive.add(self)
        if _global_optimizer_pre_hooks or _global_optimizer_post_hooks:
            self._hook_step()

    @property
    def _zero_grad_profile_name(self):
        return f"Optimizer.zero_grad#{type(self).__name__}.zero_grad"

    # --- groups

    def add_param_group(self, param_group) -> None:
        """Optimize further parameters, with the options of `param_group` in front of the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        given = param_group["params"]
        if isinstance(given, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in "
                "sets will change between runs. Please use a list instead."
            )
        entries = [given] if isinstance(given, Tensor) else list(given)
        params = [entry[1] if isinstance(entry, tuple) else entry for entry in entries]
        names = [entry[0] for entry in entries if isinstance(entry, tuple)]
        if names and len(names) != len(params):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        for param in params:
            if not isinstance(param, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(param).__qualname__}"
                )
            if not (self.defaults.get("differentiable") or param.is_leaf or param.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
            if param.is_nested or param.is_sparse:
                kind = "nested" if param.is_nested else "sparse"
                raise NotImplementedError(
                    f"{type(self).__name__}: a {kind} tensor is no parameter here\n"
                    "hint: optimize its values, a dense leaf, and make the tensor of them in each step"
                )
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len(set(params)) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error",
                stacklevel=3,
            )
        for group in self.param_groups:
            if ("param_names" in group) != bool(names):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{'with' if names else 'without'} names to the optimizer"
                )
            if not set(group["params"]).isdisjoint(params):
                raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none=True) -> None:
        """Drop all gradients, or fill them with zeros."""
        for group in self.param_groups:
            if set_to_none:
                for param in group["params"]:
                    param.grad = None
            else:
                for param in group["params"]:
                    if param.grad is not None:
                        param.grad = param.grad.detach()
                        param.grad.zero_()

    def step(self, closure=None) -> Any:
        """Change the parameters once, from their gradients. Every subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} does not define step")

    # --- hooks

    def _hooks(self, name) -> HookDict:
        return self.__dict__.setdefault(name, HookDict())

    def _hook_step(self):
        """Put `_hooked_step` in front of the step of the class, or of one that the program has put there."""
        if not self._watches_steps():
            present = self.__dict__.get("step")
            if present is not None:
                self.__dict__["_own_step"] = present
            self.__dict__["step"] = _in_front(self)

    def _watch_steps(self):
        """Note from now on that a step was made, in `_opt_called`: schedules ask for it."""
        self._hook_step()

    def _watches_steps(self) -> bool:
        """Whether steps are still noted: the program may have replaced `step` since."""
        return hasattr(self.__dict__.get("step"), "_wrapped_by_lr_sched")

    def _hooked_step(self, *args, **kwargs):
        self._opt_called = True
        args = (self, *args)  # hooks see the optimizer in front, as PyTorch's do
        d, own = self.__dict__, self.__dict__.get("_own_step")
        for hook in [*_global_optimizer_pre_hooks.values(), *d.get("_optimizer_step_pre_hooks", {}).values()]:
            changed = hook(self, args, kwargs)
            if changed is not None:
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        f"{type(self).step} must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                    )
                args, kwargs = changed
        loss = type(self).step(*args, **kwargs) if own is None else own(*args[1:], **kwargs)
        for hook in [*d.get("_optimizer_step_post_hooks", {}).values(), *_global_optimizer_post_hooks.values()]:
            hook(self, args, kwargs)
        return loss

    def register_step_pre_hook(self, hook) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return changed (args, kwargs)."""
        self._hook_step()
        return self._hooks("_optimizer_step_pre_hooks").add(hook)

    def register_step_post_hook(self, hook) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        self._hook_step()
        return self._hooks("_optimizer_step_post_hooks").add(hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        """Call `hook(optimizer)` before the state is collected."""
        return self._hooks("_optimizer_state_dict_pre_hooks").add(hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend=False):
        """Call `hook(optimizer, state_dict)` on the collected state; it may return another."""
        return self._hooks("_optimizer_state_dict_post_hooks").add(hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        """Call `hook(optimizer, state_dict)` before loading; it may return another state dict."""
        return self._hooks("_optimizer_load_state_dict_pre_hooks").add(hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        """Call `hook(optimizer)` after loading."""
        return self._hooks("_optimizer_load_state_dict_post_hooks").add(hook, prepend)

    # --- state dicts

    def state_dict(self) -> dict[str, Any]:
        """`{"state": ..., "param_groups": ...}` with parameters replaced by their positions. Tensors are shared."""
        for hook in list(self._hooks("_optimizer_state_dict_pre_hooks").values()):
            hook(self)
        positions = {}
        for group in self.param_groups:
            for param in group["params"]:
                positions.setdefault(param, len(positions))
        groups = [
            {**{k: v for k, v in group.items() if k != "params"}, "params": [positions[p] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {positions.get(k, k) if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
        packed = {"state": state, "param_groups": groups}
        for hook in list(self._hooks("_optimizer_state_dict_post_hooks").values()):
            changed = hook(self, packed)
            if changed is not None:
                packed = changed
        return packed

    def load_state_dict(self, state_dict) -> None:
        """Take back what `state_dict` returned. Its tensors are cast to the dtype of their parameter."""
        state_dict = dict(state_dict)
        for hook in list(self._hooks("_optimizer_load_state_dict_pre_hooks").values()):
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        groups, saved = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(mine["params"]) != len(theirs["params"]) for mine, theirs in zip(groups, saved)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        param_of = {
            key: param for mine, theirs in zip(groups, saved) for key, param in zip(theirs["params"], mine["params"])
        }
        state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in param_of:
                state[param_of[key]] = _fitted(param_of[key], value)
            else:
                state[key] = value
        for mine, theirs in zip(groups, saved):
            theirs["params"] = mine["params"]
            if "param_names" in mine:
                theirs.setdefault("param_names", mine["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in list(self._hooks("_optimizer_load_state_dict_post_hooks").values()):
            hook(self)

    def __getstate__(self):
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state):
        """Take over a pickled or loaded state; options that it does not know take their defaults."""
        self.__dict__.update(state)
        self._begin()
        for group in self.param_groups:
            for name, default in self.defaults.items():
                group.setdefault(name, default)

    def __repr__(self):
        text = f"{type(self).__name__} ("
        for index, group in enumerate(self.param_groups):
            text += f"\nParameter Group {index}\n"
            text += "".join(f"    {name}: {group[name]}\n" for name in sorted(group) if name != "params")
        return text + ")"


def _in_front(optimizer):
    """The function that takes the place of `step`. It holds the optimizer weakly: a bound method in the optimizer's own
    dict would keep parameters and state in memory until Python looks for cycles.
    """
    weak: Any = proxy(optimizer)

    @wraps(type(optimizer).step)
    def step(*args, **kwargs):
        return weak._hooked_step(*args, **kwargs)

    marked: Any = step
    marked._wrapped_by_lr_sched = True  # PyTorch's name: programs that replace `step` by a wrapper copy or ask for it
    return step


def _fitted(param, value, key=None):
    """A copy of saved state in the dtype and on the device of its parameter; counts of steps stay as they are."""
    if isinstance(value, Tensor):
        if key == "step":
            return value.clone()
        return value.to(device=param.device, dtype=param.dtype if param.is_floating_point() else value.dtype, copy=True)
    if isinstance(value, dict):
        return {k: _fitted(param, v, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        kind: Any = type(value)
        return kind(_fitted(param, v) for v in value)
    return value


def register_optimizer_step_pre_hook(hook) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before each step of every optimizer, before the optimizer's own hooks."""
    return _add_global(_global_optimizer_pre_hooks, hook)


def register_optimizer_step_post_hook(hook) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after each step of every optimizer, after the optimizer's own hooks."""
    return _add_global(_global_optimizer_post_hooks, hook)


def _add_global(hooks, hook):
    for optimizer in list(_alive):
        optimizer._hook_step()
    return hooks.add(hook)
