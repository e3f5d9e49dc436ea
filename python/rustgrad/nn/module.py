"""Module: a function with parameters, buffers and submodules, found by assigning them to attributes.

Calling one without hooks costs a single flag test over calling its `forward`. State dicts are in `state.py`, what is
registered in `registry.py`.
"""

from __future__ import annotations

import warnings

from .. import _rustgrad
from .._rustgrad import Tensor, _library, _set_grad_enabled
from ..utils.hooks import HookDict, RemovableHandle
from .parameter import Buffer, Parameter
from .registry import BUFFER, MODULE, PARAMETER, UNSAVED_BUFFER, Registered
from .state import StateMixin

__all__ = ["Module"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _typename(obj) -> str:
    from .. import typename

    return typename(obj)


def _check_name(kind: str, name) -> None:
    if not isinstance(name, str):
        raise TypeError(f"{kind} name should be a string. Got {_typename(name)}")
    if "." in name:
        raise KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if kind == "module" else ""))
    if name == "":
        raise KeyError(f'{kind} name can\'t be empty string ""')


def _no_forward(self, *input):
    raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')


class Module(StateMixin):
    """Base class of all layers and models.

    Assigning a Parameter, a Buffer or a Module to an attribute registers it. Subclasses define `forward`, and are
    called as functions.
    """

    training: bool
    _hooked = False  # set with the first hook; the only thing that a call looks at

    def __init__(self, *args, **kwargs):
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
        d["_forward_pre_hooks"] = HookDict()
        d["_forward_hooks"] = HookDict()

    # --- calling

    # Compute the module's output. Every subclass defines it, with arguments of its own.
    forward: Callable[..., Any] = _no_forward

    def __call__(self, *args, **kwargs):
        if self._hooked:
            return self._call_hooked(args, kwargs)
        return self.forward(*args, **kwargs)

    def _call_hooked(self, args, kwargs):
        d = self.__dict__
        before, after = d["_forward_pre_hooks"], d["_forward_hooks"]
        if not before and not after:
            self.__dict__["_hooked"] = False
            return self.forward(*args, **kwargs)
        pending = {id(entry): entry for entry in after.values() if entry[2]}  # those to run even after an error
        result = None
        try:
            for hook, with_kwargs, _ in list(before.values()):
                if with_kwargs:
                    changed = hook(self, args, kwargs)
                    if changed is not None:
                        if not (isinstance(changed, tuple) and len(changed) == 2):
                            raise RuntimeError(
                                "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                                f"but got {changed}."
                            )
                        args, kwargs = changed
                else:
                    changed = hook(self, args)
                    if changed is not None:
                        args = changed if isinstance(changed, tuple) else (changed,)
            result = self.forward(*args, **kwargs)
            for entry in list(after.values()):
                pending.pop(id(entry), None)
                hook, with_kwargs, _ = entry
                changed = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
                if changed is not None:
                    result = changed
            return result
        except Exception:
            for hook, with_kwargs, _ in pending.values():
                try:
                    changed = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
                    if changed is not None:
                        result = changed
                except Exception as error:
                    warnings.warn(
                        "module forward hook with ``always_call=True`` raised an exception "
                        f"that was silenced as another error was raised in forward: {error}",
                        stacklevel=2,
                    )
            raise

    def _add_hook(self, hooks, hook, with_kwargs, always_call, prepend):
        handle = RemovableHandle(hooks)
        older = dict(hooks) if prepend else None
        hooks[handle.id] = (hook, with_kwargs, always_call)
        if older:
            for key in older:
                hooks[key] = hooks.pop(key)
        self.__dict__["_hooked"] = True
        return handle

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call `hook(module, args)` before `forward`; what it returns, if not None, replaces the arguments."""
        return self._add_hook(self._forward_pre_hooks, hook, with_kwargs, False, prepend)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Call `hook(module, args, output)` after `forward`; what it returns, if not None, replaces the output."""
        return self._add_hook(self._forward_hooks, hook, with_kwargs, always_call, prepend)

    # --- attributes

    def _before_init(self, what: str) -> AttributeError:
        return AttributeError(f"cannot assign {what} before Module.__init__() call")

    def __setattr__(self, name, value):
        d = self.__dict__
        names = d.get("_registered")
        if isinstance(value, Parameter):
            if names is None:
                raise self._before_init("parameters")
            if names.get(name, PARAMETER) != PARAMETER or name not in names:
                names.pop(name, None)
                d.pop(name, None)
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            if names is None:
                raise self._before_init("module")
            if names.get(name) == PARAMETER:
                raise TypeError(
                    f"cannot assign '{_typename(value)}' as parameter '{name}' "
                    f"({_library()}.nn.Parameter or None expected)"
                )
            if names.get(name) != MODULE:
                names.pop(name, None)
                names[name] = MODULE
            d[name] = value
        elif names is not None and name in names:
            self._reassign(names[name], name, value)
        elif isinstance(value, Buffer):
            if names is None:
                raise self._before_init("buffer")
            d.pop(name, None)
            self.register_buffer(name, value, value.persistent)
        else:
            object.__setattr__(self, name, value)

    def _reassign(self, kind, name, value):
        """Give a registered name another value, which is neither a Parameter nor a Module."""
        if kind in (BUFFER, UNSAVED_BUFFER):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{_typename(value)}' as buffer '{name}' "
                    f"({_library()}.nn.Buffer, {_library()}.Tensor or None expected)"
                )
            persistent = value.persistent if isinstance(value, Buffer) else kind == BUFFER
            self.register_buffer(name, value, persistent)
        elif value is not None:
            what, wanted = ("parameter", "Parameter") if kind == PARAMETER else ("child module", "Module")
            raise TypeError(
                f"cannot assign '{_typename(value)}' as {what} '{name}' ({_library()}.nn.{wanted} or None expected)"
            )
        else:
            self.__dict__[name] = None

    def __getattr__(self, name):
        from .._names import member

        raise member("torch.nn.Module", name, self)

    def __delattr__(self, name):
        names = self.__dict__.get("_registered")
        if names is not None and name in names:
            del names[name], self.__dict__[name]
        else:
            object.__delattr__(self, name)

    def register_parameter(self, name, param):
        """Register `param` (a Parameter or None) under `name`."""
        names = self.__dict__.get("_registered")
        if names is None:
            raise self._before_init("parameter")
        _check_name("parameter", name)
        if names.get(name) != PARAMETER and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{_typename(param)}' object to parameter '{name}' "
                    f"({_library()}.nn.Parameter or None required)"
                )
            if not param.is_leaf:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly. To express '{name}' as a function of another Tensor, compute the value in "
                    "the forward() method."
                )
        names[name] = PARAMETER
        self.__dict__[name] = param

    def register_buffer(self, name, tensor, persistent=True):
        """Register a tensor (or None) that belongs to the module's state but is no parameter.

        persistent: whether it is part of the state dict.
        """
        names = self.__dict__.get("_registered")
        if names is None:
            raise self._before_init("buffer")
        _check_name("buffer", name)
        if names.get(name) not in (BUFFER, UNSAVED_BUFFER) and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_typename(tensor)}' object to buffer '{name}' (rustgrad Tensor or None required)"
            )
        names[name] = BUFFER if persistent else UNSAVED_BUFFER
        self.__dict__[name] = tensor

    def add_module(self, name, module):
        """Register `module` (a Module or None) under `name`."""
        names = self.__dict__.get("_registered")
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_typename(module)} is not a Module subclass")
        if names is None:
            raise self._before_init("module")
        _check_name("module", name)
        if names.get(name) != MODULE and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")
        names[name] = MODULE
        self.__dict__[name] = module

    def register_module(self, name, module):
        """Another name of `add_module`."""
        self.add_module(name, module)

    @property
    def _parameters(self):
        return Registered(self, PARAMETER)

    @property
    def _buffers(self):
        return Registered(self, BUFFER, UNSAVED_BUFFER)

    @property
    def _modules(self):
        return Registered(self, MODULE)

    @property
    def _non_persistent_buffers_set(self):
        return {name for name, kind in self.__dict__["_registered"].items() if kind == UNSAVED_BUFFER}

    def __dir__(self):
        return sorted({*object.__dir__(self)} - {"_registered"})

    # --- walking the tree

    def _members(self, *kinds):
        """(name, value) of what this module itself has registered, None left out."""
        d = self.__dict__
        return [(k, v) for k, kind in d["_registered"].items() if kind in kinds and (v := d[k]) is not None]

    def named_children(self):
        """(name, module) of the direct submodules; one that occurs twice comes once."""
        seen = set()
        for name, module in self._members(MODULE):
            if module not in seen:
                seen.add(module)
                yield name, module

    def children(self):
        """The direct submodules."""
        for _, module in self.named_children():
            yield module

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """(dotted name, module) of this module and all below it, parents first."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._members(MODULE):
            yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self):
        """This module and all below it."""
        for _, module in self.named_modules():
            yield module

    def _named_members(self, kinds, prefix, recurse, remove_duplicate):
        seen = set()
        owners = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for owner, module in owners:
            for name, value in module._members(*kinds):
                if remove_duplicate:
                    if value in seen:
                        continue
                    seen.add(value)
                yield (f"{owner}.{name}" if owner else name), value

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted name, parameter) of this module and, with `recurse`, of all below it."""
        return self._named_members((PARAMETER,), prefix, recurse, remove_duplicate)

    def parameters(self, recurse=True):
        """The parameters of this module and, with `recurse`, of all below it."""
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted name, buffer) of this module and, with `recurse`, of all below it."""
        return self._named_members((BUFFER, UNSAVED_BUFFER), prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        """The buffers of this module and, with `recurse`, of all below it."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target):
        """The submodule of the dotted name `target`; the module itself for an empty one."""
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
        """Put `module` in the place of the dotted name `target`; with `strict` it must exist already."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{type(parent).__name__} has no attribute `{name}`")
        setattr(parent, name, module)

    def get_parameter(self, target):
        """The parameter of the dotted name `target`."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        if not isinstance(getattr(module, name), Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return getattr(module, name)

    def get_buffer(self, target):
        """The buffer of the dotted name `target`."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return getattr(module, name)

    def apply(self, fn):
        """Call `fn` on every submodule, children first, then on the module itself; return self."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # --- modes and gradients

    def train(self, mode=True):
        """Training mode for this module and all below it; it changes Dropout and its kin. Return self."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        """Evaluation mode: `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Whether backward computes gradients of this module's parameters. Return self."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Drop the gradients of all parameters, or fill them with zeros."""
        for param in self.parameters():
            if param.grad is None:
                continue
            if set_to_none:
                param.grad = None
            else:
                param.grad = param.grad.detach()
                param.grad.zero_()

    # --- conversion

    def _apply(self, fn, recurse=True):
        """Replace the values of all parameters, gradients and buffers by `fn` of them; parameters stay themselves."""
        if recurse:
            for module in self.children():
                module._apply(fn, recurse)
        outer = _set_grad_enabled(False)
        try:
            for _, param in self._members(PARAMETER):
                grad, value = param.grad, fn(param)
                if grad is None:
                    param.data = value
                else:
                    param.grad = None
                    param.data = value
                    grad.data = fn(grad)
                    param.grad = grad
        finally:
            _set_grad_enabled(outer)
        for name, buffer in self._members(BUFFER, UNSAVED_BUFFER):
            self.__dict__[name] = fn(buffer)
        return self

    def _cast(self, dtype):
        return self._apply(lambda x: x.to(dtype) if x.is_floating_point() else x)

    def to(self, *args, **kwargs):
        """Move and cast parameters and buffers: `to(device)`, `to(dtype)`, `to(device, dtype)` or `to(tensor)`.

        Only floating point values are cast. The module itself changes and is returned.
        """
        device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
        other = kwargs.pop("tensor", None)
        kwargs.pop("non_blocking", None)
        kwargs.pop("memory_format", None)
        for arg in args:
            if isinstance(arg, Tensor):
                other = arg
            elif isinstance(arg, _rustgrad.dtype):
                dtype = arg
            elif isinstance(arg, (str, int, _rustgrad.device)) and not isinstance(arg, bool):
                device = arg
            elif arg is not None and not isinstance(arg, bool):
                raise TypeError(f"to() received an invalid combination of arguments - got ({type(arg).__name__})")
        if kwargs:
            raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
        if other is not None:
            device, dtype = other.device, other.dtype
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        if device is None:
            return self if dtype is None else self._cast(dtype)
        if dtype is None:
            return self._apply(lambda x: x.to(device))
        return self._apply(lambda x: x.to(device, dtype) if x.is_floating_point() else x.to(device))

    def type(self, dst_type):
        """Cast all parameters and buffers to `dst_type`, integers too."""
        return self._apply(lambda x: x.type(dst_type))

    def float(self):
        """Cast floating point parameters and buffers to float32."""
        return self._cast(_rustgrad.float32)

    def double(self):
        """Cast floating point parameters and buffers to float64."""
        return self._cast(_rustgrad.float64)

    def half(self):
        """Cast floating point parameters and buffers to float16."""
        return self._cast(_rustgrad.float16)

    def bfloat16(self):
        """Cast floating point parameters and buffers to bfloat16."""
        return self._cast(_rustgrad.bfloat16)

    def cpu(self):
        """Move all parameters and buffers to the CPU."""
        return self._apply(lambda x: x.cpu())

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
        lines += [f"({name}): " + _indented(repr(module)) for name, module in children]
        return f"{self._get_name()}(" + ("\n  " + "\n  ".join(lines) + "\n" if lines else "") + ")"


def _indented(text: str) -> str:
    """All lines but the first moved in by two; blank ones stay empty."""
    first, *rest = text.split("\n")
    return "\n".join([first, *("  " + line if line.strip() else "" for line in rest)])
