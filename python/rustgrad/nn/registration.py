"""Registering parameters, buffers and submodules with a Module, by assignment or by name. A mixin of Module."""

from .._rustgrad import Tensor, _library
from . import hooks
from .hooks import (
    _global_buffer_registration_hooks,
    _global_module_registration_hooks,
    _global_parameter_registration_hooks,
)
from .parameter import Buffer, Parameter
from .registry import BUFFER, MODULE, PARAMETER, UNSAVED_BUFFER, Registered, hold


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


class RegistrationMixin:
    """`__setattr__`, `register_*`, `add_module`, and the mappings of what is registered. Every Module is one."""

    def _before_init(self, what: str) -> AttributeError:
        return AttributeError(f"cannot assign {what} before Module.__init__() call")

    def __setattr__(self, name, value) -> None:
        d = self.__dict__
        names = d.get("_registered")
        if isinstance(value, Parameter):
            if names is None:
                raise self._before_init("parameters")
            if names.get(name, PARAMETER) != PARAMETER or name not in names:
                names.pop(name, None)
                d.pop(name, None)
            self.register_parameter(name, value)
        elif isinstance(value, RegistrationMixin):
            if names is None:
                raise self._before_init("module")
            if names.get(name) == PARAMETER:
                raise TypeError(
                    f"cannot assign '{_typename(value)}' as parameter '{name}' "
                    f"({_library()}.nn.Parameter or None expected)"
                )
            if _global_module_registration_hooks:
                value = hooks.run_registration_hooks(_global_module_registration_hooks, self, name, value)
            if names.get(name) != MODULE:
                names.pop(name, None)
                names[name] = MODULE
            d[name] = value
        elif names is not None and name in names:
            self._reassign(names[name], name, value)
        elif isinstance(value, Buffer):
            if names is None:
                raise self._before_init("buffer")
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
            if kind == MODULE and _global_module_registration_hooks:
                value = hooks.run_registration_hooks(_global_module_registration_hooks, self, name, value)
            self.__dict__[name] = value

    def register_parameter(self, name, param) -> None:
        """Register `param` (a Parameter or None) under `name`.

        Raises KeyError for a name that is no attribute name or is taken, TypeError for other values, ValueError for a
        tensor that was computed.
        """
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
            if _global_parameter_registration_hooks:
                param = hooks.run_registration_hooks(_global_parameter_registration_hooks, self, name, param)
        names[name] = PARAMETER
        self.__dict__[name] = param

    def register_buffer(self, name, tensor, persistent=True) -> None:
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
        if _global_buffer_registration_hooks:
            tensor = hooks.run_registration_hooks(_global_buffer_registration_hooks, self, name, tensor)
        names[name] = BUFFER if persistent else UNSAVED_BUFFER
        self.__dict__[name] = tensor

    def add_module(self, name, module) -> None:
        """Register `module` (a Module or None) under `name`."""
        names = self.__dict__.get("_registered")
        if module is not None and not isinstance(module, RegistrationMixin):
            raise TypeError(f"{_typename(module)} is not a Module subclass")
        if names is None:
            raise self._before_init("module")
        _check_name("module", name)
        if names.get(name) != MODULE and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")
        if _global_module_registration_hooks:
            module = hooks.run_registration_hooks(_global_module_registration_hooks, self, name, module)
        names[name] = MODULE
        self.__dict__[name] = module

    def register_module(self, name, module) -> None:
        """Another name of `add_module`."""
        self.add_module(name, module)

    @property
    def _parameters(self):
        return Registered(self, PARAMETER)

    @_parameters.setter
    def _parameters(self, members):
        self._parameters.replace(members)
        hold(self)

    @property
    def _buffers(self):
        return Registered(self, BUFFER, UNSAVED_BUFFER)

    @_buffers.setter
    def _buffers(self, members):
        self._buffers.replace(members)
        hold(self)

    @property
    def _modules(self):
        return Registered(self, MODULE)

    @_modules.setter
    def _modules(self, members):
        self._modules.replace(members)
        hold(self)

    @property
    def _non_persistent_buffers_set(self):
        return {name for name, kind in self.__dict__["_registered"].items() if kind == UNSAVED_BUFFER}
