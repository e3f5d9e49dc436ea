"""Losses by margins: what is right should lie ahead of what is wrong by some distance."""

from typing import Any

from ..._rustgrad import Tensor, int64
from ..._rustgrad.torch import arange, where
from .._compose import log1p, scalar_name
from .activation import logsigmoid
from .distance import pairwise_distance
from .loss import check_reduction, reduced, spelled

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """`input` where target is 1, max(0, margin - input) where it is -1, their sum where it is neither."""
    reduction = spelled(size_average, reduce, reduction)
    check_reduction(reduction)
    apart = where(target != 1, (margin - input).clamp(min=0), 0.0)
    return reduced(apart + where(target != -1, input, 0.0), reduction)


def margin_ranking_loss(input1, input2, target, margin: float = 0, size_average=None, reduce=None, reduction="mean"):
    """max(0, -target (input1 - input2) + margin): target 1 asks that input1 be larger, -1 that input2 be.

    Raises RuntimeError where the inputs have not the same number of dims.
    """
    reduction = spelled(size_average, reduce, reduction)
    check_reduction(reduction)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    return reduced((-target * (input1 - input2) + margin).clamp(min=0), reduction)


def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-target input)), target being 1 or -1."""
    reduction = spelled(size_average, reduce, reduction)
    check_reduction(reduction)
    return reduced(log1p((-target * input).exp()), reduction)


def multilabel_soft_margin_loss(
    input, target, weight: Tensor | None = None, size_average=None, reduce=None, reduction="mean"
):
    """The mean over classes (the last dim) of the cross entropies of the sigmoids; `weight` (C,) weighs classes."""
    reduction = spelled(size_average, reduce, reduction)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    loss = (loss if weight is None else loss * weight).sum(-1) / input.shape[-1]
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    return reduced(loss, reduction)


def _rows(function, input, target, per_row):
    """(N, C) scores and their targets; one example may lack the batch dim. Raises RuntimeError for other shapes."""
    x = input if input.ndim == 2 else input.reshape(1, -1)
    if input.ndim > 2 or (input.numel() == 0 and input.ndim == 0):
        raise RuntimeError(
            f"{function}: Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(input.shape)}"
        )
    if per_row:
        if target.numel() != x.shape[0] or target.ndim > 1:
            raise RuntimeError(
                f"{function}: target tensor should be 1-D with size equal to the number of input samples (batch size). "
                f"Expected target size [{x.shape[0]}], but got {list(target.shape)}. Input has shape "
                f"{list(input.shape)}."
            )
        return x, target.reshape(-1)
    if target.shape != input.shape:
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
    return x, target.reshape(x.shape)


def multi_margin_loss(
    input,
    target,
    p=1,
    margin=1.0,
    weight: Tensor | None = None,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """The mean over classes i other than the target y of max(0, margin - x_y + x_i) ^ p, p being 1 or 2.

    input: (N, C) or (C,); target: (N,) or (); `weight` (C,) weighs examples by their target. Raises ValueError for
    another p, RuntimeError for shapes that do not fit and targets out of range.
    """
    reduction = spelled(size_average, reduce, reduction)
    check_reduction(reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and (weight.ndim != 1 or weight.numel() != input.shape[-1]):
        raise RuntimeError(f"inconsistent weight size, expected {input.shape[-1]} but got {list(weight.shape)}")
    x, y = _rows("multi_margin_loss", input, target, True)
    _check_kernel("multi_margin_loss_cpu_kernel", x)
    classes = x.shape[1]
    if y.numel() and bool((y < 0).logical_or(y >= classes).any()):
        raise RuntimeError("target out of range")
    loss = (margin - x.gather(1, y.unsqueeze(1)) + x).clamp(min=0)
    loss = loss if p == 1 else loss * loss
    if weight is not None:
        loss = loss * weight.index_select(0, y).unsqueeze(1)
    others = arange(classes, device=x.device).unsqueeze(0) != y.unsqueeze(1)
    loss = where(others, loss, 0.0).sum(1) / classes
    return reduced(loss if input.ndim == 2 else loss.squeeze(0), reduction)


def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """The sum over targets y and classes i that are no target of max(0, 1 - x_y + x_i) / C.

    input and target: (N, C) or (C,); a row of `target` lists classes, up to the first -1. Raises RuntimeError for
    shapes that do not fit and targets out of range.
    """
    reduction = spelled(size_average, reduce, reduction)
    check_reduction(reduction)
    x, y = _rows("multilabel_margin_loss", input, target, False)
    _check_kernel("multilabel_margin_loss_forward_out_frame", x)
    classes = x.shape[1]
    if y.numel() and bool((y < -1).logical_or(y >= classes).any()):
        raise RuntimeError("argument #3 'target' is out of range")
    listed = (y >= 0).to(int64).cumprod(1) == 1  # up to the first -1
    places = where(listed, y, 0)
    is_target = x.new_zeros(x.shape).scatter_add(1, places, listed.to(x.dtype)) > 0
    # (N, listed target, class)
    loss = (1 - x.gather(1, places).unsqueeze(2) + x.unsqueeze(1)).clamp(min=0)
    counted = listed.unsqueeze(2).logical_and(is_target.logical_not().unsqueeze(1))
    loss = where(counted, loss, 0.0).sum((1, 2)) / classes
    return reduced(loss if input.ndim == 2 else loss.squeeze(0), reduction)


def _check_kernel(kernel, x):
    if scalar_name(x.dtype) not in ("Float", "Double"):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(x.dtype)}'")


def cosine_embedding_loss(input1, input2, target, margin: float = 0, size_average=None, reduce=None, reduction="mean"):
    """1 - cos where target is 1, max(0, cos - margin) where it is -1, cos being that of the inputs' angle.

    inputs: (N, D) with target (N,), or (D,) with target (). Raises RuntimeError for other shapes.
    """
    reduction = spelled(size_average, reduce, reduction)
    check_reduction(reduction)
    if target.ndim not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    wanted = target.ndim + 1
    if input1.ndim != wanted or input2.ndim != wanted:
        raise RuntimeError(
            f"{target.ndim}D target tensor expects {wanted}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )
    tiny = 1e-12  # added to the squared lengths
    lengths = ((input1 * input1).sum(-1) + tiny) * ((input2 * input2).sum(-1) + tiny)
    cosine = (input1 * input2).sum(-1) / lengths.sqrt()
    loss = where(target == 1, 1 - cosine, 0.0) + where(target == -1, (cosine - margin).clamp(min=0), 0.0)
    return reduced(loss, reduction)


def triplet_margin_loss(
    anchor,
    positive,
    negative,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap=False,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d being the norm of order `p` over the last dim.

    swap: take d(positive, negative) where that is smaller than d(anchor, negative). Raises ValueError for a margin that
    is not positive, RuntimeError for inputs of different ranks. Balntas et al. 2016.
    """
    reduction = spelled(size_average, reduce, reduction)
    check_reduction(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    near, far = pairwise_distance(anchor, positive, p, eps), pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    return reduced((margin + near - far).clamp(min=0), reduction)


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
