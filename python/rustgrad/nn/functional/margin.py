"""The loss by a margin that takes a function of one's own."""

from typing import Any

from ..._rustgrad.nn import pairwise_distance
from ...overrides import overridable
from .loss import reduced

__all__ = ["triplet_margin_with_distance_loss"]


@overridable
def triplet_margin_with_distance_loss(
    anchor,
    positive,
    negative,
    *,
    distance_function: Any = None,
    margin: float = 1.0,
    swap=False,
    reduction="mean",
):
    """`triplet_margin_loss` with a distance of one's own, a function of two tensors; by default pairwise_distance."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((margin + near - far).clamp(min=0), reduction)
