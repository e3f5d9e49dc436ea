"""Rows of tables by number: rows whose norms are limited, and the sums, means and maxima of bags of rows."""

import math
import warnings
from typing import Any

from ..._rustgrad import Tensor, int32, int64
from ..._rustgrad.nn import embedding as _rows
from ..._rustgrad.torch import arange, tensor, where
from ...grad_mode import no_grad
from ...overrides import overridable
from .._compose import in_float32, shown, vector_norm

__all__ = ["embedding", "embedding_bag"]


def _limit_rows(weight, input, max_norm, norm_type):
    """Scale down, in place, the rows of `weight` at `input` whose norms are greater than `max_norm`."""
    if input.is_meta:
        return
    numbers = sorted(set(input.flatten().tolist()))
    if not numbers:
        return
    with no_grad():
        for number in numbers:
            if not 0 <= number < weight.shape[0]:
                raise IndexError(f"index {number} is out of range for a table of {weight.shape[0]} rows")
        rows = weight.detach().index_select(0, tensor(numbers, device=weight.device))
        norms = in_float32(lambda x: vector_norm(x, norm_type, 1), rows)
        factors = where(norms > max_norm, max_norm / (norms + 1e-7), 1.0)
        for number, factor in zip(numbers, factors.tolist()):
            if factor != 1.0:
                weight[number].mul_(factor)


@overridable
def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type=2.0,
    scale_grad_by_freq=False,
    sparse=False,
):
    """Rows of `weight` (num_embeddings, dim) at the indices `input`: shape `input.shape + (dim,)`.

    The row `padding_idx` gets no gradient; `scale_grad_by_freq` divides each row's by how often it was used. Gradients
    are dense, also with `sparse`. max_norm: rows in use whose norm of order norm_type is greater are first scaled down
    to it, in `weight` itself. Raises IndexError for an index out of range.
    """
    if max_norm is not None:
        _limit_rows(weight, input, max_norm, norm_type)
    if sparse:
        setattr(weight, "_sparse_rows", True)  # what SparseAdam asks for  # noqa: B010
    return _rows(input, weight, padding_idx, None, norm_type, scale_grad_by_freq, sparse)


def _check_bag(input, weight, offsets, mode, scale_grad_by_freq, sparse, per_sample_weights):
    if per_sample_weights is not None and input.shape != per_sample_weights.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the "
            f"same shape as the input ({input.shape})"
        )
    if weight.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.ndim}")
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of type {type(offsets)}"
            )
    elif input.ndim == 1:
        if not isinstance(offsets, Tensor):
            kind = None if offsets is None else type(offsets)
            raise ValueError(f"offsets has to be a 1D Tensor but got {kind}")
        if offsets.ndim != 1:
            raise ValueError("offsets has to be a 1D Tensor")
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}")
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}')."
        )
    for name, numbers in (("indices", input), ("offsets", offsets)):
        if numbers is not None and numbers.dtype not in (int32, int64):
            raise RuntimeError(
                f"Expected tensor for argument #1 '{name}' to have one of the following scalar types: Long, Int; but "
                f"got {numbers.type()} instead (while checking arguments for embedding_bag)"
            )
    if per_sample_weights is not None and per_sample_weights.dtype != weight.dtype:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 "
            f"'per_sample_weights'; but type {weight.type()} does not equal {per_sample_weights.type()} (while "
            "checking arguments for embedding_bag)"
        )


def _ends(input, offsets, include_last_offset) -> tuple[list[int], list[int]]:
    """Where each bag begins and ends in the flat input."""
    if input.ndim == 2:
        bags, length = input.shape
        return [b * length for b in range(bags)], [b * length for b in range(1, bags + 1)]
    starts, count = offsets.tolist(), input.shape[0]
    if include_last_offset and not starts:
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    if starts and starts[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, "
            f"got {starts[0]}"
        )
    if starts and starts[-1] > count:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {count} but got offsets[-1] of {starts[-1]}"
        )
    # The last bag ends with the input, whatever the last offset says.
    ends = [*starts[1:-1], count] if include_last_offset else [*starts[1:], count]
    starts = starts[: len(ends)]
    if any(start > end for start, end in zip(starts, ends)) or (count and not starts):
        raise RuntimeError("offsets must not decrease, and there has to be one for indices to belong to a bag")
    return starts, ends[: len(starts)]


def _largest(rows, bags, kept):
    """The largest element of each column in each bag of rows; zeros for empty bags."""
    members = [[i for i in bag if kept is None or kept[i]] for bag in bags]
    longest = max(map(len, members), default=0)
    if longest == 0:
        return rows.new_zeros((len(bags), rows.shape[1])) + rows[:0].sum(0)
    places = tensor([[*m, *[-1] * (longest - len(m))] for m in members], device=rows.device)
    spread = rows.index_select(0, where(places < 0, 0, places).flatten())
    spread = where((places < 0).unsqueeze(2), -math.inf, spread.view(len(bags), longest, rows.shape[1]))
    return where((places[:, :1] < 0), 0.0, spread.max(1)[0])


def _totals(rows, input, counts):
    """The sum of the rows of each bag of so many."""
    if input.ndim == 2:
        return rows.view(*input.shape, rows.shape[1]).sum(1)
    owner = arange(counts.shape[0], device=rows.device).repeat_interleave(counts)
    return rows.new_zeros((counts.shape[0], rows.shape[1])).index_add(0, owner, rows)


@overridable
def embedding_bag(
    input,
    weight,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights: Any = None,
    include_last_offset=False,
    padding_idx: int | None = None,
):
    """Sums, means or maxima ("max") of the rows of `weight` (num_embeddings, dim) in bags: (bags, dim).

    input: indices (bags, length), or (n,) with `offsets` (bags,) at which bags begin; with include_last_offset the last
    offset only says where the input ends. per_sample_weights: factors of the rows, for "sum" only. Rows of padding_idx
    do not count; an empty bag gives zeros. max_norm, norm_type, scale_grad_by_freq, sparse: as in `embedding`.

    Raises ValueError for ranks, modes and combinations that PyTorch refuses, RuntimeError for indices and offsets that
    do not fit.
    """
    if weight.dtype in (int32, int64) and input.is_floating_point():
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is "
            "deprecated, and should now be `embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        input, weight = weight, input
    _check_bag(input, weight, offsets, mode, scale_grad_by_freq, sparse, per_sample_weights)
    size = weight.shape[0]
    if padding_idx is not None:
        if not -size <= padding_idx < size:
            raise RuntimeError(
                f"padding_idx must be within the number of embeddings, -{size} through {size - 1}, but got "
                f"{padding_idx}"
            )
        padding_idx %= size
    (starts, ends), flat = _ends(input, offsets, include_last_offset), input.flatten()
    try:
        rows = embedding(flat, weight, None, max_norm, norm_type, scale_grad_by_freq, sparse)
    except IndexError:
        wrong = next(i for i in flat.tolist() if not 0 <= i < size)
        raise RuntimeError(
            f"embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be {wrong}"
        ) from None
    if mode == "max":
        kept = None if padding_idx is None else (flat != padding_idx).tolist()
        return shown("EmbeddingBagBackward0", _largest(rows, [*map(range, starts, ends)], kept), weight)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.flatten().unsqueeze(1)
    counts = tensor([end - start for start, end in zip(starts, ends)], dtype=int64, device=rows.device)
    kept = None if padding_idx is None else flat != padding_idx
    if kept is not None:
        rows = where(kept.unsqueeze(1), rows, 0.0)
    total = _totals(rows, input, counts)
    if mode == "mean":
        if kept is not None:
            counts = _totals(kept.unsqueeze(1).to(int64), input, counts).squeeze(1)
        total = total / counts.clamp(min=1).to(total.dtype).unsqueeze(1)
    return shown("EmbeddingBagBackward0", total, weight, per_sample_weights)
