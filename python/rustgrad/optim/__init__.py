"""Optimizers. Most steps over all parameters of a group are one call into the extension.
`lr_scheduler` and `swa_utils` are loaded when first used.
"""

from .._names import lookup as _lookup
from .adadelta import Adadelta
from .adafactor import Adafactor
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .adamax import Adamax
from .asgd import ASGD
from .lbfgs import LBFGS
from .muon import Muon
from .nadam import NAdam
from .optimizer import Optimizer
from .radam import RAdam
from .rmsprop import RMSprop
from .rprop import Rprop
from .sgd import SGD
from .sparse_adam import SparseAdam

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import lr_scheduler, swa_utils

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
    "swa_utils",
]


def __getattr__(name: str):
    if name in ("lr_scheduler", "swa_utils"):
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    return _lookup("torch.optim")(name)


def __dir__():
    return sorted({*globals(), *__all__})
