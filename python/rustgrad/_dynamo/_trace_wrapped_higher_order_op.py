"""What masks written with `vmap` enter, so that a batched index is not taken for a number."""

from contextlib import nullcontext

__all__ = ["TransformGetItemToIndex"]


class TransformGetItemToIndex(nullcontext):
    """Changes nothing: `vmap` loops over the batch, and a tensor without dims is an index as it is."""
