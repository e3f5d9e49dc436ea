"""A recurrence along a dim."""

from ..utils import _pytree as pytree
from .map import stacked

__all__ = ["scan"]


def scan(combine_fn, init, xs, *, dim: int = 0, reverse: bool = False):
    """`carry, y = combine_fn(carry, x)` for each slice x of `xs` along `dim`: the last carry, and all y along `dim`.

    `init`, the first carry, and `xs` may be trees of tensors; `reverse` begins at the last slice. RuntimeError for
    slices of different numbers, or none.
    """
    leaves, tree = pytree.tree_flatten(xs)
    order = range(_length(combine_fn, leaves, dim))
    carry, found = init, []
    for i in reversed(order) if reverse else order:
        carry, y = combine_fn(carry, pytree.tree_unflatten([x.select(dim, i) for x in leaves], tree))
        found.append(y)
    return carry, stacked(found[::-1] if reverse else found, dim)


def _length(combine_fn, leaves, dim: int) -> int:
    """How many slices there are."""
    if not callable(combine_fn):
        raise RuntimeError(f"Combine_fn must be a callable, but got {combine_fn}")
    if not leaves:
        raise RuntimeError("scan() expected xs to have at least one tensor")
    lengths = {x.shape[dim] for x in leaves}
    if len(lengths) != 1 or 0 in lengths:
        raise RuntimeError(f"All xs leaves must have the same scan dimension, at least 1, but got {sorted(lengths)}")
    return lengths.pop()
