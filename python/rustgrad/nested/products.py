"""What ops do with nested tensors of layout jagged: products, and attention among the rows of each part."""

import math

from .._rustgrad import Tensor
from .._rustgrad.torch import cat, stack
from ..nn._compose import shown
from .jagged import NestedTensor, elementwise, joined, made, op, parts, with_values

__all__ = ["attention"]


def _round(shape) -> str:
    return f"({', '.join(map(repr, shape))})"


def _refusal(what, a, b) -> RuntimeError:
    shapes = [_round(a.shape) if isinstance(a, NestedTensor) else repr(a.shape), repr(b.shape)]
    return RuntimeError(
        f"{what}(): not supported between inputs of shapes {shapes[0]} and {shapes[1]}\n"
        "hint: unbind() gives the parts, whose products are those of dense tensors"
    )


def _linear(func, input, weight, bias=None):
    if not isinstance(input, NestedTensor):
        raise RuntimeError("linear(): expected a nested input, and a weight and a bias that are dense")
    if input._ragged_idx == input.dim() - 1:
        raise RuntimeError(f"linear(): the last dim of {_round(input.shape)} is ragged, which no weight fits")
    return with_values(input, func(input._v, weight, bias))


elementwise["linear"] = _linear


@op("matmul", "__matmul__", "bmm", "__rmatmul__")
def _matmul(self, other):
    nested, dense = isinstance(self, NestedTensor), isinstance(other, NestedTensor)
    if nested and not dense:
        last = self._ragged_idx == self.dim() - 1
        if other.dim() <= 2 and not last:
            return with_values(self, shown("MatmulBackward0", self._v @ other, self._v, other))
        if other.dim() == self.dim() and self._ragged_idx == self.dim() - 2 and other.shape[0] == len(self):
            y = joined([a @ b for a, b in zip(parts(self), other)], self)
            shown("BmmBackward0", y._v, self._v, other)
            return y
        raise _refusal("matmul", self, other)
    if nested and dense:
        n = self.dim()
        if other.dim() == n and self._ragged.size == other._ragged.size:
            if self._ragged_idx == n - 1 and other._ragged_idx == n - 2:
                y = stack([a @ b for a, b in zip(parts(self), parts(other))])
                return shown("BmmBackward0", y, self._v, other._v)
        raise _refusal("matmul", self, other)
    if other._ragged_idx == other.dim() - 1 and self.dim() == other.dim() and self.shape[0] == len(other):
        return joined([a @ b for a, b in zip(self, parts(other))], other)
    raise _refusal("matmul", self, other)


def check(query, key, value, attn_mask) -> None:
    if not query.is_nested or not key.is_nested or not value.is_nested:
        raise ValueError(
            "Expected query, key, and value to be nested tensors, but got query.is_nested: "
            f"{query.is_nested}, key.is_nested: {key.is_nested}, and value.is_nested: {value.is_nested} instead."
        )
    if not query.dtype == key.dtype == value.dtype:
        raise ValueError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{query.dtype}, key.dtype: {key.dtype}, and value.dtype: {value.dtype} instead."
        )
    if query.dim() < 3 or key.dim() < 3 or value.dim() < 3:
        raise ValueError(
            "Expected query, key, and value to all be  at least 3 dimensional, but got query.dim: "
            f"{query.dim()}, key.dim: {key.dim()} and value.dim: {value.dim()} instead."
        )
    if attn_mask is not None:
        raise ValueError("Masks are not yet supported!")


def attended(queries, keys, values, dropout_p, is_causal, scale, enable_gqa) -> list[Tensor]:
    """The attention of each part: lists of (heads, length, size)."""
    from .._rustgrad.nn import dropout, softmax
    from ..nn.functional import scaled_dot_product_attention

    if dropout_p == 0.0 or is_causal or enable_gqa:
        return [
            scaled_dot_product_attention(q, k, v, None, dropout_p, is_causal, scale, enable_gqa)
            for q, k, v in zip(queries, keys, values)
        ]
    # All weights are dropped by one draw, as in PyTorch.
    factor = math.sqrt(1.0 / math.sqrt(queries[0].shape[-1]) if scale is None else abs(scale))
    sign = -1.0 if scale is not None and scale < 0 else 1.0
    weights = [softmax((q * (factor * sign)) @ (k * factor).transpose(-2, -1), -1) for q, k in zip(queries, keys)]
    kept = dropout(cat([w.reshape(-1) for w in weights]), dropout_p, True)
    flat = kept.split([w.numel() for w in weights])
    return [f.view(w.shape) @ v for f, w, v in zip(flat, weights, values)]


@op("scaled_dot_product_attention")
def attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    """`scaled_dot_product_attention` of nested tensors (batch, heads, ragged, size): each part attends to itself.

    Keys and values share their lengths, queries may have others. ValueError for masks and for dense operands.
    """
    check(query, key, value, attn_mask)
    if any(x._ragged_idx != x.dim() - 2 for x in (query, key, value)):
        raise RuntimeError(
            "scaled_dot_product_attention(): the ragged dim must be the one before the last, got shapes "
            f"{', '.join(_round(x.shape) for x in (query, key, value))}\nhint: x.transpose(1, 2)"
        )
    found = attended(parts(query), parts(key), parts(value), dropout_p, is_causal, scale, enable_gqa)
    if query._lengths is not None:
        return joined(found, query)
    # Heads lie beside each other in memory, so that `transpose(1, 2)` of the result is contiguous.
    at = query._ragged_idx
    packed = cat([x.movedim(at - 1, 0) for x in found])
    return made(packed.movedim(0, at - 1), query._offsets, None, at)


def _why_not(layer, query, key, value, masked) -> str:
    """PyTorch's reason why MultiheadAttention does not take a nested tensor; empty where it does."""
    from .._rustgrad.torch import is_grad_enabled

    if query is not key or key is not value:
        return "non-self attention was used (query, key, and value are not the same Tensor)"
    if layer.training:
        return "training is enabled"
    if layer.num_heads % 2:
        return "self.num_heads is not even"
    if not layer.batch_first:
        return "batch_first was not True"
    if layer.bias_k is not None or layer.bias_v is not None or layer.add_zero_attn:
        return "self.bias_k, self.bias_v or add_zero_attn was there"
    if not layer._qkv_same_embed_dim or layer.in_proj_bias is None:
        return "_qkv_same_embed_dim was not True, or in_proj_bias was None"
    if masked:
        return (
            "supplying both src_key_padding_mask and src_mask at the same time is not supported with NestedTensor input"
        )
    if isinstance(query, NestedTensor):
        return "some Tensor argument has_torch_function"
    if is_grad_enabled() and (query.requires_grad or any(p.requires_grad for p in layer.parameters())):
        return (
            "grad is enabled and at least one of query or the input/output projection weights or biases requires_grad"
        )
    return ""


def multi_head(layer, query, key, value, masked, need_weights, average):
    """What nn.MultiheadAttention gives for a nested tensor of layout strided: parts (length, size), and the weights.

    AssertionError where PyTorch has no such path: while training, with gradients, with masks, for other keys.
    """
    from ..nn.functional import multi_head_attention_forward
    from .strided import of_parts
    from .strided import parts as strided_parts

    if reason := _why_not(layer, query, key, value, masked):
        raise AssertionError(
            "MultiheadAttention does not support NestedTensor outside of its fast path. The fast path was not hit "
            f"because {reason}\n"
            "hint: layout=torch.jagged with linear layers and F.scaled_dot_product_attention trains; "
            "to_padded_tensor with key_padding_mask, too"
        )
    out = layer.out_proj
    found = []
    for x in strided_parts(query):
        rows = x.unsqueeze(1)
        found.append(
            multi_head_attention_forward(
                rows,
                rows,
                rows,
                layer.embed_dim,
                layer.num_heads,
                layer.in_proj_weight,
                layer.in_proj_bias,
                None,
                None,
                False,
                0.0,
                out.weight,
                out.bias,
                training=False,
                need_weights=need_weights,
                average_attn_weights=average,
            )
        )
    y = of_parts([x.squeeze(1) for x, _ in found])
    if not need_weights:
        return y, None
    return y, of_parts([w.squeeze(0) for _, w in found]).to_padded_tensor(0.0)
