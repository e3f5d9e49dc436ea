"""Where in a model an error was raised: a note on the exception (PEP 678) that every module on its way up completes.

Class and message of the exception stay as they are. The module that raised writes the note, with its inputs; each
module that called it puts its own part of the path in front. The note is printed under the traceback.
"""

from .._rustgrad import Tensor

__all__ = ["add_path"]

_SHOWN = 8  # arguments of a call that a note describes, and items of a list


class PathNote(str):
    """The note's text, with what is needed to complete it: the outermost module so far and the path below it."""

    __slots__ = ("inputs", "kind", "path", "top")

    def __new__(cls, top, path, kind, inputs):
        where = f"{path} ({kind})" if path else kind
        root = type(top).__name__
        note = super().__new__(cls, f"in {where}{f' of {root}' if path else ''}, called with {inputs}")
        note.top, note.path, note.kind, note.inputs = top, path, kind, inputs
        return note

    def __reduce__(self):
        return str, (str(self),)


def add_path(error, module, args, kwargs) -> None:
    """Note on `error` that it passes the call of `module` with these arguments."""
    notes = getattr(error, "__notes__", [])
    for index, note in enumerate(notes):
        if isinstance(note, PathNote):
            path = _path_between(module, note.top)
            if path:
                notes[index] = PathNote(module, f"{path}.{note.path}" if note.path else path, note.kind, note.inputs)
            return
    error.add_note(PathNote(module, "", type(module).__name__, _described(args, kwargs)))


def _path_between(module, inner) -> str | None:
    """The dotted name of `inner` below `module`, or None where it is not registered there."""
    if inner is module:
        return None
    return next((name for name, found in module.named_modules() if found is inner), None)


def _described(args, kwargs) -> str:
    parts = [_one(x) for x in args] + [f"{name}={_one(x)}" for name, x in kwargs.items()]
    if len(parts) > _SHOWN:
        parts = [*parts[:_SHOWN], "..."]
    return ", ".join(parts) or "no arguments"


def _one(value, depth=0) -> str:
    if isinstance(value, Tensor):
        try:
            return f"{str(value.dtype).rpartition('.')[2]} {tuple(value.shape)}"
        except RuntimeError:  # an uninitialised parameter has no shape
            return type(value).__name__
    if isinstance(value, (list, tuple)) and depth < 2 and value:
        items = ", ".join(_one(x, depth + 1) for x in value[:_SHOWN])
        return f"[{items}{', ...' if len(value) > _SHOWN else ''}]"
    return repr(value) if value is None or isinstance(value, (bool, int, float)) else type(value).__name__
