"""L-BFGS."""

from functools import partial

from .._rustgrad import Tensor
from .._rustgrad.torch import cat
from ..grad_mode import enable_grad, no_grad
from .optimizer import Optimizer, check
from .stepwise import one_rate, real

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """The quasi-Newton method with limited memory, after Nocedal and Wright 2006, algorithms 7.4 and 3.5.

    A step makes up to `max_iter` iterations with up to `max_eval` evaluations of its closure (by default 5/4 of
    max_iter). line_search_fn: None or "strong_wolfe". It has one group of parameters, and its state lies under the
    first of them.
    """

    def __init__(
        self,
        params,
        lr=1,
        max_iter=20,
        max_eval=None,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        history_size=100,
        line_search_fn=None,
    ):
        one_rate(lr)
        check(bool(lr >= 0.0), "learning rate", lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self):
        return self.param_groups[0]["params"]

    def _gradient(self):
        """The gradients of all parameters, one after the other."""
        parts = []
        for p in self._params:
            part = p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1)
            parts.append(real(part).reshape(-1) if part.is_complex() else part)
        return cat(parts, 0)

    def _move(self, t, d):
        """Adds `t` times the direction `d` to the parameters."""
        start = 0
        for p in self._params:
            flat = real(p) if p.is_complex() else p
            flat.add_(d[start : start + flat.numel()].view_as(flat), alpha=t)
            start += flat.numel()

    def step(self, closure):  # pyright: ignore[reportIncompatibleMethodOverride]
        """Change the parameters. `closure` computes the loss and its gradients; the first loss is returned."""
        group, state = self.param_groups[0], self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        def evaluate():
            with enable_grad():
                return closure()

        with no_grad():
            first = evaluate()
            state["func_evals"] += 1
            gradient = self._gradient()
            if gradient.abs().max() > group["tolerance_grad"]:
                self._iterate(evaluate, float(first), gradient, group, state)
        return first

    def _iterate(self, evaluate, loss, gradient, group, state):
        lr, small = group["lr"], group["tolerance_change"]
        lr = lr.squeeze() if isinstance(lr, Tensor) else lr
        evaluations, d, t = 1, state.get("d"), state.get("t")
        memory = {k: state.get(k) for k in ("old_dirs", "old_stps", "ro", "H_diag")}
        before, loss_before = state.get("prev_flat_grad"), state.get("prev_loss")
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d = gradient.neg()
                memory = {"old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1}
                t = min(1.0, 1.0 / gradient.abs().sum()) * lr
            else:
                _remember(memory, gradient.sub(before), d.mul(t), group["history_size"])
                d, t = _direction(memory, gradient, state, group["history_size"]), lr
            before = gradient.clone() if before is None else before.copy_(gradient)
            loss_before = loss
            slope = gradient.dot(d)
            if slope > -small:
                break
            used, flat = 0, False
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                kept = [p.clone() for p in self._params]
                at = partial(self._probe, evaluate, d, kept)
                best, used = _strong_wolfe(at, t, d, (0, loss, gradient, slope), group["max_eval"] - evaluations)
                t, loss, gradient, _ = best
                self._move(t, d)
                flat = gradient.abs().max() <= group["tolerance_grad"]
            else:
                self._move(t, d)
                if iteration != group["max_iter"]:
                    loss, gradient, used = float(evaluate()), self._gradient(), 1
                    flat = gradient.abs().max() <= group["tolerance_grad"]
            evaluations += used
            state["func_evals"] += used
            if iteration == group["max_iter"] or evaluations >= group["max_eval"] or flat:
                break
            if d.mul(t).abs().max() <= small or abs(loss - loss_before) < small:
                break
        state.update(d=d, t=t, **memory, prev_flat_grad=before, prev_loss=loss_before)

    def _probe(self, evaluate, d, kept, t) -> tuple:
        """A point `t` along `d` from `kept`: t, the loss, its gradient and its slope. The parameters stay."""
        self._move(t, d)
        loss, gradient = float(evaluate()), self._gradient()
        for p, value in zip(self._params, kept):
            p.copy_(value)
        return t, loss, gradient, gradient.dot(d)


def _remember(memory, y, s, most):
    """Keep the last change of the gradient, `y`, and of the parameters, `s`, where the curvature is positive."""
    curvature = y.dot(s)
    if curvature <= 1e-10:
        return
    if len(memory["old_dirs"]) == most:
        for name in ("old_dirs", "old_stps", "ro"):
            memory[name].pop(0)
    memory["old_dirs"].append(y)
    memory["old_stps"].append(s)
    memory["ro"].append(1.0 / curvature)
    memory["H_diag"] = curvature / y.dot(y)


def _direction(memory, gradient, state, most):
    """Minus the inverse Hessian that the memory stands for, times the gradient."""
    ys, ss, ro = memory["old_dirs"], memory["old_stps"], memory["ro"]
    al = state.setdefault("al", [None] * most)
    d = gradient.neg()
    for i in reversed(range(len(ys))):
        al[i] = ss[i].dot(d) * ro[i]
        d.add_(ys[i], alpha=-al[i])
    d = d.mul(memory["H_diag"])
    for i in range(len(ys)):
        d.add_(ss[i], alpha=al[i] - ys[i].dot(d) * ro[i])
    return d


def _strong_wolfe(at, t, d, start, most, c1=1e-4, c2=0.9, small=1e-9) -> tuple[tuple, int]:
    """A step length of the strong Wolfe conditions, as (t, loss, gradient, slope), and the evaluations it took.

    at: evaluates such a point. First a bracket is found, then narrowed.
    """
    length = d.abs().max()
    _, f, _, slope = start
    before, point, used, rounds, done = start, at(t), 1, 0, False
    bracket = None
    while rounds < most:
        t, loss, _, tilt = point
        if loss > f + c1 * t * slope or (rounds > 1 and loss >= before[1]):
            bracket = [before, point]
        elif abs(tilt) <= -c2 * slope:
            bracket, done = [point], True
        elif tilt >= 0:
            bracket = [before, point]
        if bracket is not None:
            break
        bounds = (t + 0.01 * (t - before[0]), t * 10)
        before, point = point, at(_cubic_minimum(before, point, bounds))
        used, rounds = used + 1, rounds + 1
    if bracket is None or rounds == most:
        bracket = [start, point]
    low = 0 if bracket[0][1] <= bracket[-1][1] else 1
    stuck = False
    while not done and rounds < most:
        ends = bracket[0][0], bracket[1][0]
        if abs(ends[1] - ends[0]) * length < small:
            break
        t = _cubic_minimum(*bracket)
        left, right = min(ends), max(ends)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:
            # Near an end twice, or on it: a tenth inside, so that the bracket shrinks.
            if stuck or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = at(t)
        used, rounds = used + 1, rounds + 1
        _, loss, _, tilt = point
        if loss > f + c1 * t * slope or loss >= bracket[low][1]:
            bracket[1 - low] = point
            low = 0 if bracket[0][1] <= bracket[1][1] else 1
        else:
            if abs(tilt) <= -c2 * slope:
                done = True
            elif tilt * (bracket[1 - low][0] - bracket[low][0]) >= 0:
                bracket[1 - low] = bracket[low]
            bracket[low] = point
    return bracket[low], used


def _cubic_minimum(a, b, bounds=None):
    """Where the cubic through two points and their slopes is least, within `bounds` (Nocedal and Wright, eq. 3.59)."""
    (x1, f1, _, g1), (x2, f2, _, g2) = a, b
    low, high = bounds or ((x1, x2) if x1 <= x2 else (x2, x1))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    inside = d1**2 - g1 * g2
    if not inside >= 0:
        return (low + high) / 2.0
    d2 = inside.sqrt()
    if x1 <= x2:
        t = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        t = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(t, low), high)
