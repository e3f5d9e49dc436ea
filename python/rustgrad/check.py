"""Which torch names does a program use that rustgrad lacks? Nothing of the program is run.

    python -m rustgrad.check SCRIPT|NOTEBOOK|FOLDER...

Prints `file:line: name` for each, or for notebooks `file:cell N:line: name`. The exit code is 0 where nothing is
missing, 1 where something is, and 2 where a file could not be read as Python.
"""

import json
import os
import re
import sys

__all__ = ["check", "main", "programs"]

SKIPPED = {"node_modules", "site-packages", "__pycache__", "build", "dist"}


def programs(path: str) -> list[str]:
    """The Python files and notebooks in a folder and below, or the file itself; hidden folders are left out."""
    if not os.path.isdir(path):
        return [path]
    found = []
    for folder, inner, files in os.walk(path):
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in SKIPPED)
        if "pyvenv.cfg" in files:
            inner[:] = []
            continue
        found += [os.path.join(folder, name) for name in sorted(files) if name.endswith((".py", ".ipynb"))]
    return found


def cells(text: str) -> list[tuple[str, int]]:
    """The code of a notebook in one piece would lose its lines: each cell's number and text, magic lines left out."""
    found = []
    for number, cell in enumerate(json.loads(text)["cells"], 1):
        if cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        lines = (source if isinstance(source, str) else "".join(source)).split("\n")
        if lines and lines[0].startswith("%%") and not lines[0].startswith(("%%time", "%%capture")):
            continue
        found.append(("\n".join(map(_without_magic, lines)), number))
    return found


def _without_magic(line: str) -> str:
    bare = line.lstrip()
    if bare.startswith(("%", "!", "?")) or re.fullmatch(r"[\w.*]+\?{1,2}", bare.rstrip()):
        return line[: len(line) - len(bare)] + "pass"
    return line


def check(path: str) -> list[tuple[str, str, str]]:
    """What one file lacks: (place, name, note) for each use, in the order of the file.

    Raises OSError, SyntaxError or ValueError where it cannot be read as a program or a notebook.
    """
    from ._names.scan import scan

    if not path.endswith(".ipynb"):
        with open(path, "rb") as file:
            return [(f"{path}:{one.line}", one.name, one.note) for one in scan(file.read(), path)]
    with open(path, encoding="utf-8") as file:
        parts = cells(file.read())
    whole, first = [], []
    for text, number in parts:
        whole.append(text)
        first += [(number, line) for line in range(1, text.count("\n") + 2)]
    found = scan("\n".join(whole), path)
    return [(f"{path}:cell {first[one.line - 1][0]}:{first[one.line - 1][1]}", one.name, one.note) for one in found]


def main(arguments: list[str]) -> int:
    """Check the files and folders of a command line, print what is missing, and return the exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: python -m rustgrad.check SCRIPT|NOTEBOOK|FOLDER...", file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    files = [file for path in arguments for file in programs(path)]
    uses: dict[str, int] = {}
    lacking = unread = 0
    for file in files:
        try:
            found = check(file)
        except (OSError, SyntaxError, ValueError, KeyError) as error:
            print(f"{file}: cannot be read as Python: {error}", file=sys.stderr)
            unread += 1
            continue
        lacking += bool(found)
        for place, name, note in found:
            uses[name] = uses.get(name, 0) + 1
            print(f"{place}: {name}" + (f"  ({note})" if note else ""))
    total = f"{len(files)} file{'s' * (len(files) != 1)}"
    if uses:
        s = "s" * (len(uses) != 1)
        print(f"\nrustgrad lacks {len(uses)} name{s}, used {sum(uses.values())} times in {lacking} of {total}")
    elif not unread:
        print(f"rustgrad has every torch name that was found in {total}")
    return 1 if uses else 2 if unread else 0


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)
