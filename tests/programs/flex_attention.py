"""Attention whose scores a program changes: masks, blocks of masks, biases, groups of heads."""

import torch
from torch.nn.attention.flex_attention import and_masks, create_block_mask, create_mask, flex_attention, or_masks

torch.manual_seed(0)
q, k, v = (torch.randn(2, 4, 8, 16) for _ in range(3))


def show(x):
    print(tuple(x.shape), f"{x.sum().item():.3f}", f"{x.std().item():.3f}")


def causal(b, h, i, j):
    return i >= j


def told(call):
    try:
        call()
    except Exception as error:
        print(type(error).__name__, str(error)[:100])


bias = torch.randn(4)
show(flex_attention(q, k, v))
show(flex_attention(q, k, v, score_mod=lambda s, b, h, i, j: torch.where(i >= j, s, -float("inf"))))
show(flex_attention(q, k, v, score_mod=lambda s, b, h, i, j: s + bias[h] * (i - j), scale=0.2))
mask = create_block_mask(causal, B=None, H=None, Q_LEN=8, KV_LEN=8, device="cpu")
out, lse = flex_attention(q, k, v, block_mask=mask, return_lse=True)
show(out)
show(lse)
print(mask.shape, mask.seq_lengths, mask.BLOCK_SIZE, mask.sparsity(), mask.to_dense(), mask.numel())
show(flex_attention(q, k[:, :2], v[:, :2], enable_gqa=True))
document = torch.tensor([[0, 0, 0, 1, 1, 1, 2, 2], [0, 1, 1, 1, 1, 2, 2, 2]])
inside = create_block_mask(
    and_masks(causal, lambda b, h, i, j: document[b, i] == document[b, j]), 2, None, 8, 8, device="cpu"
)
print(inside.shape)
show(flex_attention(q, k, v, block_mask=inside))
print(create_mask(or_masks(causal, lambda b, h, i, j: j == 7), 1, 1, 4, 8, device="cpu")[0, 0].int())
wide = create_block_mask(causal, 1, 1, 300, 300, device="cpu")
print(wide.to_dense()[0, 0], wide.kv_num_blocks, wide.kv_indices[0, 0], wide.full_kv_num_blocks, wide.sparsity())
far = torch.randn(1, 2, 300, 8)
show(flex_attention(far, far, far, block_mask=wide))
hidden = create_block_mask(lambda b, h, i, j: i < 0, None, None, 8, 8, device="cpu")
show(flex_attention(q, k, v, block_mask=hidden))
told(lambda: flex_attention(q, k[:, :2], v[:, :2]))
told(lambda: flex_attention(q[0], k, v))
told(lambda: flex_attention(q, k, v, block_mask=create_block_mask(causal, None, None, 4, 8, device="cpu")))
told(lambda: or_masks("all", 3))
