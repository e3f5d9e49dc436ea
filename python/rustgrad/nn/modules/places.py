"""PyTorch's places of classes that stand in files of their own here, since a file has room for some of them only.

Messages, reprs of types and pickles show these places, and names can be imported from there.
"""

__all__ = ["forward", "place"]


def place(names, namespace, module) -> None:
    """Let the classes of these names say that they belong to another module of this package."""
    package = __name__.rpartition(".")[0]
    for name in names:
        namespace[name].__module__ = f"{package}.{module}"


def forward(module, names, file=None):
    """The `__getattr__` of a module that finds names in `file` of this package, or each in the file it maps to."""

    def find(name: str):
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"{__package__}.{file or names[name]}"), name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return find
