"""Child processes of a PyTorch program: those that multiprocessing starts anew must call rustgrad torch as well."""

from importlib.machinery import PathFinder

__all__ = ["extend", "spawn_spec"]


class _Activation:
    """Turns the process that unpickles it into a PyTorch program."""

    def __reduce__(self):
        from ..as_torch import as_torch

        return as_torch, ()


def extend(spawn) -> None:
    """Let what `multiprocessing.spawn` sends to a child before its main module runs make it a PyTorch program."""
    prepare = spawn.get_preparation_data
    if getattr(prepare, "as_torch", False):
        return

    def get_preparation_data(name):
        return {"as_torch": _Activation(), **prepare(name)}

    get_preparation_data.as_torch = True  # pyright: ignore[reportFunctionMemberAccess]
    spawn.get_preparation_data = get_preparation_data


def spawn_spec(path):
    """The spec of `multiprocessing.spawn`, whose loader calls `extend` when the module has run."""
    spec = PathFinder.find_spec("multiprocessing.spawn", path)
    if spec is None or spec.loader is None:
        return spec
    run = spec.loader.exec_module

    def exec_module(module):
        run(module)
        extend(module)

    spec.loader.exec_module = exec_module
    return spec
