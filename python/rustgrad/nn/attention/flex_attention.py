"""Attention whose scores a program changes: `flex_attention(q, k, v, score_mod=..., block_mask=...)`.

A function of a score and of the places of batch, head, query and key is called once, with tensors of places that
broadcast to the shape of the scores. All scores are held at once; gradients are those of the ops.
"""

import math
from typing import NamedTuple

from ..._names import lookup as _lookup
from ..._rustgrad import Tensor, float32, float64, int32
from ..._rustgrad.torch import arange, cat, matmul, zeros

__all__ = [
    "AuxOutput",
    "AuxRequest",
    "BlockMask",
    "and_masks",
    "create_block_mask",
    "create_mask",
    "flex_attention",
    "noop_mask",
    "or_masks",
]

_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = False  # programs set it; nothing is compiled
_DEFAULT_SPARSE_BLOCK_SIZE = 128


class AuxRequest(NamedTuple):
    """Asks for more beside the result: the logarithm of each row's sum of exponentials, each row's largest score."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """The answers to an AuxRequest."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


def noop_mask(batch, head, token_q, token_kv):
    """The mask that hides nothing."""
    return batch.new_ones((), dtype=bool)


def _joined(mask_mods, join):
    if not all(callable(one) for one in mask_mods):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

    def mod(b, h, q_idx, kv_idx):
        result = None
        for one in mask_mods:
            found = one(b, h, q_idx, kv_idx)
            result = found if result is None else join(result, found)
        return result

    return mod


def or_masks(*mask_mods):
    """The mask that shows what any of some masks shows."""
    return _joined(mask_mods, lambda a, b: a | b)


def and_masks(*mask_mods):
    """The mask that shows what all of some masks show."""
    return _joined(mask_mods, lambda a, b: a & b)


def _places(sizes, device):
    """For each dim its places, as tensors that broadcast to `sizes`."""
    last = len(sizes) - 1
    return [arange(n, device=device).view([n] + [1] * (last - d)) for d, n in enumerate(sizes)]


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device=None):
    """The pairs that a mask lets see each other, as a tensor of bools, (B, H, Q_LEN, KV_LEN)."""
    sizes = [B or 1, H or 1, Q_LEN, KV_LEN]
    found = mod_fn(*_places(sizes, device))
    return (found if isinstance(found, Tensor) else zeros((), dtype=bool) | bool(found)).expand(sizes)


class BlockMask:
    """A mask, and which blocks of queries and keys it shows in part or whole."""

    def __init__(self, mask_mod, seq_lengths, BLOCK_SIZE, partly, wholly):
        self.mask_mod, self.seq_lengths, self.BLOCK_SIZE = mask_mod, seq_lengths, BLOCK_SIZE
        self._shown = (partly | wholly).to(int32)
        self.kv_num_blocks, self.kv_indices = _ordered(partly)
        self.full_kv_num_blocks, self.full_kv_indices = (None, None) if wholly is None else _ordered(wholly)

    @property
    def shape(self) -> tuple:
        """(B, H, queries, keys)."""
        return (*self._shown.shape[:2], *self.seq_lengths)

    def numel(self) -> int:
        """How many pairs there are, hidden ones included."""
        return math.prod(self.shape)

    def sparsity(self) -> float:
        """How many of the pairs lie in blocks that are hidden whole, in percent."""
        computed = int(self._shown.sum()) * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1]
        return 100 * (1 - computed / self.numel())

    def to_dense(self) -> Tensor:
        """1 for each block that is shown at least in part."""
        return self._shown

    def to(self, device) -> "BlockMask":
        """The mask with its tensors on another device."""
        moved = BlockMask.__new__(BlockMask)
        for name, value in vars(self).items():
            setattr(moved, name, value.to(device) if isinstance(value, Tensor) else value)
        return moved

    def __repr__(self):
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%)"

    @classmethod
    def from_kv_blocks(cls, *args, **kwargs):
        """Raises NotImplementedError."""
        raise NotImplementedError(
            "BlockMask.from_kv_blocks: make the mask of a function, create_block_mask(mask_mod, ...)"
        )


def _ordered(blocks):
    """How many blocks of keys each block of queries has, and their numbers, those first."""
    flags = blocks.to(int32)
    return flags.sum(-1).to(int32), flags.argsort(dim=-1, descending=True, stable=True).to(int32)


def create_block_mask(
    mask_mod, B, H, Q_LEN, KV_LEN, device=None, BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE, _compile=False, **options
):
    """The mask of a function `mask_mod(b, h, q_idx, kv_idx)`; None for B or H means that it is the same for all."""
    rows, columns = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    if pad := -Q_LEN % rows:
        mask = cat([mask, mask.new_zeros((*mask.shape[:2], pad, KV_LEN))], 2)
    if pad := -KV_LEN % columns:
        mask = cat([mask, mask.new_zeros((*mask.shape[:3], pad))], 3)
    tall, wide = mask.shape[2] // rows, mask.shape[3] // columns
    seen = mask.reshape(*mask.shape[:2], tall, rows, wide, columns).to(int32).sum([3, 5])
    whole = seen == rows * columns
    return BlockMask(mask_mod, (Q_LEN, KV_LEN), (rows, columns), (seen > 0) & ~whole, whole)


def _refuse_misfits(query, key, value, block_mask, enable_gqa: bool) -> None:
    if query.ndim != 4 or key.ndim != 4 or value.ndim != 4:
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    if query.dtype != key.dtype or query.dtype != value.dtype:
        raise ValueError(
            "Expected query, key, and value to have the same dtype, "
            f"but got query.dtype: {query.dtype}, key.dtype: {key.dtype}, and value.dtype: {value.dtype} instead."
        )
    heads, kept = query.shape[1], key.shape[1]
    if not enable_gqa and heads != kept:
        raise ValueError(
            f"Expect query and key/value to have the same number of heads but got Hq={heads} and Hkv={kept}. "
            "Try setting enable_gqa=True for GQA."
        )
    if enable_gqa and heads % kept:
        raise ValueError(
            f"Expect number of query heads to be a multiple of kv heads for GQA but got Hq={heads} and Hkv={kept}."
        )
    if block_mask is not None and (query.shape[2] > block_mask.shape[2] or key.shape[2] > block_mask.shape[3]):
        raise ValueError(
            f"block_mask was created for block_mask.shape={block_mask.shape} but got q_len={query.shape[2]} and "
            f"kv_len={key.shape[2]}. As the block mask was created for a smaller length than you're using it for, you "
            "likely need to create a new block mask."
        )


def flex_attention(
    query,
    key,
    value,
    score_mod=None,
    block_mask=None,
    scale=None,
    enable_gqa=False,
    return_lse=False,
    kernel_options=None,
    *,
    return_aux=None,
):
    """Attention of queries (B, H, L, E) to keys (B, H, S, E) and values (B, H, S, Ev).

    `score_mod(score, b, h, q_idx, kv_idx)` gives the scores that count. A query that sees no key gives zeros.
    """
    _refuse_misfits(query, key, value, block_mask, enable_gqa)
    if enable_gqa and (times := query.shape[1] // key.shape[1]) > 1:
        key, value = key.repeat_interleave(times, 1), value.repeat_interleave(times, 1)
    exact = float64 if query.dtype == float64 else float32
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = matmul(query.to(exact) * scale, key.to(exact).transpose(-2, -1))
    places = _places(scores.shape, scores.device)
    if score_mod is not None:
        scores = score_mod(scores, *places).to(exact).expand(scores.shape)
    if block_mask is not None and block_mask.mask_mod is not None:
        shown = block_mask.mask_mod(*places)
        scores = scores.masked_fill(~shown, -math.inf)
    blind = (scores == -math.inf).all(-1, keepdim=True)
    # A row without a key would be 0 / 0, in the gradient as well.
    weights = scores.masked_fill(blind, 0.0).softmax(-1).masked_fill(blind, 0.0)
    out = matmul(weights, value.to(exact)).to(query.dtype)
    if return_aux is not None:
        lse = scores.logsumexp(-1) if return_aux.lse else None
        return out, AuxOutput(lse, scores.amax(-1) if return_aux.max_scores else None)
    return (out, scores.logsumexp(-1)) if return_lse else out


__getattr__ = _lookup("torch.nn.attention.flex_attention")
