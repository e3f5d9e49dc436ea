"""Hooks of modules: those of one module, those of all modules, and the call that runs them.

A module without hooks never comes here: its call looks at one flag, `_hooked`. The first hook of a module sets the flag
on that module, the first global hook sets it on the class; `call` takes it off again when no hook is left.
"""

from __future__ import annotations

import warnings

from ..utils.hooks import HookDict, RemovableHandle

__all__ = [
    "HooksMixin",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ForwardHooks(HookDict):
    """Hooks of the forward pass, and the ids of those that take keyword arguments or run after an error as well."""

    __slots__ = ("always", "with_kwargs")

    def __init__(self, hooks=(), with_kwargs=(), always=()) -> None:
        super().__init__(hooks)
        self.with_kwargs, self.always = {*with_kwargs}, {*always}

    def __reduce__(self) -> Any:
        return ForwardHooks, (dict(self), self.with_kwargs, self.always)

    def add(self, hook, prepend=False, with_kwargs=False, always=False) -> RemovableHandle:
        handle = super().add(hook, prepend)
        if with_kwargs:
            self.with_kwargs.add(handle.id)
        if always:
            self.always.add(handle.id)
        return handle


# Hooks of all modules. The names are PyTorch's; `nn.modules.module` shows them too.
_global_forward_pre_hooks = ForwardHooks()
_global_forward_hooks = ForwardHooks()
_global_backward_pre_hooks = HookDict()
_global_backward_hooks = HookDict()
_global_parameter_registration_hooks = HookDict()
_global_buffer_registration_hooks = HookDict()
_global_module_registration_hooks = HookDict()
_NONE = ForwardHooks()


def _any_global() -> bool:
    tables = (_global_forward_pre_hooks, _global_forward_hooks, _global_backward_pre_hooks, _global_backward_hooks)
    return any(tables)


class HooksMixin:
    """Registration of hooks, and the call of a module that has some."""

    _hooked = False  # whether a call has to look for hooks
    # Whether the hooks in `_backward_hooks` are full ones; None as long as there was none. One kind excludes the other.
    _is_full_backward_hook: bool | None = None
    if TYPE_CHECKING:
        forward: Any

    def _hooks(self, name, kind=HookDict) -> Any:
        """The table `name` of this module's hooks, made when first needed."""
        return self.__dict__.setdefault(name, kind())

    # --- registration

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False) -> RemovableHandle:
        """Call `hook(module, args)` before `forward`; what it returns, if not None, replaces the arguments.

        prepend: before the hooks that are there. with_kwargs: call `hook(module, args, kwargs)`, which returns None
        or a pair of both. Global hooks run first in any case.
        """
        self.__dict__["_hooked"] = True
        return self._hooks("_forward_pre_hooks", ForwardHooks).add(hook, prepend, with_kwargs)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False) -> RemovableHandle:
        """Call `hook(module, args, output)` after `forward`; what it returns, if not None, replaces the output.

        with_kwargs: call `hook(module, args, kwargs, output)`. always_call: also where `forward` or a hook raised; the
        output is None then.
        """
        self.__dict__["_hooked"] = True
        return self._hooks("_forward_hooks", ForwardHooks).add(hook, prepend, with_kwargs, always_call)

    def register_full_backward_pre_hook(self, hook, prepend=False) -> RemovableHandle:
        """Call `hook(module, grad_output)` before the module's backward; a tuple it returns takes the place."""
        self.__dict__["_hooked"] = True
        return self._hooks("_backward_pre_hooks").add(hook, prepend)

    def register_full_backward_hook(self, hook, prepend=False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of all positional arguments are known.

        Both are tuples, with None where there is no gradient. A tuple it returns replaces `grad_input`.
        Raises RuntimeError where the module has hooks of the older kind (`register_backward_hook`).
        """
        return self._add_backward_hook(hook, True, prepend)

    def register_backward_hook(self, hook) -> RemovableHandle:
        """The older form, which sees only the last node that the module recorded; use `register_full_backward_hook`."""
        return self._add_backward_hook(hook, False)

    def _add_backward_hook(self, hook, full, prepend=False):
        d = self.__dict__
        if d.get("_is_full_backward_hook") is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. "
                "Please use only one of them."
            )
        d["_is_full_backward_hook"] = full
        d["_hooked"] = True
        return self._hooks("_backward_hooks").add(hook, prepend)

    # --- the call

    def _call_hooked(self, args, kwargs):
        d = self.__dict__
        before, after = d.get("_forward_pre_hooks", _NONE), d.get("_forward_hooks", _NONE)
        full, regular = self._get_backward_hooks()
        pre = self._get_backward_pre_hooks()
        everywhere = _any_global()
        if not (before or after or full or regular or pre or everywhere):
            _unflag(d)
            return self.forward(*args, **kwargs)
        result, done = None, set()
        try:
            for hook in list(_global_forward_pre_hooks.values()):
                changed = hook(self, args)
                if changed is not None:
                    args = changed if isinstance(changed, tuple) else (changed,)
            for key, hook in list(before.items()):
                args, kwargs = self._run_pre_hook(hook, args, kwargs, key in before.with_kwargs)
            backward = None
            if full or pre:
                from .backward_hooks import BackwardHooks

                backward = BackwardHooks(self, full, pre)
                args = backward.on_inputs(args)
            result = self.forward(*args, **kwargs)
            for hooks in (_global_forward_hooks, after):
                for key, hook in list(hooks.items()):
                    done.add((id(hooks), key))
                    changed = self._run_hook(hook, args, kwargs, result, key in hooks.with_kwargs)
                    if changed is not None:
                        result = changed
            if backward is not None:
                result = backward.on_output(result)
            if regular:
                from .backward_hooks import hook_last_node

                hook_last_node(self, regular, args, result)
            return result
        except Exception:
            self._run_always_called(args, kwargs, result, done)
            raise

    def _run_pre_hook(self, hook, args, kwargs, with_kwargs):
        if not with_kwargs:
            changed = hook(self, args)
            return (args if changed is None else changed if isinstance(changed, tuple) else (changed,)), kwargs
        changed = hook(self, args, kwargs)
        if changed is None:
            return args, kwargs
        if not (isinstance(changed, tuple) and len(changed) == 2):
            raise RuntimeError(
                f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}."
            )
        return changed

    def _run_hook(self, hook, args, kwargs, result, with_kwargs):
        return hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)

    def _run_always_called(self, args, kwargs, result, done):
        """After an error: the hooks with `always_call` that have not run; what they raise becomes a warning."""
        own = self.__dict__.get("_forward_hooks", _NONE)
        for what, hooks in (("global module", _global_forward_hooks), ("module", own)):
            for key, hook in list(hooks.items()):
                if key not in hooks.always or (id(hooks), key) in done:
                    continue
                try:
                    changed = self._run_hook(hook, args, kwargs, result, key in hooks.with_kwargs)
                    if changed is not None:
                        result = changed
                except Exception as error:
                    warnings.warn(
                        f"{what} forward hook with ``always_call=True`` raised an exception "
                        f"that was silenced as another error was raised in forward: {error}",
                        stacklevel=4,
                    )

    def _get_backward_hooks(self):
        """The full backward hooks, and those of the older kind; global ones first."""
        own = list(self.__dict__.get("_backward_hooks", {}).values())
        everywhere = list(_global_backward_hooks.values())
        full, regular = (everywhere, []) if _kinds.full else ([], everywhere)
        if self.__dict__.get("_is_full_backward_hook") is False:
            return full, regular + own
        return full + own, regular

    def _get_backward_pre_hooks(self):
        return [*_global_backward_pre_hooks.values(), *self.__dict__.get("_backward_pre_hooks", {}).values()]


class _Kinds:
    """Whether the global backward hooks are full ones; None as long as there was none."""

    full: bool | None = None


_kinds = _Kinds()


def _unflag(d):
    """No hook is left for this module, nor for all: the next call goes straight to `forward`."""
    d.pop("_hooked", None)
    HooksMixin._hooked = False


def run_registration_hooks(hooks, module, name, value):
    """What the global hooks on registrations make of `value`."""
    for hook in list(hooks.values()):
        changed = hook(module, name, value)
        if changed is not None:
            value = changed
    return value


# --- hooks of all modules


def register_module_forward_pre_hook(hook) -> RemovableHandle:
    """Call `hook(module, args)` before the forward of every module, and before the module's own hooks."""
    HooksMixin._hooked = True
    return _global_forward_pre_hooks.add(hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False) -> RemovableHandle:
    """Call `hook(module, args, output)` after the forward of every module, and before the module's own hooks."""
    HooksMixin._hooked = True
    return _global_forward_hooks.add(hook, False, with_kwargs, always_call)


def register_module_full_backward_pre_hook(hook) -> RemovableHandle:
    """Call `hook(module, grad_output)` before the backward of every module."""
    HooksMixin._hooked = True
    return _global_backward_pre_hooks.add(hook)


def register_module_full_backward_hook(hook) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` when the gradients of any module's inputs are known."""
    return _add_global_backward_hook(hook, True)


def register_module_backward_hook(hook) -> RemovableHandle:
    """The older form of `register_module_full_backward_hook`."""
    return _add_global_backward_hook(hook, False)


def _add_global_backward_hook(hook, full):
    if _kinds.full is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. "
            "Please use only one of them."
        )
    _kinds.full = full
    HooksMixin._hooked = True
    return _global_backward_hooks.add(hook)


def register_module_parameter_registration_hook(hook) -> RemovableHandle:
    """Call `hook(module, name, parameter)` for every parameter that is registered; it may return another one."""
    return _global_parameter_registration_hooks.add(hook)


def register_module_buffer_registration_hook(hook) -> RemovableHandle:
    """Call `hook(module, name, buffer)` for every buffer that is registered; it may return another one."""
    return _global_buffer_registration_hooks.add(hook)


def register_module_module_registration_hook(hook) -> RemovableHandle:
    """Call `hook(module, name, submodule)` for every submodule that is registered; it may return another one."""
    return _global_module_registration_hooks.add(hook)
