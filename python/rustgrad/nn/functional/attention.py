"""Attention: of scaled dot products, and of several heads with their projections. Vaswani et al. 2017."""

import math
import warnings
from typing import Any

from ..._rustgrad import Tensor, float32
from ..._rustgrad import bool as bool_dtype
from ..._rustgrad.nn import dropout as drop
from ..._rustgrad.nn import linear, pad, softmax
from ..._rustgrad.torch import _scaled_dot_product_flash_attention_for_cpu as flash
from ..._rustgrad.torch import arange, bmm, cat, where, zeros
from ...overrides import overridable
from .._autocast import cast_lower
from .._compose import scalar_name

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]

_CPP_NAMES = {"Float": "float", "Double": "double", "Long": "long int", "Int": "int", "Bool": "bool"}


def _cpp_name(dtype):
    name = scalar_name(dtype)
    return _CPP_NAMES.get(name, f"c10::{name}")


def _check_sdpa(query, key, value, attn_mask, is_causal):
    if attn_mask is not None and is_causal:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if not query.dtype == key.dtype == value.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{_cpp_name(query.dtype)} key.dtype: {_cpp_name(key.dtype)} and value.dtype: {_cpp_name(value.dtype)} "
            "instead."
        )
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{query.ndim} key.dim: {key.ndim} and value.dim: {value.ndim} instead."
        )
    if attn_mask is not None and attn_mask.dtype not in (bool_dtype, float32, query.dtype):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{_cpp_name(attn_mask.dtype)} and  query.dtype: {_cpp_name(query.dtype)} instead."
        )
    if not query.is_floating_point():
        raise RuntimeError(f"expected scalar type Float but found {scalar_name(query.dtype)}")


def _fits(query, key, value, grouped):
    """Whether the kernel by tiles takes these: on the CPU, with elements, of equal sizes where they should be."""
    if query.is_gpu or not (query.ndim == key.ndim == value.ndim) or not (query.numel() and key.numel()):
        return False
    lead = -3 if grouped else -2
    return (
        query.shape[:lead] == key.shape[:lead] == value.shape[:lead]
        and key.shape[-3:-1] == value.shape[-3:-1]
        and query.shape[-1] == key.shape[-1]
        and (not grouped or (query.ndim > 2 and query.shape[-3] % key.shape[-3] == 0))
    )


def _repeated_heads(query, key, value):
    """Keys and values of fewer heads, each shared by a group of the query's heads (dim -3)."""
    heads = query.shape[-3]
    if heads % key.shape[-3] or heads % value.shape[-3]:
        raise RuntimeError("Number of heads in key and value must divide the number of heads in ")

    def spread(x):
        groups = heads // x.shape[-3]
        shape = (*x.shape[:-3], heads, *x.shape[-2:])
        return x.unsqueeze(-3).expand(*x.shape[:-2], groups, *x.shape[-2:]).reshape(shape)

    return spread(key), spread(value)


@overridable
@cast_lower
def scaled_dot_product_attention(
    query,
    key,
    value,
    attn_mask: Tensor | None = None,
    dropout_p=0.0,
    is_causal=False,
    scale: float | None = None,
    enable_gqa=False,
):
    """softmax(query key^T scale + mask) value, for query (..., L, E), key (..., S, E), value (..., S, V).

    attn_mask: broadcast to (..., L, S); where a bool one is False, nothing is attended to, one of floats is added. A
    row without anything gives zeros. is_causal: position i attends to positions up to i. scale: 1 / sqrt(E) by default.
    dropout_p: dropout of the weights, whenever it is not 0. enable_gqa: key and value may have fewer heads (dim -3).

    Raises RuntimeError for shapes and dtypes that do not fit. Holds the (..., L, S) weights in memory on the GPU, with
    dropout, and where the mask requires a gradient; else memory for the result is all it needs.
    """
    _check_sdpa(query, key, value, attn_mask, is_causal)
    if dropout_p == 0.0 and (attn_mask is None or not attn_mask.requires_grad) and _fits(query, key, value, enable_gqa):
        return flash(query, key, value, 0.0, is_causal, attn_mask=attn_mask, scale=scale)[0]
    if enable_gqa:
        key, value = _repeated_heads(query, key, value)
    factor = math.sqrt(1.0 / math.sqrt(query.shape[-1]) if scale is None else abs(scale))
    # Half of the scale for each operand, so that neither product overflows in halves.
    scores = (query * (factor if scale is None or scale >= 0 else -factor)) @ (key * factor).transpose(-2, -1)
    length, source = scores.shape[-2:]
    if is_causal:
        attn_mask = arange(length, device=query.device).unsqueeze(1) >= arange(source, device=query.device)
    if attn_mask is not None:
        if attn_mask.dtype == bool_dtype:
            attn_mask = where(attn_mask, 0.0, -math.inf)
        scores = scores + attn_mask.to(scores.dtype)
    weights = _safe_softmax(scores) if attn_mask is not None else softmax(scores, -1)
    if not 0.0 <= dropout_p <= 1.0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    if dropout_p != 0.0:
        weights = drop(weights, dropout_p, True)
    return weights @ value


def _safe_softmax(scores):
    """softmax over the last dim, with zeros for rows that are -inf throughout."""
    if scores.shape[-1] == 0:
        return softmax(scores, -1)
    empty = scores.detach().amax(-1, keepdim=True) == -math.inf
    return where(empty, 0.0, softmax(where(empty, 0.0, scores), -1))


# --- several heads


def _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads) -> bool:
    """Whether the query is batched. Raises AssertionError for ranks and shapes that do not fit."""
    if query.ndim not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor"
        )
    batched = query.ndim == 3
    rank, kind = (3, "batched (3-D)") if batched else (2, "unbatched (2-D)")
    if key.ndim != rank or value.ndim != rank:
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {rank}-D but found {key.ndim}-D and {value.ndim}-D "
            "tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.ndim != rank - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {rank - 1}-D but found "
            f"{key_padding_mask.ndim}-D tensor instead"
        )
    if attn_mask is not None:
        if attn_mask.ndim not in (2, 3):
            raise AssertionError(
                f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.ndim}-D "
                "tensor instead"
            )
        if (
            not batched
            and attn_mask.ndim == 3
            and tuple(attn_mask.shape)
            != (
                num_heads,
                query.shape[0],
                key.shape[0],
            )
        ):
            wanted = (num_heads, query.shape[0], key.shape[0])
            raise AssertionError(f"Expected `attn_mask` shape to be {wanted} but got {attn_mask.shape}")
    return batched


def canonical_mask(mask, mask_name, other_type, other_name, target_type, check_other=True):
    """A mask as numbers to add: -inf where a bool one is True. Raises AssertionError for other dtypes."""
    if mask is None:
        return None
    if mask.dtype != bool_dtype and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype != other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    if mask.dtype != bool_dtype:
        return mask
    return where(mask, -math.inf, zeros(mask.shape, dtype=target_type, device=mask.device))


def _projected(query, key, value, weight, bias):
    """Query, key and value through one weight of three parts; in one product where they are the same tensor."""
    size = query.shape[-1]
    if query is key and key is value:
        return linear(query, weight, bias).chunk(3, -1)
    w_q, w_kv = weight.split([size, 2 * size])
    b_q, b_kv = (None, None) if bias is None else bias.split([size, 2 * size])
    if key is value:
        return (linear(query, w_q, b_q), *linear(key, w_kv, b_kv).chunk(2, -1))
    (w_k, w_v), (b_k, b_v) = w_kv.chunk(2), (None, None) if b_kv is None else b_kv.chunk(2)
    return linear(query, w_q, b_q), linear(key, w_k, b_k), linear(value, w_v, b_v)


@overridable
def multi_head_attention_forward(
    query,
    key,
    value,
    embed_dim_to_check,
    num_heads,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn,
    dropout_p,
    out_proj_weight,
    out_proj_bias: Any,
    training=True,
    key_padding_mask: Any = None,
    need_weights=True,
    attn_mask: Any = None,
    use_separate_proj_weight=False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights=True,
    is_causal=False,
):
    """Attention of `num_heads` heads: query (L, N, E), key and value (S, N, E), or all without the batch dim N.

    key_padding_mask: (N, S), and attn_mask: (L, S) or (N heads, L, S): where a bool one is True, nothing is attended
    to; one of floats is added. is_causal says that attn_mask is causal. Returns the output (L, N, E) and, if
    need_weights, the weights (N, L, S), the heads' mean, or (N, heads, L, S); else None.

    Raises AssertionError and RuntimeError for shapes that do not fit. nn.MultiheadAttention is how it is used.
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        # The same tensors stay the same.
        new_query, new_key = query.unsqueeze(1), key.unsqueeze(1)
        new_key = new_query if key is query else new_key
        value = new_key if value is key else value.unsqueeze(1)
        query, key = new_query, new_key
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, embed_dim = query.shape
    source = key.shape[0]
    other = None if attn_mask is None else attn_mask.dtype
    key_padding_mask = canonical_mask(key_padding_mask, "key_padding_mask", other, "attn_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None
    else:
        attn_mask = canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, check_other=False)
        is_causal = is_causal and key_padding_mask is None
    if embed_dim != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed_dim}")
    head_dim = embed_dim // num_heads
    if head_dim * num_heads != embed_dim:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
            )
        parts = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = (linear(x, w, b) for x, w, b in zip((query, key, value), weights, parts))
    else:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias)
    attn_mask = _checked_mask(attn_mask, length, source, batch * num_heads)
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias cannot be added to static key or value.")
        k, v = (cat([x, bias.expand(1, batch, embed_dim)]) for x, bias in ((k, bias_k), (v, bias_v)))
        attn_mask, key_padding_mask = (None if m is None else pad(m, (0, 1)) for m in (attn_mask, key_padding_mask))
    elif bias_k is not None or bias_v is not None:
        raise AssertionError("bias_k and bias_v must both be given, or neither")
    rows = batch * num_heads
    q = q.reshape(length, rows, head_dim).transpose(0, 1)
    k = k.reshape(k.shape[0], rows, head_dim).transpose(0, 1) if static_k is None else _static(static_k, rows, head_dim)
    v = v.reshape(v.shape[0], rows, head_dim).transpose(0, 1) if static_v is None else _static(static_v, rows, head_dim)
    if add_zero_attn:
        k, v = (cat([x, x.new_zeros((rows, 1, head_dim))], 1) for x in (k, v))
        attn_mask, key_padding_mask = (None if m is None else pad(m, (0, 1)) for m in (attn_mask, key_padding_mask))
    source = k.shape[1]
    if key_padding_mask is not None:
        if tuple(key_padding_mask.shape) != (batch, source):
            raise AssertionError(
                f"Expected key_padded_mask.shape[0] to be {batch}, but got {key_padding_mask.shape[0]}"
                if key_padding_mask.shape[0] != batch
                else f"Expected key_padded_mask.shape[1] to be {source}, but got {key_padding_mask.shape[1]}"
            )
        padding = key_padding_mask.view(batch, 1, 1, source).expand(batch, num_heads, 1, source)
        padding = padding.reshape(rows, 1, source)
        attn_mask = padding if attn_mask is None else attn_mask + padding
    dropout_p = dropout_p if training else 0.0
    if need_weights:
        scaled = q * math.sqrt(1.0 / head_dim)
        scores = bmm(scaled, k.transpose(-2, -1))
        if attn_mask is not None:
            scores = scores + attn_mask.to(scores.dtype)
        weights = softmax(scores, -1)
        if dropout_p > 0.0:
            weights = drop(weights, dropout_p, True)
        output = bmm(weights, v).transpose(0, 1).reshape(length * batch, embed_dim)
    else:
        weights = None
        if attn_mask is not None:
            attn_mask = (
                attn_mask.unsqueeze(0) if attn_mask.shape[0] == 1 else attn_mask.view(batch, num_heads, length, source)
            )
        q, k, v = (x.reshape(batch, num_heads, x.shape[1], head_dim) for x in (q, k, v))
        output = scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal)
        output = output.permute(2, 0, 1, 3).reshape(length * batch, embed_dim)
    output = linear(output, out_proj_weight, out_proj_bias)
    output = output.view(length, batch, output.shape[-1])
    if weights is not None:
        weights = weights.view(batch, num_heads, length, source)
        weights = weights.mean(1) if average_attn_weights else weights
        weights = weights if batched else weights.squeeze(0)
    return output if batched else output.squeeze(1), weights


def _checked_mask(mask, length, source, rows):
    """An attention mask of 3 dims. Raises RuntimeError for another shape."""
    if mask is None:
        return None
    wanted = (length, source) if mask.ndim == 2 else (rows, length, source)
    if tuple(mask.shape) != wanted:
        raise RuntimeError(f"The shape of the {mask.ndim}D attn_mask is {mask.shape}, but should be {wanted}.")
    return mask.unsqueeze(0) if mask.ndim == 2 else mask


def _static(x, rows, head_dim):
    """Keys or values that are given by heads. Raises AssertionError for another shape."""
    for dim, wanted in ((0, rows), (2, head_dim)):
        if x.shape[dim] != wanted:
            raise AssertionError(f"expecting static_k.size({dim}) of {wanted}, but got {x.shape[dim]}")
    return x
