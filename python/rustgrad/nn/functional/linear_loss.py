"""A linear layer and the cross entropy of its results, in one call."""

import math
import warnings
from typing import Any

from ..._rustgrad import Tensor
from ..._rustgrad.nn import cross_entropy, linear
from ..._rustgrad.torch import cat, where
from ...overrides import overridable

__all__ = ["linear_cross_entropy"]


def _check(input, weight, target, bias, ignore_index):
    if weight.ndim < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {weight.ndim}")
    if input.ndim not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.ndim}")
    if input.shape[-1] != weight.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{input.shape[-1]} and {weight.shape[-1]}, respectively"
        )
    if weight.ndim > 2 and input.ndim == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(weight.shape)} requires batched input, (N, "
            f"{input.shape[0]}), got unbatched input with shape {tuple(input.shape)}"
        )
    if bias is not None and tuple(bias.shape) != tuple(weight.shape[:-1]):
        raise RuntimeError(f"expected linear_bias shape {tuple(weight.shape[:-1])}, got {tuple(bias.shape)}")
    if target.is_floating_point() and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")


def chunk_ratio(method: str) -> int | None:
    """The number of "aspect_ratio:2"; None for other words."""
    name, _, number = method.partition(":")
    if name != "aspect_ratio" or (number and not (number.isdecimal() and int(number) > 0)):
        return None
    return int(number) if number else 1


def chunk_rows(options, rows: int, in_features: int, num_classes: int) -> int:
    """How many rows of logits these options ask to be computed at a time."""
    if options.batch_chunk_size is not None:
        return int(options.batch_chunk_size)
    if options.chunking_method is None:
        return max(rows, 1)
    ratio = 2 if options.chunking_method == "auto" else chunk_ratio(options.chunking_method) or 1
    return max(1, min(rows, math.ceil(rows * in_features * ratio / max(num_classes, 1))))


@overridable
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
):
    """`cross_entropy` of `linear(input, linear_weight, linear_bias)`.

    input: (in,) or (N, in); linear_weight: (C, in) or (C, d1, ..., in); linear_bias: its shape without the last dim;
    target: classes () or (N, d1, ...), or probabilities (C,) or (N, C, d1, ...). The rest as in `cross_entropy`; there
    is no default ignore_index beside probabilities. options: a LinearCrossEntropyOptions, with which the loss is
    computed some rows at a time. Raises RuntimeError for shapes that do not fit.
    """
    _check(input, linear_weight, target, linear_bias, ignore_index)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    ignored = -100 if ignore_index is None else ignore_index
    shape = linear_weight.shape[:-1]
    flat, flat_bias = linear_weight.reshape(-1, linear_weight.shape[-1]), linear_bias
    if flat_bias is not None:
        flat_bias = flat_bias.reshape(-1)

    def loss(x, goal, how):
        logits = linear(x, flat, flat_bias)
        logits = logits.reshape(*x.shape[:-1], *shape) if len(shape) > 1 else logits
        return cross_entropy(
            logits, goal, weight=weight, reduction=how, ignore_index=ignored, label_smoothing=label_smoothing
        )

    if options is None or input.ndim == 1:
        return loss(input, target, reduction)
    if len(shape) > 1 or label_smoothing != 0 or target.is_floating_point():
        warnings.warn(
            "linear_cross_entropy: ``options`` ignored; chunked path needs reduction in {'mean','sum','none'}, "
            f"label_smoothing == 0, target.dtype == int64, out_features == (). Got reduction={reduction!r}, "
            f"label_smoothing={label_smoothing}, target.dtype={target.dtype}, out_features={tuple(shape[1:])}, "
            f"tracing=False, linear_bias.shape={None if linear_bias is None else tuple(linear_bias.shape)}.",
            stacklevel=2,
        )
        return loss(input, target, reduction)
    if input.shape[0] != target.shape[0]:
        return loss(input, target, reduction)  # which says so
    rows = chunk_rows(options, input.shape[0], input.shape[1], linear_weight.shape[0])
    how = "none" if reduction == "none" else "sum"
    parts = [loss(x, y, how) for x, y in zip(input.split(rows), target.split(rows))]
    if reduction == "none":
        return cat(parts)
    total = sum(parts[1:], parts[0])
    if reduction != "mean":
        return total
    counted = target != ignored
    if weight is None:
        return total / counted.sum()
    return total / (weight.detach().index_select(0, where(counted, target, 0)) * counted).sum()
