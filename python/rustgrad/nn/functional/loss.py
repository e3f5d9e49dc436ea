"""Losses over ops of the extension: distances, cross entropies of two classes, divergences, likelihoods.

`reduction` is "mean", "sum" or "none"; size_average and reduce are its older spelling, and warn.
"""

import math
import warnings
from typing import Any

from ..._rustgrad import Tensor
from ..._rustgrad.torch import where
from ...grad_mode import no_grad
from .._compose import in_float32
from .activation import logsigmoid

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]


def spelled(size_average, reduce, reduction, stacklevel=3):
    """`reduction`, from its older spelling where that was used."""
    if size_average is None and reduce is None:
        return reduction
    averaged = size_average is None or size_average
    reduction = ("mean" if averaged else "sum") if reduce is None or reduce else "none"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
        stacklevel=stacklevel,
    )
    return reduction


def reduced(loss, reduction):
    """The mean or the sum of a loss, or the loss itself. Raises ValueError for another word."""
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction != "none":
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return loss


def check_reduction(reduction, *more):
    """Raises ValueError for what is no reduction, before any work."""
    if reduction not in ("none", "mean", "sum", *more):
        raise ValueError(f"{reduction} is not a valid value for reduction")


def warn_of_broadcast(input, target):
    """Warn where a target has another shape than the input, as it rarely is meant."""
    if target.shape != input.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )


def _weighted(loss, weight, reduction):
    """A loss whose elements have weights. In the mean, they also divide it."""
    if weight is None:
        return reduced(loss, reduction)
    if weight.shape != loss.shape:
        raise ValueError("Weights and input must have the same size.")
    loss = loss * weight
    return loss.sum() / weight.sum() if reduction == "mean" else reduced(loss, reduction)


# --- distances


def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight: Tensor | None = None):
    """|input - target|. With `weight`, of the input's shape, a weighted mean."""
    reduction = spelled(size_average, reduce, reduction)
    check_reduction(reduction)
    warn_of_broadcast(input, target)
    return _weighted((input - target).abs(), weight, reduction)


def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta: float = 1.0):
    """(input - target)^2 / (2 beta) where they are nearer than `beta`, else |input - target| - beta / 2. Girshick 2015.

    Raises RuntimeError for a negative beta; 0 gives `l1_loss`.
    """
    reduction = spelled(size_average, reduce, reduction)
    check_reduction(reduction)
    warn_of_broadcast(input, target)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return reduced((input - target).abs(), reduction)

    def loss(x, y):
        distance = (x - y).abs()
        return where(distance < beta, 0.5 * distance * distance / beta, distance - 0.5 * beta)

    return reduced(in_float32(loss, input, target), reduction)


def huber_loss(input, target, reduction="mean", delta: float = 1.0, weight: Tensor | None = None):
    """(input - target)^2 / 2 where they are nearer than `delta`, else delta (|input - target| - delta / 2). Huber 1964.

    Raises RuntimeError for a delta that is not positive. `weight`, of the input's shape, multiplies the loss.
    """
    check_reduction(reduction)
    warn_of_broadcast(input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")

    def loss(x, y):
        distance = (x - y).abs()
        return where(distance < delta, 0.5 * distance * distance, delta * (distance - 0.5 * delta))

    value = in_float32(loss, input, target)
    if weight is None:
        return reduced(value, reduction)
    if weight.shape != value.shape:
        raise ValueError("Weights and input must have the same size.")
    return reduced(value * weight, reduction)


# --- cross entropies of two classes


def binary_cross_entropy(input, target, weight: Tensor | None = None, size_average=None, reduce=None, reduction="mean"):
    """-(target log(input) + (1 - target) log(1 - input)), logarithms being at least -100.

    input and target between 0 and 1, of one shape; `weight` broadcasts. Raises ValueError for other shapes,
    RuntimeError for values out of range.
    """
    reduction = spelled(size_average, reduce, reduction)
    check_reduction(reduction)
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    with no_grad():
        for name, values in (("input", input), ("target", target)):
            if values.numel() and not (values >= 0).logical_and(values <= 1).all():
                raise RuntimeError(f"all elements of {name} should be between 0 and 1")

    def loss(x, y):
        # Next to 0 and 1 the loss is a line of PyTorch's slope (x - y) / 1e-12; elsewhere the logarithms.
        at = x.detach()
        edge = at * (1.0 - at) < 1e-12
        inner = where(edge, 0.5, x)
        there = where(edge, at, 0.5)
        slope = (at - y.detach()) * 1e12
        line = _two_logs(there, y) + where(edge, (x - at) * slope, 0.0)
        return where(edge, line, _two_logs(inner, y))

    value = in_float32(loss, input, target)
    return reduced(value if weight is None else (value * weight).to(value.dtype), reduction)


def _two_logs(x, y):
    return -(y * x.log().clamp(min=-100.0) + (1.0 - y) * (1.0 - x).log().clamp(min=-100.0))


def binary_cross_entropy_with_logits(
    input,
    target,
    weight: Tensor | None = None,
    size_average=None,
    reduce=None,
    reduction="mean",
    pos_weight: Tensor | None = None,
):
    """`binary_cross_entropy` of the sigmoid of `input`, computed without overflow.

    target: of the input's shape; `weight` and `pos_weight`, the weight of positive targets, broadcast. Raises
    ValueError for other shapes.
    """
    reduction = spelled(size_average, reduce, reduction)
    if target.shape != input.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    loss = (1 - target) * input
    logs = logsigmoid(input)
    loss = loss - (logs if pos_weight is None else ((pos_weight - 1) * target + 1) * logs)
    return reduced((loss if weight is None else loss * weight).to(input.dtype), reduction)


# --- divergences and likelihoods


def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """target (log(target) - input): the Kullback-Leibler divergence of log-probabilities `input` from `target`.

    log_target: `target` holds logarithms too. reduction "batchmean" divides the sum by the batch size, which is the
    divergence's definition; "mean" divides by the number of elements, and warns.
    """
    if size_average is not None or reduce is not None:
        reduction = spelled(size_average, reduce, reduction)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    check_reduction(reduction, "batchmean")
    if log_target:
        loss = target.exp() * (target - input)
    else:
        zero = target == 0
        loss = where(zero, 0.0, target * where(zero, 1.0, target).log()) - target * input
    if reduction == "batchmean":
        return loss.sum() / input.shape[0] if input.ndim else loss.sum()
    return reduced(loss, reduction)


def poisson_nll_loss(
    input,
    target,
    log_input=True,
    full=False,
    size_average=None,
    eps: float = 1e-8,
    reduce=None,
    reduction="mean",
):
    """Minus the log-likelihood of counts `target` under Poisson distributions of mean exp(input), or of mean `input`.

    log_input: `input` is the logarithm of the mean; else `eps` is added to it before its logarithm. full: with
    Stirling's approximation of the factorial's logarithm where target > 1.
    """
    reduction = spelled(size_average, reduce, reduction)
    check_reduction(reduction)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        above = target > 1
        safe = where(above, target, 1.0)
        stirling = safe * safe.log() - safe + 0.5 * (2 * math.pi * safe).log()
        loss = loss + where(above, stirling, 0.0)
    return reduced(loss, reduction)


def gaussian_nll_loss(input, target, var: Any, full=False, eps: float = 1e-6, reduction="mean"):
    """Minus the log-likelihood of `target` under normal distributions of mean `input` and variance `var`.

    var: of the input's shape, without its last dim, with one dim that is 1, or a number; at least `eps` is taken. full:
    with the constant term. Raises ValueError for other shapes and negative variances. Nix and Weigend 1994.
    """
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input.new_full(input.shape, var)
    elif (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        elif sum(b for a, b in zip(input.shape, var.shape) if a != b) != 1:  # one dim differs, and is 1
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    with no_grad():  # the bound does not stop the gradient
        lifted = var.clamp(min=eps) - var
    var = var + lifted
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)
