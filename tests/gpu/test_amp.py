"""Autocast and GradScaler on the GPU, by PyTorch's lists for CUDA."""

import pytest

import rustgrad as torch

pytestmark = pytest.mark.gpu

F = torch.nn.functional


@pytest.mark.parametrize("lower", [torch.float16, torch.bfloat16])
def test_the_lists_of_the_gpu(lower):
    x = torch.ones(4, 4, device="gpu")
    w = torch.ones(4, 4, device="gpu", requires_grad=True)
    with torch.autocast("gpu", dtype=lower):
        assert torch.is_autocast_enabled("gpu")
        assert not torch.is_autocast_enabled("cpu")
        y = x @ w
        assert y.dtype == lower
        assert [(y + 1).dtype, F.relu(y).dtype] == [lower, lower]
        assert {F.softmax(y, 0).dtype, y.exp().dtype, y.sum().dtype, F.mse_loss(y, y).dtype} == {torch.float32}
        assert F.softmax(y, 0, dtype=lower).dtype == lower
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32  # on the CPU
        with pytest.raises(RuntimeError, match="unsafe to autocast"):
            F.binary_cross_entropy(F.softmax(y, 0), x)
    F.mse_loss(y.float(), x).backward()
    assert w.grad.dtype == torch.float32
    assert w.grad[0].tolist() == [1.5] * 4


def test_a_scaler_skips_the_step_that_overflows():
    p = torch.nn.Parameter(torch.ones(2, device="gpu"))
    opt = torch.optim.SGD([p], lr=0.5)
    scaler = torch.amp.GradScaler("gpu", init_scale=8.0)
    seen = []
    for factor in (1.0, float("inf")):
        opt.zero_grad()
        scaler.scale((p * factor).sum()).backward()
        scaler.step(opt)
        scaler.update()
        seen.append((p.tolist(), scaler.get_scale()))
    assert seen == [([0.5, 0.5], 8.0), ([0.5, 0.5], 4.0)]
