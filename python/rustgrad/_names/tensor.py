"""Tensor attributes that PyTorch has and rustgrad lacks: placeholders whose reading raises the error that says so.

A `__getattr__` on the class would slow down every attribute of every tensor; placeholders cost nothing until read.
"""

from .._rustgrad import Tensor
from . import Missing, listed

__all__ = ["mark"]


def mark() -> None:
    """Put a placeholder on Tensor for each name that it lacks."""
    for name in listed("torch.Tensor"):
        if name not in Tensor.__dict__:
            setattr(Tensor, name, Missing("torch.Tensor", name))
