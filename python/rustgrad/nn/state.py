"""State dicts of a Module: saving, loading, and saying what does not fit. A mixin: Module provides the members.

A state dict is an OrderedDict from dotted names to tensors; its attribute `_metadata` holds the version of each module.
"""

import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._rustgrad import Tensor, _library, _set_grad_enabled
from ..utils.hooks import HookDict, RemovableHandle
from .parameter import Parameter, is_lazy
from .registry import BUFFER, MODULE, PARAMETER

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"


class IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` did not find, and what it found without a use for it."""

    __slots__ = ()

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return "_" + super().__repr__()

    __str__ = __repr__


_IncompatibleKeys = IncompatibleKeys  # PyTorch's name


class StateMixin:
    """`state_dict`, `load_state_dict`, and the hooks around them."""

    _version = 1
    if TYPE_CHECKING:

        def _members(self, *kinds) -> list[tuple[str, Any]]: ...
        def _hooks(self, name, kind=HookDict) -> Any: ...

    def register_state_dict_pre_hook(self, hook) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before the module's state is collected."""
        return self._hooks("_state_dict_pre_hooks").add(hook)

    def register_state_dict_post_hook(self, hook) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` on the state dict, which it may change in place."""
        return self._hooks("_state_dict_hooks").add((hook, True))

    def _register_state_dict_hook(self, hook) -> RemovableHandle:
        """The older form, whose result, if not None, takes the place of the state dict. It belongs on a root module."""
        return self._hooks("_state_dict_hooks").add((hook, False))

    def register_load_state_dict_pre_hook(self, hook) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, metadata, strict, missing, unexpected, errors)` before loading."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False) -> RemovableHandle:
        return self._hooks("_load_state_dict_pre_hooks").add((hook, with_module))

    def register_load_state_dict_post_hook(self, hook) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after loading; it may change the lists of keys in place."""
        return self._hooks("_load_state_dict_post_hooks").add(hook)

    def get_extra_state(self) -> Any:
        """State beside parameters and buffers, for modules that define it together with `set_extra_state`."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called.\n"
            "hint: a module that has extra state defines both get_extra_state and set_extra_state"
        )

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` returned."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called.\n"
            "hint: a module that has extra state defines both get_extra_state and set_extra_state"
        )

    # --- saving

    def state_dict(self, *args, destination: Any = None, prefix="", keep_vars=False) -> dict[str, Any]:
        """Parameters and persistent buffers by dotted name. Values share memory with the module's.

        destination: the dict to add them to. prefix: what their names begin with. keep_vars: the tensors themselves,
        not detached from the graph.
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead: state_dict(destination=..., prefix=..., "
                "keep_vars=...)",
                FutureWarning,
                stacklevel=2,
            )
            given = dict(zip(("destination", "prefix", "keep_vars"), args))
            destination = given.get("destination") if destination is None else destination
            prefix = given.get("prefix", prefix) if prefix == "" else prefix
            keep_vars = given.get("keep_vars", keep_vars) if keep_vars is False else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()  # pyright: ignore[reportAttributeAccessIssue]
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in list(self.__dict__.get("_state_dict_pre_hooks", {}).values()):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._members(MODULE):
            module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook, in_place in list(self.__dict__.get("_state_dict_hooks", {}).values()):
            changed = hook(self, destination, prefix, metadata)
            if changed is not None:
                if in_place:
                    raise RuntimeError("state_dict post-hook must return None")
                destination = changed
        return destination

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        """Write this module's own members, not those of its submodules."""
        for kind in (PARAMETER, BUFFER):
            for name, value in self._members(kind):
                destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not StateMixin.get_extra_state:
            destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    # --- loading

    def load_state_dict(self, state_dict, strict=True, assign=False) -> Any:
        """Copy values from `state_dict` into this module's parameters and buffers.

        strict: names must match exactly. assign: take the tensors of `state_dict` themselves.
        Returns the missing and the unexpected keys; raises RuntimeError listing everything that does not fit.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing, unexpected, errors = [], [], []
        metadata = getattr(state_dict, "_metadata", None)
        own = OrderedDict(state_dict)
        if metadata is not None:
            own._metadata = metadata  # pyright: ignore[reportAttributeAccessIssue]
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
        local = metadata.get(prefix[:-1], {})
        if assign:
            local = {**local, "assign_to_params_buffers": assign}
        self._load_from_state_dict(state_dict, prefix, local, True, missing, unexpected, errors)
        for name, module in self._members(MODULE):
            below = f"{prefix}{name}."
            part = {k: v for k, v in state_dict.items() if k.startswith(below)}
            module._load_tree(part, below, metadata, assign, missing, unexpected, errors)
        for hook in list(self.__dict__.get("_load_state_dict_post_hooks", {}).values()):
            if hook(self, IncompatibleKeys(missing, unexpected)) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                    "values, if incompatible_keys need to be modified, it should be done inplace."
                )

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        """Load this module's own members, not those of its submodules. Modules with older formats override it."""
        for hook, with_module in list(self.__dict__.get("_load_state_dict_pre_hooks", {}).values()):
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
        extra = prefix + _EXTRA_STATE_KEY_SUFFIX
        if type(self).set_extra_state is not StateMixin.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            names = self.__dict__["_registered"]
            for key in state_dict:
                if key.startswith(prefix) and key != extra:
                    name, *below = key[len(prefix) :].split(".", 1)
                    if (names.get(name) != MODULE) if below else (name not in own):
                        unexpected_keys.append(key)

    def _load_one(self, name, mine, key, given, assign):
        """Copy `given` into the member `mine`, or put it in its place. Returns what went wrong, or None."""
        if not isinstance(given, Tensor):
            return (
                f'While copying the parameter named "{key}", expected {_library()}.Tensor or Tensor-like object from '
                f"checkpoint but received {type(given)}"
            )
        lazy = is_lazy(mine)
        if not lazy and mine.ndim == 0 and tuple(given.shape) == (1,):
            given = given[0]
        if not lazy and given.shape != mine.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, "
                f"the shape in current model is {mine.shape}."
            )
        if mine.is_meta and not given.is_meta and not assign:
            warnings.warn(
                f"for {key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the current "
                "model, which is a no-op. (Did you mean to pass `assign=True` to assign items in the state dictionary "
                "to their corresponding key in the module instead of copying them in place?)",
                stacklevel=2,
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
