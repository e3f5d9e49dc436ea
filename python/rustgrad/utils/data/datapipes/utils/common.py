"""What several pipes use: checks of functions and columns, and streams that close themselves."""

import fnmatch
import functools
import inspect
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

__all__ = [
    "StreamWrapper",
    "get_file_binaries_from_pathnames",
    "get_file_pathnames_from_root",
    "match_masks",
    "validate_input_col",
    "validate_pathname_binary_tuple",
]


def validate_input_col(fn: Callable, input_col: Any) -> None:
    """Raises ValueError where `fn` does not take as many positional arguments as there are columns."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except ValueError:  # of a function written in C, which does not say
        return
    count = len(input_col) if isinstance(input_col, (list, tuple)) else 1
    whole = fn.func if isinstance(fn, functools.partial) else fn
    name = getattr(whole, "__name__", repr(whole))
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    named = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if named:
        raise ValueError(
            f"The function {name} takes {len(named)} non-default keyword-only parameters, which is not allowed."
        )
    any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if len(parameters) < count and not any_number:
        raise ValueError(f"The function {name} takes {len(parameters)} parameters, but {count} are required.")
    too_few = len(positional) < count and not any_number
    if len(parameters) >= count and (too_few or any(p.default is p.empty for p in positional[count:])):
        raise ValueError(
            f"The function {name} takes {len(positional)} positional parameters, but {count} are required."
        )


def check_function(fn: Callable) -> None:
    """TypeError for what cannot be called; warns of functions that cannot be pickled."""
    if not callable(fn):
        raise TypeError(f"A callable function is expected, but {type(fn)} is provided.")
    fn = fn.func if isinstance(fn, functools.partial) else fn
    where = getattr(fn, "__qualname__", None) or type(fn).__qualname__
    kind = "Lambda" if getattr(fn, "__name__", "") == "<lambda>" else "Local"
    if "<locals>" in where:
        kind = "Local"
    elif kind == "Local":
        return
    warnings.warn(
        f"{kind} function is not supported by pickle, please use regular python function or functools.partial instead.",
        stacklevel=3,
    )


def match_masks(name: str, masks: str | list[str]) -> bool:
    """Whether a name fits one of the patterns, such as `*.png`; all fit none."""
    masks = [masks] if isinstance(masks, str) and masks else masks
    return not masks or any(fnmatch.fnmatch(name, mask) for mask in masks)


def get_file_pathnames_from_root(
    root: str, masks: str | list[str], recursive: bool = False, abspath: bool = False, non_deterministic: bool = False
) -> Iterable[str]:
    """The paths of the files in a folder, or of one file, in order of their names unless `non_deterministic`."""

    def failed(error: OSError):
        warnings.warn(f"{error.filename} : {error.strerror}", stacklevel=2)
        raise error

    if os.path.isfile(root):
        if match_masks(os.path.basename(root), masks):
            yield os.path.abspath(root) if abspath else root
        return
    for folder, folders, files in os.walk(root, onerror=failed):
        place = os.path.abspath(folder) if abspath else folder
        for name in files if non_deterministic else sorted(files):
            if match_masks(name, masks):
                yield os.path.join(place, name)
        if not recursive:
            break
        if not non_deterministic:
            folders.sort()  # in place: walk goes on by this list


def get_file_binaries_from_pathnames(
    pathnames: Iterable, mode: str, encoding: str | None = None
) -> Iterator[tuple[str, "StreamWrapper"]]:
    """Each path with its file, opened. TypeError for paths that are no strings."""
    pathnames = pathnames if isinstance(pathnames, Iterable) else [pathnames]
    mode = f"r{mode}" if mode in ("b", "t") else mode
    for path in pathnames:
        if not isinstance(path, str):
            raise TypeError(f"Expected string type for pathname, but got {type(path)}")
        yield path, StreamWrapper(open(path, mode, encoding=encoding))


def validate_pathname_binary_tuple(data) -> None:
    """Raises TypeError for what is not a tuple of a path and a stream."""
    from io import IOBase

    if not isinstance(data, tuple):
        raise TypeError(f"pathname binary data should be tuple type, but it is type {type(data)}")
    if len(data) != 2:
        raise TypeError(f"pathname binary stream tuple length should be 2, but got {len(data)}")
    if not isinstance(data[0], str):
        raise TypeError(f"pathname within the tuple should have string type pathname, but it is type {type(data[0])}")
    if not isinstance(data[1], (IOBase, StreamWrapper)):
        raise TypeError(
            f"binary stream within the tuple should have IOBase orits subclasses as type, but it is type "
            f"{type(data[1])}"
        )


class StreamWrapper:
    """An open file that closes when nobody has it any more, and after those that were opened within it."""

    session_streams: ClassVar[dict[Any, int]] = {}
    debug_unclosed_streams: ClassVar[bool] = False

    # What a stream begins with; `file_obj`, and what differs, are the stream's own.
    file_obj: Any
    parent_stream: Any = None
    name: Any = None
    child_counter: int = 0
    close_on_last_child: bool = False
    closed: bool = False

    def __init__(self, file_obj, parent_stream=None, name=None) -> None:
        if not isinstance(parent_stream, (StreamWrapper, type(None))):
            raise RuntimeError(f"Parent stream should be StreamWrapper, {type(parent_stream)} was given")
        vars(self).update(file_obj=file_obj, parent_stream=parent_stream, name=name)
        if parent_stream is not None:
            parent_stream._count(1)
        if self.debug_unclosed_streams:
            self.session_streams[self] = 1

    def _count(self, more: int) -> None:
        """Counts streams within this one, which closes with the last of them if it waits for that."""
        self.child_counter += more
        if self.close_on_last_child and not self.child_counter:
            self.close()

    def close(self, *args, **kwargs) -> None:
        """Close the file, and the stream around it if this was its last one and it waits for that."""
        if self.closed:
            return
        self.closed = True
        self.session_streams.pop(self, None)
        if self.parent_stream is not None:
            self.parent_stream._count(-1)
        if (close := getattr(self.file_obj, "close", None)) is not None:
            close(*args, **kwargs)

    def autoclose(self) -> None:
        """Close with the last stream that was opened within this one; now if there is none."""
        self.close_on_last_child = True
        self._count(0)

    @classmethod
    def close_streams(cls, v, depth=0) -> None:
        """Close the streams in lists, tuples and dicts, up to ten of them within each other."""
        waiting = [(v, depth)]
        while waiting:
            one, level = waiting.pop()
            if isinstance(one, StreamWrapper):
                one.close()
            elif isinstance(one, (dict, list, tuple)) and level < 10:
                waiting += [(item, level + 1) for item in (one.values() if isinstance(one, dict) else one)]

    def __getattr__(self, name):
        return getattr(vars(self)["file_obj"], name)

    def __dir__(self):
        return sorted({*vars(self), *vars(StreamWrapper), *dir(self.file_obj)})

    def __del__(self) -> None:
        if "file_obj" in vars(self):
            self.close()

    def __iter__(self):
        return iter(self.file_obj)

    def __next__(self):
        return next(self.file_obj)

    def __repr__(self) -> str:
        return f"StreamWrapper<{'' if self.name is None else f'{self.name},'}{self.file_obj!r}>"

    def __reduce__(self):
        return StreamWrapper, (self.file_obj,)
