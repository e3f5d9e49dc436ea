"""Running a script, a module or a text as Python's own command line does, in a process that has started already."""

from __future__ import annotations

import os
import sys
from importlib.machinery import BYTECODE_SUFFIXES, PathFinder, SourceFileLoader, SourcelessFileLoader
from importlib.util import find_spec
from types import CodeType, ModuleType

__all__ = ["run"]

TYPE_CHECKING = False  # typing is not imported for this alone
if TYPE_CHECKING:
    from typing import NoReturn


def run(how: str, what: str, arguments: list[str]) -> None:
    """Run the program `what`: a module's name (how "-m"), a text ("-c"), or a path (""). It stays `__main__`."""
    if how == "-m":
        code, main = _named(what)
        sys.argv[:] = [main.__file__ or what, *arguments]
    elif how == "-c":
        sys.argv[:] = ["-c", *arguments]
        _begin_path("")
        code, main = compile_here(what.encode(), "<string>"), ModuleType("__main__")
    elif what == "-":
        sys.argv[:] = ["-", *arguments]
        _begin_path("")
        code, main = compile_here(sys.stdin.buffer.read(), "<stdin>"), ModuleType("__main__")
    else:
        sys.argv[:] = [what, *arguments]
        code, main = _at_path(what)
    main.__dict__.setdefault("__builtins__", sys.modules["builtins"])
    main.__dict__.setdefault("__annotations__", {})
    sys.modules["__main__"] = main
    try:
        exec(code, vars(main))
    except SystemExit:
        raise
    except BaseException as error:
        _show_from(code, error)
        raise


def _show_from(code: CodeType, error: BaseException) -> None:
    """Print an exception as it would be printed had Python run `code` itself, without the frames of this package.

    Python still ends the process in its own way, so that exit codes are right; only its printing is used up.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code is not code:
        trace = trace.tb_next
    shown, error.__traceback__ = error.__traceback__, trace
    hook = sys.excepthook
    hook(type(error), error, trace)
    error.__traceback__ = shown

    def printed_already(*_):
        sys.excepthook = hook

    sys.excepthook = printed_already


def _fail(message: str, status: int) -> NoReturn:
    print(f"{sys.executable}: {message}", file=sys.stderr)
    sys.exit(status)


def compile_here(source: bytes, name: str) -> CodeType:
    """The code of a source text. A mistake in it is printed as Python does, without a traceback of this package."""
    try:
        return compile(source, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        sys.excepthook(type(error), error.with_traceback(None), None)
        sys.exit(1)


def _begin_path(folder: str) -> None:
    """Put the program's folder where Python has put the current one for `-m`."""
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _at_path(path: str) -> tuple[CodeType, ModuleType]:
    full = os.path.abspath(path)
    if os.path.isdir(full) or _is_archive(full):
        # As Python does: the container is on the path, and its __main__ module is run.
        sys.path.insert(0, full) if sys.flags.safe_path else _begin_path(full)
        spec = PathFinder.find_spec("__main__", [full])
        if spec is None:
            _fail(f"can't find '__main__' module in {path!r}", 1)
        return _from_spec(spec, "__main__")
    try:
        with open(full, "rb") as file:
            source = file.read()
    except OSError as error:
        _fail(f"can't open file {full!r}: [Errno {error.errno}] {error.strerror}", 2)
    _begin_path(os.path.dirname(os.path.realpath(full)))
    main = ModuleType("__main__")
    main.__file__ = full
    main.__cached__ = None  # pyright: ignore[reportAttributeAccessIssue]
    if path.endswith(tuple(BYTECODE_SUFFIXES)):
        main.__loader__ = SourcelessFileLoader("__main__", full)
        return main.__loader__.get_code("__main__"), main  # pyright: ignore[reportReturnType]
    main.__loader__ = SourceFileLoader("__main__", full)
    return compile_here(source, full), main


def _is_archive(path: str) -> bool:
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        start = file.read(4)
    if start != b"PK\3\4" and not start.startswith(b"#!"):
        return False
    from zipfile import is_zipfile

    return is_zipfile(path)


def _named(name: str) -> tuple[CodeType, ModuleType]:
    if not sys.flags.safe_path:
        sys.path[0] = os.getcwd()
    try:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            package, name = name, f"{name}.__main__"
            spec = find_spec(name)
            if spec is None:
                _fail(f"No module named {name}; {package!r} is a package and cannot be directly executed", 1)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        _fail(f"Error while finding module specification for {name!r} ({type(error).__name__}: {error})", 1)
    if spec is None:
        _fail(f"No module named {name}", 1)
    return _from_spec(spec, name)


def _from_spec(spec, name: str) -> tuple[CodeType, ModuleType]:
    code = spec.loader.get_code(name) if hasattr(spec.loader, "get_code") else None
    if code is None:
        _fail(f"No code object available for {name}", 1)
    main = ModuleType("__main__")
    main.__spec__, main.__loader__ = spec, spec.loader
    main.__file__, main.__cached__ = spec.origin, spec.cached  # pyright: ignore[reportAttributeAccessIssue]
    main.__package__ = spec.parent
    return code, main
