"""State dicts of a Module: saving, loading, and saying what does not fit. A mixin: Module provides the members."""

from collections import OrderedDict, namedtuple
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._rustgrad import Tensor, _library, _set_grad_enabled
from ..utils.hooks import HookDict, RemovableHandle
from .parameter import Parameter
from .registry import BUFFER, MODULE, PARAMETER

_EXTRA_STATE = "_extra_state"


class StateDict(OrderedDict):
    """An ordered dict of tensors by dotted name, with the versions of the modules in `_metadata`."""

    _metadata: OrderedDict


class IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` did not find, and what it found without a use for it."""

    __slots__ = ()

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return "_" + super().__repr__()

    __str__ = __repr__


class StateMixin:
    """`state_dict`, `load_state_dict`, and the hooks around them."""

    _version = 1
    if TYPE_CHECKING:

        def _members(self, *kinds) -> list[tuple[str, Any]]: ...

    def _state_hooks(self, name) -> HookDict:
        return self.__dict__.setdefault(name, HookDict())

    def _add_state_hook(self, name, hook) -> RemovableHandle:
        hooks = self._state_hooks(name)
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        return handle

    def register_state_dict_pre_hook(self, hook):
        """Call `hook(module, prefix, keep_vars)` before the module's state is collected."""
        return self._add_state_hook("_state_dict_pre_hooks", hook)

    def register_state_dict_post_hook(self, hook):
        """Call `hook(module, state_dict, prefix, local_metadata)` on the state dict, which it may change."""
        return self._add_state_hook("_state_dict_hooks", hook)

    def register_load_state_dict_pre_hook(self, hook):
        """Call `hook(module, state_dict, prefix, metadata, strict, missing, unexpected, errors)` before loading."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        return self._add_state_hook("_load_state_dict_pre_hooks", (hook, with_module))

    def register_load_state_dict_post_hook(self, hook):
        """Call `hook(module, incompatible_keys)` after loading; it may change the lists of keys."""
        return self._add_state_hook("_load_state_dict_post_hooks", hook)

    def get_extra_state(self):
        """State beside parameters and buffers, for modules that define it together with `set_extra_state`."""
        raise RuntimeError("Module.get_extra_state must be defined by a module that has extra state")

    def set_extra_state(self, state):
        """Take back what `get_extra_state` returned."""
        raise RuntimeError("Module.set_extra_state must be defined by a module that has extra state")

    # --- saving

    def state_dict(self, *, destination=None, prefix="", keep_vars=False):
        """Parameters and persistent buffers by dotted name. Values share memory with the module's."""
        if destination is None:
            destination = StateDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self.__dict__.get("_state_dict_pre_hooks", {}).values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._members(MODULE):
            module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self.__dict__.get("_state_dict_hooks", {}).values():
            if hook(self, destination, prefix, metadata) is not None:
                raise RuntimeError("state_dict post-hook must return None")
        return destination

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        """Write this module's own members, not those of its submodules."""
        for kind in (PARAMETER, BUFFER):
            for name, value in self._members(kind):
                destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not StateMixin.get_extra_state:
            destination[prefix + _EXTRA_STATE] = self.get_extra_state()

    # --- loading

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copy values from `state_dict` into this module's parameters and buffers.

        strict: names must match exactly. assign: take the tensors of `state_dict` themselves.
        Returns the missing and the unexpected keys; raises RuntimeError listing everything that does not fit.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing, unexpected, errors = [], [], []
        metadata = getattr(state_dict, "_metadata", None)
        own = StateDict(state_dict)
        if metadata is not None:
            own._metadata = metadata
        self._load_tree(own, "", metadata or {}, assign, missing, unexpected, errors)
        if strict:
            if unexpected:
                errors.insert(
                    0, "Unexpected key(s) in state_dict: {}. ".format(", ".join(f'"{k}"' for k in unexpected))
                )
            if missing:
                errors.insert(0, "Missing key(s) in state_dict: {}. ".format(", ".join(f'"{k}"' for k in missing)))
        if errors:
            listed = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listed}")
        return IncompatibleKeys(missing, unexpected)

    def _load_tree(self, state_dict, prefix, metadata, assign, missing, unexpected, errors):
        local = dict(metadata.get(prefix[:-1], {}))
        if assign:
            local["assign_to_params_buffers"] = assign
        self._load_from_state_dict(state_dict, prefix, local, True, missing, unexpected, errors)
        for name, module in self._members(MODULE):
            below = f"{prefix}{name}."
            part = {k: v for k, v in state_dict.items() if k.startswith(below)}
            module._load_tree(part, below, metadata, assign, missing, unexpected, errors)
        for hook in self.__dict__.get("_load_state_dict_post_hooks", {}).values():
            if hook(self, IncompatibleKeys(missing, unexpected)) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                    "values, if incompatible_keys need to be modified, it should be done inplace."
                )

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        """Load this module's own members, not those of its submodules. Modules with older formats override it."""
        for hook, with_module in self.__dict__.get("_load_state_dict_pre_hooks", {}).values():
            rest = (state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
            hook(self, *rest) if with_module else hook(*rest)
        own = dict(self._members(PARAMETER) + self._members(BUFFER))
        for name, value in own.items():
            key = prefix + name
            if key in state_dict:
                assign = local_metadata.get("assign_to_params_buffers", False)
                error = self._load_one(name, value, key, state_dict[key], assign)
                if error:
                    error_msgs.append(error)
            elif strict:
                missing_keys.append(key)
        extra = prefix + _EXTRA_STATE
        if type(self).set_extra_state is not StateMixin.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            modules = dict(self._members(MODULE))
            for key in state_dict:
                if key.startswith(prefix) and key != extra:
                    name, *below = key[len(prefix) :].split(".", 1)
                    if (name not in modules) if below else (name not in own):
                        unexpected_keys.append(key)

    def _load_one(self, name, mine, key, given, assign):
        """Copy `given` into the member `mine`, or put it in its place. Returns what went wrong, or None."""
        if not isinstance(given, Tensor):
            return (
                f'While copying the parameter named "{key}", expected {_library()}.Tensor or Tensor-like object from '
                f"checkpoint but received {type(given)}"
            )
        if mine.ndim == 0 and tuple(given.shape) == (1,):
            given = given[0]
        if given.shape != mine.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, "
                f"the shape in current model is {mine.shape}."
            )
        outer = _set_grad_enabled(False)
        try:
            if not assign:
                mine.copy_(given)
            elif isinstance(mine, Parameter):
                if isinstance(given, Parameter):
                    given.requires_grad_(mine.requires_grad)
                else:
                    given = Parameter(given, requires_grad=mine.requires_grad)
                setattr(self, name, given)
            else:
                setattr(self, name, given)
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are {mine.shape} and whose '
                f"dimensions in the checkpoint are {given.shape}, an exception occurred : {error.args}."
            )
        finally:
            _set_grad_enabled(outer)
        return None
