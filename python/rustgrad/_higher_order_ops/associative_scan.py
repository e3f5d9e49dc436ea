"""`associative_scan`: running results of any associative function."""

from .._rustgrad.torch import stack
from ..utils._pytree import tree_flatten, tree_unflatten

__all__ = ["associative_scan"]


def associative_scan(combine_fn, xs, dim: int, reverse: bool = False, combine_mode: str = "pointwise"):
    """Running results of `combine_fn` along `dim`: for sums what `cumsum` gives.

    xs: a tensor, or a tree of tensors of one size in `dim`; the result is like it.
    combine_fn(a, b): two trees of slices without `dim`, the earlier first, to one; an associative function.
    reverse: from the last slice to the first. combine_mode: "pointwise" or "generic"; both go slice by slice here.

    Raises ValueError for an empty tree, other modes and sizes that differ.
    """
    leaves, spec = tree_flatten(xs)
    if not callable(combine_fn):
        raise ValueError(f"Combine_fn must be a callable, but got {combine_fn}")
    if combine_mode not in ("pointwise", "generic"):
        raise ValueError(f"Combine_mode must either 'pointwise' or 'generic', but got {combine_mode}")
    if not leaves:
        raise ValueError("Expected at least 1 xs leaf")
    parts = [leaf.unbind(dim) for leaf in leaves]
    if len({len(part) for part in parts}) != 1:
        raise ValueError("All xs leaves must at least have 'dim' number of dimensions and scan dimension > 0")
    slices = [list(one) for one in zip(*parts)][:: -1 if reverse else 1]
    found = slices[:1]
    for one in slices[1:]:
        found.append(tree_flatten(combine_fn(tree_unflatten(found[-1], spec), tree_unflatten(one, spec)))[0])
    found = found[:: -1 if reverse else 1]
    return tree_unflatten([stack(list(column), dim) for column in zip(*found)], spec)
