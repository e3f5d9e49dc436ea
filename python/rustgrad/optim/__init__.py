"""Optimizers. A step over all parameters of a group is one call into the extension."""

from .._names import lookup as _lookup
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]

__getattr__ = _lookup("torch.optim")
