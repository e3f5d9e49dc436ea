"""PyTorch programs, run unchanged: in them `import torch` gives rustgrad.

    python -m rustgrad.as_torch SCRIPT [ARGS]
    python -m rustgrad.as_torch -m MODULE [ARGS]
    python -m rustgrad.as_torch -c CODE [ARGS]

In a notebook or an interpreter, `import rustgrad; rustgrad.as_torch()` does the same from there on. `torch`, its
submodules and its classes are rustgrad's own, under both names; a torch that is installed as well stays untouched.
Packages that import torch get rustgrad too.
"""

import sys
from types import ModuleType

__all__ = ["as_torch", "main"]

USAGE = """\
usage: python -m rustgrad.as_torch SCRIPT [ARGS]       run a Python file, a folder or an archive
       python -m rustgrad.as_torch -m MODULE [ARGS]    run a module by its name
       python -m rustgrad.as_torch -c CODE [ARGS]      run a text
       python -m rustgrad.as_torch - [ARGS]            run what comes in on the standard input
In the program `import torch` gives rustgrad. `python -m rustgrad.check SCRIPT` lists what it would lack."""


def as_torch() -> None:
    """From here on `import torch` gives rustgrad in this process, and reprs read `torch.float32`.

    Raises RuntimeError where PyTorch itself has been imported already.
    """
    from ._as_torch import activate

    activate()


def main(arguments: list[str]) -> None:
    """Run the program that the command line names, as `python` would: `sys.argv`, `__main__`, `sys.path`, exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, file=sys.stdout if arguments else sys.stderr)
        sys.exit(0 if arguments else 2)
    how, rest = (arguments[0], arguments[1:]) if arguments[0] in ("-m", "-c") else ("", arguments)
    if how and not rest:
        print(f"Argument expected for the {how} option\n{USAGE}", file=sys.stderr)
        sys.exit(2)
    if not how and rest[0].startswith("-") and rest[0] != "-":
        print(f"unknown option {rest[0]}\n{USAGE}", file=sys.stderr)
        sys.exit(2)
    as_torch()
    from ._as_torch import program

    program.run(how, rest[0], rest[1:])


class _Module(ModuleType):
    """This module can be called: `rustgrad.as_torch()`."""

    def __call__(self) -> None:
        as_torch()


if __name__ == "__main__":
    main(sys.argv[1:])
else:
    sys.modules[__name__].__class__ = _Module
