"""The layers of transformers: attention, then a network of two layers, each added to what it gets and normalised."""

from typing import Any

from .. import functional as F
from .activation import GELU, ReLU
from .attention import MultiheadAttention
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm
from .places import place

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]


def _get_activation_fn(name):
    """The function of a name; packages take it from here."""
    if name not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {name}")
    return F.relu if name == "relu" else F.gelu


class _TransformerLayer(Module):
    """What the layers of encoder and decoder share: `_attentions` attend, one after the other."""

    _attentions: tuple[str, ...]

    def __init__(
        self,
        d_model,
        nhead,
        dim_feedforward=2048,
        dropout=0.1,
        activation=F.relu,
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
        bias=True,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        steps = range(1, len(self._attentions) + 2)
        for name in self._attentions:
            setattr(
                self,
                name,
                MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, bias=bias, **made),
            )
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **made)
        self.norm_first = norm_first
        for step in steps:
            setattr(self, f"norm{step}", LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made))
        for step in steps:
            setattr(self, f"dropout{step}", Dropout(dropout))
        self.activation = _get_activation_fn(activation) if isinstance(activation, str) else activation

    def __setstate__(self, state):
        super().__setstate__(state)
        if not hasattr(self, "activation"):
            self.activation = F.relu

    def _added(self, x, step, block, *args):
        """`x` and the block of it, normalised before the block with norm_first, else after the sum."""
        norm = getattr(self, f"norm{step}")
        if self.norm_first:
            return x + block(norm(x), *args)
        return norm(x + block(x, *args))

    def _sa_block(self, x, attn_mask, key_padding_mask, is_causal=False):
        x = self.self_attn(
            x,
            x,
            x,
            attn_mask=attn_mask,
            key_padding_mask=key_padding_mask,
            need_weights=False,
            is_causal=is_causal,
        )[0]
        return self.dropout1(x)

    def _ff_block(self, x):
        x = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return getattr(self, f"dropout{len(self._attentions) + 1}")(x)


class TransformerEncoderLayer(_TransformerLayer):
    """Self-attention, then a network of two linear layers. Vaswani et al. 2017.

    activation: "relu", "gelu" or a function. norm_first: normalise what each part gets, not the sum. Takes (L, N, E),
    (N, L, E) with batch_first, or (L, E). Raises RuntimeError for another name of an activation.
    """

    _attentions = ("self_attn",)

    def __init__(
        self,
        d_model,
        nhead,
        dim_feedforward=2048,
        dropout=0.1,
        activation=F.relu,
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
        bias=True,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__(
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
            bias,
            device,
            dtype,
        )
        # What PyTorch's encoder asks for: 1 for relu, 2 for gelu, 0 for anything else.
        relu = self.activation is F.relu or isinstance(self.activation, ReLU)
        gelu = self.activation is F.gelu or isinstance(self.activation, GELU)
        self.activation_relu_or_gelu = 1 if relu else 2 if gelu else 0

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        """Attend within `src`.

        src_mask: (L, L) or (N * nhead, L, L), True or -inf where nothing is attended to. src_key_padding_mask: (N, L),
        alike. is_causal: src_mask is the causal one. Raises as `F.multi_head_attention_forward` does.
        """
        src_key_padding_mask = F.attention.canonical_mask(
            src_key_padding_mask,
            "src_key_padding_mask",
            None if src_mask is None else src_mask.dtype,
            "src_mask",
            src.dtype,
        )
        src_mask = F.attention.canonical_mask(src_mask, "src_mask", None, "", src.dtype, check_other=False)
        x = self._added(src, 1, self._sa_block, src_mask, src_key_padding_mask, is_causal)
        return self._added(x, 2, self._ff_block)


class TransformerDecoderLayer(_TransformerLayer):
    """Self-attention, attention to an encoder's output, then a network of two linear layers. Vaswani et al. 2017.

    The arguments are those of TransformerEncoderLayer.
    """

    _attentions = ("self_attn", "multihead_attn")

    def forward(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        tgt_is_causal=False,
        memory_is_causal=False,
    ):
        """Attend within `tgt`, then from it to `memory`, each with its masks as in TransformerEncoderLayer."""
        x = self._added(tgt, 1, self._sa_block, tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        x = self._added(x, 2, self._mha_block, memory, memory_mask, memory_key_padding_mask, memory_is_causal)
        return self._added(x, 3, self._ff_block)

    def _mha_block(self, x, mem, attn_mask, key_padding_mask, is_causal=False):
        x = self.multihead_attn(
            x,
            mem,
            mem,
            attn_mask=attn_mask,
            key_padding_mask=key_padding_mask,
            need_weights=False,
            is_causal=is_causal,
        )[0]
        return self.dropout2(x)


place(__all__, globals(), "transformer")
