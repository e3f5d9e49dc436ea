"""Causal masks of attention by name, so that no matrix of them need be made."""

from enum import IntEnum, auto

from ..._names import lookup as _lookup
from ..._rustgrad import Tensor
from ..._rustgrad import bool as _bool
from ..._rustgrad.torch import ones

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(IntEnum):
    """Where the diagonal of a causal mask that is not square begins, or ends: upper left, lower right."""

    UPPER_LEFT = auto()
    LOWER_RIGHT = auto()


class CausalBias(Tensor):
    """A causal mask for `attn_mask` of scaled_dot_product_attention: query i sees keys up to the variant's diagonal."""

    variant: CausalVariant
    seq_len_q: int
    seq_len_kv: int

    def __new__(cls, variant: CausalVariant, seq_len_q: int, seq_len_kv: int):
        return ones(0).as_subclass(cls)

    def __init__(self, variant: CausalVariant, seq_len_q: int, seq_len_kv: int):
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"variant must be a CausalVariant, but got {type(variant).__name__}")
        self.variant, self.seq_len_q, self.seq_len_kv = variant, seq_len_q, seq_len_kv

    def _materialize(self, device=None) -> Tensor:
        """The mask, (seq_len_q, seq_len_kv), bool."""
        shift = 0 if self.variant is CausalVariant.UPPER_LEFT else self.seq_len_kv - self.seq_len_q
        return ones(self.seq_len_q, self.seq_len_kv, device=device, dtype=_bool).tril(diagonal=shift)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        from .. import functional

        if func.__name__ != "scaled_dot_product_attention":
            raise NotImplementedError(
                f"CausalBias: {func.__name__} is not defined, only scaled_dot_product_attention is\n"
                "hint: bias._materialize() is the mask as a tensor"
            )
        return _attention(functional.scaled_dot_product_attention, *args, **(kwargs or {}))

    def __repr__(self, *, tensor_contents=None) -> str:
        return repr(self._materialize())


def _attention(
    function, query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    if not isinstance(attn_mask, CausalBias):
        raise NotImplementedError("CausalBias may only be the attn_mask of scaled_dot_product_attention")
    if is_causal:
        raise ValueError("CausalBias should not be used with causal=True")
    square = attn_mask.seq_len_q == attn_mask.seq_len_kv
    if square or attn_mask.variant is CausalVariant.UPPER_LEFT:
        mask, is_causal = None, True
    else:
        mask = attn_mask._materialize(query.device)
    return function(query, key, value, mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa)


def causal_upper_left(*size: int) -> CausalBias:
    """Query i sees keys 0 to i. AssertionError for another number of sizes than two."""
    if len(size) != 2:
        raise AssertionError("causal_upper_left only supports 2D tensors")
    return CausalBias(CausalVariant.UPPER_LEFT, *size)


def causal_lower_right(*size: int) -> CausalBias:
    """The last query sees all keys, each before it one less. AssertionError for another number of sizes than two."""
    if len(size) != 2:
        raise AssertionError("causal_lower_right only supports 2D tensors")
    return CausalBias(CausalVariant.LOWER_RIGHT, *size)


__getattr__ = _lookup("torch.nn.attention.bias")
