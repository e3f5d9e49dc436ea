"""Module: a function with parameters, buffers and submodules, found by assigning them to attributes.

Calling one without hooks costs a single flag test over calling its `forward`. The parts of a Module stand in files of
their own beside this folder: `registration.py` (members), `hooks.py`, `state.py` (state dicts), `tree.py` (walking),
`conversion.py` (moving and casting), `explain.py` (the path that an error has taken).
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, Self

from ...utils.hooks import HookDict
from ..conversion import ConversionMixin
from ..explain import add_path
from ..hooks import (
    ForwardHooks,
    HooksMixin,
    _global_backward_hooks,
    _global_backward_pre_hooks,
    _global_buffer_registration_hooks,
    _global_forward_hooks,
    _global_forward_pre_hooks,
    _global_module_registration_hooks,
    _global_parameter_registration_hooks,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from ..registration import RegistrationMixin
from ..registry import hold
from ..state import _EXTRA_STATE_KEY_SUFFIX as _EXTRA_STATE_KEY_SUFFIX
from ..state import StateMixin
from ..state import _IncompatibleKeys as _IncompatibleKeys
from ..tree import TreeMixin

__all__ = [
    "Module",
    "_global_backward_hooks",
    "_global_backward_pre_hooks",
    "_global_buffer_registration_hooks",
    "_global_forward_hooks",
    "_global_forward_pre_hooks",
    "_global_module_registration_hooks",
    "_global_parameter_registration_hooks",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]


# Tables of hooks that come into being with the first hook. Programs that look at one before that find it empty.
_HOOK_TABLES = {
    "_forward_pre_hooks": ForwardHooks,
    "_forward_hooks": ForwardHooks,
    **dict.fromkeys(
        (
            "_backward_hooks",
            "_backward_pre_hooks",
            "_state_dict_hooks",
            "_state_dict_pre_hooks",
            "_load_state_dict_pre_hooks",
            "_load_state_dict_post_hooks",
        ),
        HookDict,
    ),
}


def _no_forward(self, *input: Any) -> None:
    raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')


class Module(RegistrationMixin, HooksMixin, StateMixin, TreeMixin, ConversionMixin):
    """Base class of all layers and models.

    Assigning a Parameter, a Buffer or a Module to an attribute registers it. Subclasses define `forward`, and are
    called as functions. An exception inside a call gets a note that names the module's path and its inputs' shapes.
    """

    training: bool
    dump_patches = False
    # Whether Module.__init__ calls the next class of the method resolution order, for multiple inheritance.
    call_super_init = False

    def __init__(self, *args, **kwargs) -> None:
        if not self.call_super_init:
            if kwargs:
                raise TypeError(
                    f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
                )
            if args:
                raise TypeError(
                    f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given"
                )
        d = self.__dict__
        d["training"] = True
        d["_registered"] = {}
        hold(self)
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # --- calling

    # Compute the module's output. Every subclass defines it, with arguments of its own.
    forward: Callable[..., Any] = _no_forward

    def __call__(self, *args, **kwargs) -> Any:
        try:
            if self._hooked:
                return self._call_hooked(args, kwargs)
            return self.forward(*args, **kwargs)
        except Exception as error:
            add_path(error, self, args, kwargs)
            raise

    def compile(self, *args, **kwargs):
        """Accept what PyTorch's `compile` takes, change nothing, and return self: every call runs eagerly."""
        return self

    # --- attributes

    def __getattr__(self, name) -> Any:
        names = self.__dict__.get("_registered")
        if names is not None:
            if name in names:  # programs call `self.__getattr__("layer_1")` themselves
                return self.__dict__[name]
            if name in _HOOK_TABLES:
                return self._hooks(name, _HOOK_TABLES[name])
        from ..._names import member

        raise member("torch.nn.Module", name, self)

    def __delattr__(self, name) -> None:
        names = self.__dict__.get("_registered")
        if names is not None and name in names:
            del names[name], self.__dict__[name]
        else:
            object.__delattr__(self, name)

    def __setstate__(self, state):
        if "_parameters" in state and "_registered" not in state:  # as PyTorch's files have it
            from ...serialization.modules import restore_module

            return restore_module(self, state)
        self.__dict__.update(state)
        # A shallow copy registers for itself.
        self.__dict__["_registered"] = dict(self.__dict__.get("_registered", {}))
        hold(self)

    def __dir__(self):
        names = {*object.__dir__(self), "_parameters", "_buffers", "_modules"} - {"_registered"}
        return sorted(name for name in names if not name[0].isdigit())

    # --- modes and gradients

    def train(self, mode=True) -> Self:
        """Training mode for this module and all below it; it changes Dropout and its kin. Return self."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Evaluation mode: `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True) -> Self:
        """Whether backward computes gradients of this module's parameters. Return self."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for param in self.parameters():
            if param.grad is None:
                continue
            if set_to_none:
                param.grad = None
            else:
                param.grad = param.grad.detach()
                param.grad.zero_()

    # --- printing

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the brackets of the module's repr, before its submodules."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = self._modules.items()
        if not children and len(lines) == 1:
            return f"{self._get_name()}({extra})"
        lines += [f"({name}): " + _addindent(repr(module), 2) for name, module in children]
        return f"{self._get_name()}(" + ("\n  " + "\n  ".join(lines) + "\n" if lines else "") + ")"


def _addindent(s_: str, numSpaces: int) -> str:
    """All lines of `s_` but the first moved in by spaces; blank ones stay empty."""
    first, *rest = s_.split("\n")
    return "\n".join([first, *(" " * numSpaces + line if line.strip() else "" for line in rest)])


def _own(*mixins) -> None:
    """Lets methods that stand in other files say whose they are: `<generator object Module.parameters>`."""
    for mixin in mixins:
        for name, method in vars(mixin).items():
            if isinstance(method, FunctionType):
                method.__module__, method.__qualname__ = __name__, f"Module.{name}"


_own(ConversionMixin, HooksMixin, RegistrationMixin, StateMixin, TreeMixin)
