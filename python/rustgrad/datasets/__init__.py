"""Data to learn with. Nothing is downloaded: data ship inside the package, are computed, or are read from local files.

`digits` ships inside the package (its licence stands in NOTICE). `moons`, `spirals` and `sines` are drawn. `MNIST`,
`FashionMNIST`, `CIFAR10` and `CIFAR100` read the files that their authors publish.
"""

from .digits import digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .cifar import CIFAR10, CIFAR100
    from .idx import read_idx
    from .mnist import MNIST, FashionMNIST
    from .synthetic import moons, sines, spirals

_HOMES = {
    "moons": "synthetic",
    "sines": "synthetic",
    "spirals": "synthetic",
    "CIFAR10": "cifar",
    "CIFAR100": "cifar",
    "FashionMNIST": "mnist",
    "MNIST": "mnist",
    "read_idx": "idx",
}

__all__ = ["CIFAR10", "CIFAR100", "MNIST", "FashionMNIST", "digits", "moons", "read_idx", "sines", "spirals"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return sorted({*globals(), *__all__})
