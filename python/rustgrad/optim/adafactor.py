"""Adafactor."""

from .._rustgrad.torch import zeros_like
from ..limits import finfo
from .optimizer import as_step
from .stepwise import Stepwise, one_rate

__all__ = ["Adafactor"]


def _refuse(valid, what, value):
    if not valid:
        raise ValueError(f"{what} but is: {value}")


class Adafactor(Stepwise):
    """Adam's mean square as the product of a row and a column, and no mean gradient, after Shazeer and Stern 2018.

    The rate is at most `lr` and follows the parameter's size, at least eps[1]. beta2_decay: the mean square forgets
    by step^beta2_decay. d: changes whose root mean square is above it are scaled down. eps[0]: the least root mean
    square, by default the dtype's epsilon.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        beta2_decay=-0.8,
        eps=(None, 1e-3),
        d=1.0,
        weight_decay=0.0,
        *,
        foreach=None,
        maximize=False,
    ):
        one_rate(lr)
        _refuse(bool(lr >= 0.0), "Learning rate should be >= 0", lr)
        _refuse(beta2_decay <= 0.0, "beta2_decay should be <= 0", beta2_decay)
        _refuse(eps[0] is None or eps[0] >= 0.0, "epsilon1 should be >= 0", eps[0])
        _refuse(eps[1] >= 0.0, "epsilon2 should be >= 0", eps[1])
        _refuse(d >= 1.0, "Clipping threshold d should be >= 1", d)
        _refuse(weight_decay >= 0.0, "weight_decay should be >= 0", weight_decay)
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super(Stepwise, self).__init__(params, defaults)

    def _start(self, p, grad, state, group):
        state["step"] = as_step(0)
        if grad.dim() > 1:
            state["row_var"] = grad.new_zeros((*grad.shape[:-1], 1))
            state["col_var"] = grad.new_zeros((*grad.shape[:-2], 1, grad.shape[-1]))
        else:
            state["variance"] = zeros_like(grad)

    def _step_one(self, p, grad, group):
        if p.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        super()._step_one(p, grad, group)

    def _change(self, p, grad, state, group):
        state["step"] += 1
        step, lr, (least, floor) = state["step"].item(), float(group["lr"]), group["eps"]
        if least is None:
            least = finfo(p.dtype).eps
        fresh = step ** group["beta2_decay"]
        rate = max(floor, p.norm(2).item() / p.numel() ** 0.5) * min(lr, 1 / step**0.5)
        if group["weight_decay"] != 0:
            p.mul_(1 - lr * group["weight_decay"])
        if grad.dim() > 1:
            rows, columns = state["row_var"], state["col_var"]
            rows.lerp_(grad.norm(dim=-1, keepdim=True).square_().div_(grad.size(-1)), fresh)
            columns.lerp_(grad.norm(dim=-2, keepdim=True).square_().div_(grad.size(-2)), fresh)
            square = (rows @ columns).div_(rows.mean(dim=-2, keepdim=True).clamp_(min=least))
        else:
            square = state["variance"].lerp_(grad * grad, fresh).clone()
        change = square.clamp_(min=least * least).rsqrt_().mul_(grad)
        size = max(1.0, change.norm(2).item() / (change.numel() ** 0.5 * group["d"]))
        p.add_(change, alpha=-rate / size)
