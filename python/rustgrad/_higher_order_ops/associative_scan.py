"""Running results of an associative operation."""

from .._rustgrad.torch import cat
from ..utils import _pytree as pytree

__all__ = ["associative_scan"]


def associative_scan(combine_fn, xs, dim: int, reverse: bool = False, combine_mode: str = "pointwise"):
    """Running results of `combine_fn` along `dim` of `xs`, a tree of tensors: y[0] = x[0], y[i] = f(y[i - 1], x[i]).

    `combine_fn` must be associative: it is called of order log2(n) times on many slices at once. `reverse` begins at
    the last slice. ValueError for another `combine_mode` than "pointwise" and "generic", or what cannot be called.
    """
    leaves, tree = pytree.tree_flatten(xs)
    if not callable(combine_fn):
        raise ValueError(f"Combine_fn must be a callable, but got {combine_fn}")
    if combine_mode not in ("pointwise", "generic"):
        raise ValueError(f"Combine_mode must either 'pointwise' or 'generic', but got {combine_mode}")
    if not leaves:
        raise ValueError("Expected at least 1 xs leaf")

    def combined(a, b):
        y = combine_fn(pytree.tree_unflatten(a, tree), pytree.tree_unflatten(b, tree))
        return pytree.tree_flatten(y)[0]

    turned = [x.flip(dim) if reverse else x for x in leaves]
    n, reach = turned[0].shape[dim], 1
    # After each round, every entry holds the result over as many entries before it as are already reached.
    while reach < n:
        before, after = ([x.narrow(dim, start, n - reach) for x in turned] for start in (0, reach))
        late = combined(before, after)
        turned = [cat([x.narrow(dim, 0, reach), y], dim) for x, y in zip(turned, late)]
        reach *= 2
    return pytree.tree_unflatten([x.flip(dim) if reverse else x for x in turned], tree)
