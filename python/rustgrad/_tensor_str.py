"""Text of tensors without the word around it, as libraries use it that print tensors in classes of their own."""

from typing import Any

from ._names import lookup as _lookup
from ._rustgrad import Tensor
from ._rustgrad.torch import _printoptions, set_printoptions

__all__ = ["PRINT_OPTS"]

_OPTIONS = ("precision", "threshold", "edgeitems", "linewidth", "sci_mode")
_INDENT = len("tensor(")


class _Options:
    """The options that `set_printoptions` has set; one that is assigned here is set there."""

    def __getattr__(self, name: str) -> Any:
        if name not in _OPTIONS:
            raise AttributeError(f"there is no print option {name!r}; they are {', '.join(_OPTIONS)}")
        value = _printoptions()[_OPTIONS.index(name)]
        return int(value) if name == "threshold" and value < 2**63 else value

    def __setattr__(self, name: str, value) -> None:
        if name not in _OPTIONS:
            raise AttributeError(f"there is no print option {name!r}; they are {', '.join(_OPTIONS)}")
        set_printoptions(**{name: value})


PRINT_OPTS = _Options()


def _plain(self: Tensor) -> Tensor:
    return self.detach().as_subclass(Tensor)


def _tensor_str(self: Tensor, indent: int) -> str:
    """The elements in brackets; lines after the first begin `indent` further right."""
    width = PRINT_OPTS.linewidth
    sci_mode = PRINT_OPTS.sci_mode
    set_printoptions(linewidth=max(width - indent + _INDENT, 1), sci_mode=sci_mode)
    try:
        text = repr(_plain(self).cpu())
    finally:
        set_printoptions(linewidth=width, sci_mode=sci_mode)
    text = text[_INDENT:]
    end = text.rindex("]") + 1 if self.ndim else min(text.index(mark) for mark in ",)" if mark in text)
    return text[:end].replace("\n" + " " * _INDENT, "\n" + " " * indent)


def _add_suffixes(tensor_str: str, suffixes: list[str], indent: int, force_newline: bool) -> str:
    """`tensor_str` with the suffixes behind it, on new lines where they do not fit, and a bracket."""
    parts = [tensor_str]
    used = len(tensor_str) - tensor_str.rfind("\n") + 1
    for suffix in suffixes:
        if force_newline or used + len(suffix) + 2 > PRINT_OPTS.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            used, force_newline = indent + len(suffix), False
        else:
            parts.append(", " + suffix)
            used += len(suffix) + 2
    return "".join(parts) + ")"


__getattr__ = _lookup("torch._tensor_str")
