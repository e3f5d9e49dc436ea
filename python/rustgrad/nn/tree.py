"""The tree of modules: walking it, and finding a member by its dotted name. A mixin of Module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from .parameter import Parameter
from .registry import BUFFER, MODULE, PARAMETER, UNSAVED_BUFFER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._rustgrad import Tensor
    from .modules.module import Module

__all__ = ["TreeMixin"]


def _missing(module, name) -> AttributeError:
    return AttributeError(f"{type(module).__name__} has no attribute `{name}`")


class TreeMixin:
    """`named_*`, `get_*`, `set_submodule` and `apply`."""

    if TYPE_CHECKING:
        _parameters: Any
        _buffers: Any
        _modules: Any

    def _members(self, *kinds) -> list[tuple[str, Any]]:
        """(name, value) of what this module itself has registered, None left out."""
        d = self.__dict__
        return [(k, v) for k, kind in d["_registered"].items() if kind in kinds and (v := d[k]) is not None]

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the direct submodules; one that occurs twice comes once."""
        seen = set()
        for name, module in self._members(MODULE):
            if module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The direct submodules."""
        for _, module in self.named_children():
            yield module

    def named_modules(self, memo=None, prefix="", remove_duplicate=True) -> Iterator[tuple[str, Module]]:
        """(dotted name, module) of this module and all below it, parents first.

        memo: modules to leave out, which those that come are added to. remove_duplicate: each module once.
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self  # pyright: ignore[reportReturnType] - what mixes this in is a Module
        for name, module in self._members(MODULE):
            yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate=True) -> Iterator[Module]:
        """This module and all below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def _named_members(self, get_members_fn, prefix="", recurse=True, remove_duplicate=True):
        """(dotted name, value) of what `get_members_fn(module)` lists, here and, with `recurse`, in all below."""
        seen = set()
        owners = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for owner, module in owners:
            for name, value in get_members_fn(module):
                if value is None or value in seen:
                    continue
                if remove_duplicate:
                    seen.add(value)
                yield (f"{owner}.{name}" if owner else name), value

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter) of this module and, with `recurse`, of all below it."""
        return self._named_members(lambda m: m._members(PARAMETER), prefix, recurse, remove_duplicate)

    def parameters(self, recurse=True) -> Iterator[Parameter]:
        """The parameters of this module and, with `recurse`, of all below it."""
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, buffer) of this module and, with `recurse`, of all below it."""
        return self._named_members(lambda m: m._members(BUFFER, UNSAVED_BUFFER), prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True) -> Iterator[Tensor]:
        """The buffers of this module and, with `recurse`, of all below it."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target) -> Any:
        """The submodule of the dotted name `target`; the module itself for an empty one.

        Raises AttributeError where the path breaks off, or leads to something that is no module.
        """
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise _missing(module, name)
            module = getattr(module, name)
            if not isinstance(module, TreeMixin):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
        """Put `module` in the place of the dotted name `target`; with `strict` it must exist already.

        Raises ValueError for an empty name or for what is no module, AttributeError for a path that does not exist.
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, TreeMixin):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise _missing(parent, name)
        if hasattr(parent, name) and not isinstance(getattr(parent, name), TreeMixin):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target) -> Parameter:
        """The parameter of the dotted name `target`. Raises AttributeError where there is none."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise _missing(module, name)
        if not isinstance(getattr(module, name), Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return getattr(module, name)

    def get_buffer(self, target):
        """The buffer of the dotted name `target`. Raises AttributeError where there is none."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise _missing(module, name)
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return getattr(module, name)

    def apply(self, fn) -> Self:
        """Call `fn` on every submodule, children first, then on the module itself; return self."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self
