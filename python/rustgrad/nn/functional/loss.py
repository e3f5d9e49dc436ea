"""What losses that are written in Python share: how their elements are put together.

`reduction` is "mean", "sum" or "none"; size_average and reduce are its older spelling, and warn.
"""

from .._reduction import legacy_get_string

__all__ = []


def spelled(size_average, reduce, reduction, stacklevel=3):
    """`reduction`, from its older spelling where that was used."""
    if size_average is None and reduce is None:
        return reduction
    return legacy_get_string(size_average, reduce, stacklevel=stacklevel + 1)


def reduced(loss, reduction):
    """The mean or the sum of a loss, or the loss itself. Raises ValueError for another word."""
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction != "none":
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return loss
