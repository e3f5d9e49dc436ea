"""Elementwise ops whose result lies over an operand: each way to the compiled loops, by size and dtype."""

import pytest

import rustgrad as torch


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64], ids=str)
@pytest.mark.parametrize("n", [1, 7, 64, 65, 3000, 200_000])
def test_results_over_operands(n, dtype):
    x = (torch.arange(n) % 97 - 40).to(dtype)
    y = (torch.arange(n) % 89 - 20).to(dtype)
    kept = y.clone()

    def check(f, want):
        a = x.clone()
        f(a)
        assert a.dtype == want.dtype and (a == want).all()
        assert (y == kept).all()

    check(lambda a: a.add_(y), x + y)
    check(lambda a: a.sub_(y, alpha=2), x.sub(y, alpha=2))
    check(lambda a: a.mul_(3), x * 3)
    check(lambda a: a.add_(y[:1]), x + y[:1])
    check(lambda a: a.addcmul_(y, y), x.addcmul(y, y))
    check(lambda a: a.clamp_(-3, 5), x.clamp(-3, 5))
    check(lambda a: a.neg_(), -x)
    check(lambda a: a.gt_(y), (x > y).to(dtype))
    # The others too are, or only they.
    check(lambda a: a.add_(a), x + x)
    check(lambda a: a.addcmul_(a, y), x.addcmul(x, y))
    check(lambda a: torch.sub(y, a, out=a), y - x)
    check(lambda a: torch.sub(a, y, out=a), x - y)
    check(lambda a: torch.mul(a, a, out=a), x * x)
    check(lambda a: torch.where(y > 0, y, a, out=a), torch.where(y > 0, y, x))
    # Parts and turned ones.
    check(lambda a: (a[::2].add_(y[::2]), a[1::2].add_(y[1::2])), x + y)
    check(lambda a: a[n // 2 :].mul_(a[: n - n // 2].clone()), torch.cat([x[: n // 2], x[n // 2 :] * x[: n - n // 2]]))
    if n > 7 and n % 10 == 0:
        check(lambda a: a.view(-1, 10).t().add_(y.view(-1, 10).t()), x + y)
