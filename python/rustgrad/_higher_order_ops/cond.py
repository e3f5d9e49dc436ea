"""A choice between two functions."""

from .._rustgrad import Tensor

__all__ = ["cond"]


def cond(pred, true_fn, false_fn, operands=()):
    """`true_fn(*operands)` where `pred`, a number or a tensor of one, holds, else `false_fn(*operands)`.

    RuntimeError for another `pred`, for what cannot be called and for operands that are no tuple or list.
    """
    if not isinstance(pred, (bool, int, float, Tensor)):
        raise RuntimeError(f"Expected pred to be bool or tensor, but got {pred}.")
    if isinstance(pred, Tensor) and pred.numel() != 1:
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    if not callable(true_fn) or not callable(false_fn):
        raise RuntimeError("Expect both branches to be callable.")
    if not isinstance(operands, (tuple, list)):
        raise RuntimeError(
            "Expect operands to be a tuple of possibly nested dict/list/tuple that only consists of tensor leaves, but "
            f"got {operands}."
        )
    return (true_fn if pred else false_fn)(*operands)
