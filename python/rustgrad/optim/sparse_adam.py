"""SparseAdam."""

from .._rustgrad.torch import zeros_like
from .optimizer import check
from .stepwise import Stepwise, one_rate

__all__ = ["SparseAdam"]


class SparseAdam(Stepwise):
    """Adam of the rows that were used, for tables read by `embedding(..., sparse=True)`; other rows keep their means.

    Gradients are dense here, so the rows in use are those of a gradient that is not zero. Raises RuntimeError for the
    gradient of another parameter, as PyTorch does for dense gradients.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        one_rate(lr)
        check(bool(lr > 0.0), "learning rate", lr)
        check(eps > 0.0, "epsilon value", eps)
        for i, beta in enumerate(betas):
            check(0.0 <= beta < 1.0, f"beta parameter at index {i}", beta)
        super(Stepwise, self).__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        wrong = [
            [i, j] for i, group in enumerate(self.param_groups) for j, p in enumerate(group["params"]) if p.is_complex()
        ]
        if wrong:
            raise ValueError(f"Complex params at indices {wrong}: SparseAdam does not support complex parameters")

    def _start(self, p, grad, state, group):
        state["step"] = 0
        state["exp_avg"] = zeros_like(p)
        state["exp_avg_sq"] = zeros_like(p)

    def _step_one(self, p, grad, group):
        if not getattr(p, "_sparse_rows", False):
            raise RuntimeError(
                "SparseAdam does not support dense gradients, please consider Adam instead\n"
                "hint: tables that embedding(..., sparse=True) reads may be optimized by it"
            )
        super()._step_one(p, grad, group)

    def _change(self, p, grad, state, group):
        self.state[p]["step"] = step = state["step"] + 1
        rows = grad.ne(0).flatten(1).any(1).nonzero().squeeze(1)
        if rows.numel() == 0:
            return
        grad, (beta1, beta2) = grad[rows], group["betas"]
        mean, square = state["exp_avg"][rows], state["exp_avg_sq"][rows]
        mean.add_(grad.sub(mean).mul_(1 - beta1))
        square.add_(grad.pow(2).sub_(square).mul_(1 - beta2))
        state["exp_avg"][rows], state["exp_avg_sq"][rows] = mean, square
        rate = float(group["lr"]) * (1 - beta2**step) ** 0.5 / (1 - beta1**step)
        p.index_add_(0, rows, mean.div(square.sqrt().add_(group["eps"])), alpha=-rate)
