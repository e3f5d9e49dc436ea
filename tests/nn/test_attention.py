"""scaled_dot_product_attention by tiles, beside the same written with its scores in memory."""

import math

import pytest

import rustgrad as torch
from rustgrad.nn.functional import scaled_dot_product_attention

INF = math.inf


def with_scores(query, key, value, mask=None, causal=False):
    """Attention as it is defined."""
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, -INF) if mask.dtype == torch.bool else scores + mask
    empty = (scores == -INF).all(-1, keepdim=True)
    weights = torch.where(empty, 0.0, torch.where(empty, 0.0, scores).softmax(-1))
    return weights @ value


def operands(lead, lengths, widths, dtype=torch.float64):
    (queries, keys), (width, values) = lengths, widths
    shapes = ((*lead, queries, width), (*lead, keys, width), (*lead, keys, values))
    return [torch.randn(shape, dtype=dtype).requires_grad_() for shape in shapes]


def masks(queries, keys):
    seen = torch.rand(queries, keys) > 0.5
    seen[0] = False  # a query that sees nothing
    return {"none": None, "bool": seen, "float": torch.randn(queries, keys, dtype=torch.float64), "causal": None}


# Blocks are of 64 queries and 256 keys.
@pytest.mark.parametrize("lengths", [(1, 1), (5, 7), (64, 256), (65, 257), (130, 600), (300, 70)])
@pytest.mark.parametrize("kind", ["none", "bool", "float", "causal"])
@pytest.mark.parametrize("lead", [(), (2, 3)])
def test_results_and_gradients(lead, kind, lengths):
    torch.manual_seed(0)
    tensors = operands(lead, lengths, (9, 5))
    mask, causal = masks(*lengths)[kind], kind == "causal"
    ours = scaled_dot_product_attention(*tensors, attn_mask=mask, is_causal=causal)
    wanted = with_scores(*tensors, mask, causal)
    torch.testing.assert_close(ours, wanted, rtol=1e-11, atol=1e-11)
    g = torch.randn(ours.shape, dtype=torch.float64)
    for a, b in zip(torch.autograd.grad(ours, tensors, g), torch.autograd.grad(wanted, tensors, g)):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def test_strides_of_any_kind():
    torch.manual_seed(0)
    q = torch.randn(2, 70, 3, 8).transpose(1, 2)
    k = torch.randn(2, 3, 8, 90).transpose(2, 3)
    v = torch.randn(1, 3, 90, 16)[..., ::2].expand(2, 3, 90, 8)
    torch.testing.assert_close(scaled_dot_product_attention(q, k, v), with_scores(q, k, v), rtol=1e-5, atol=1e-6)
    assert scaled_dot_product_attention(q, k, v).stride() == q.stride()


def test_a_gradient_without_memory_of_its_own():
    q, k, v = operands((2,), (5, 6), (4, 4))
    scaled_dot_product_attention(q, k, v).sum().backward()
    wanted = torch.autograd.grad(with_scores(q, k, v).sum(), [q, k, v])
    for x, g in zip((q, k, v), wanted):
        torch.testing.assert_close(x.grad, g)


def test_heads_that_share_keys():
    torch.manual_seed(0)
    q = torch.randn(2, 6, 70, 8, dtype=torch.float64, requires_grad=True)
    k, v = (torch.randn(2, 2, 65, 8, dtype=torch.float64, requires_grad=True) for _ in range(2))
    ours = scaled_dot_product_attention(q, k, v, enable_gqa=True)
    wanted = with_scores(q, k.repeat_interleave(3, -3), v.repeat_interleave(3, -3))
    torch.testing.assert_close(ours, wanted)
    g = torch.randn(ours.shape, dtype=torch.float64)
    for a, b in zip(torch.autograd.grad(ours, (q, k, v), g), torch.autograd.grad(wanted, (q, k, v), g)):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("dtype, rounding", [(torch.float16, 2e-3), (torch.bfloat16, 2e-2)])
def test_halves_compute_in_float32(dtype, rounding):
    torch.manual_seed(0)
    q, k, v = (t.detach() for t in operands((2, 2), (70, 300), (16, 16), torch.float32))
    halves = scaled_dot_product_attention(q.to(dtype), k.to(dtype), v.to(dtype))
    assert halves.dtype == dtype
    single = with_scores(*(t.to(dtype).float() for t in (q, k, v)))
    torch.testing.assert_close(halves.float(), single, rtol=rounding, atol=rounding)


def test_derivatives_of_any_order():
    torch.manual_seed(0)
    q = torch.randn(1, 4, 5, 3, dtype=torch.float64, requires_grad=True)
    k, v = (torch.randn(1, 2, 6, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def shared(q, k, v):
        return scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)

    assert torch.autograd.gradcheck(shared, (q, k, v))
    assert torch.autograd.gradgradcheck(shared, (q, k, v))


def test_a_mask_that_needs_a_gradient():
    q, k, v = operands((2,), (4, 5), (3, 3))
    mask = torch.zeros(4, 5, dtype=torch.float64, requires_grad=True)
    scaled_dot_product_attention(q, k, v, attn_mask=mask).sum().backward()
    assert mask.grad is not None and mask.grad.shape == (4, 5)


def test_shapes_that_do_not_fit():
    x = torch.randn(1, 2, 3, 4)
    kernel = torch._scaled_dot_product_flash_attention_for_cpu
    with pytest.raises(RuntimeError, match=r"shapes \[1, 2, 3, 4\], \[1, 2, 3, 5\] and"):
        kernel(x, torch.randn(1, 2, 3, 5), x)
    with pytest.raises(RuntimeError, match="dropout"):
        kernel(x, x, x, 0.5)
    with pytest.raises(RuntimeError, match="one floating point dtype"):
        kernel(x, x.double(), x)
    with pytest.raises(RuntimeError):
        kernel(x, x, x, attn_mask=torch.zeros(7, 7))
