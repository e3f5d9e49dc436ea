"""A function of each slice."""

from .._rustgrad.torch import stack
from ..utils import _pytree as pytree

__all__ = ["map"]


def stacked(trees, dim=0):
    """Trees of tensors of one structure as one tree, whose tensors have a new dim."""
    leaves = [pytree.tree_flatten(one)[0] for one in trees]
    return pytree.tree_unflatten([stack(same, dim) for same in zip(*leaves)], pytree.tree_flatten(trees[0])[1])


def map(f, xs, *args):
    """`f(x, *args)` of each slice x of `xs`, a tree of tensors, along dim 0; the results in a new dim 0.

    RuntimeError for slices of different numbers, or none.
    """
    leaves, tree = pytree.tree_flatten(xs)
    lengths = {x.shape[0] for x in leaves if x.ndim}
    if len(lengths) != 1 or 0 in lengths or any(x.ndim == 0 for x in leaves):
        raise RuntimeError(f"Leading dimensions of mapped xs must be consistent and at least 1, got {sorted(lengths)}")
    slices = ([x[i] for x in leaves] for i in range(lengths.pop()))
    return stacked([f(pytree.tree_unflatten(each, tree), *args) for each in slices])
