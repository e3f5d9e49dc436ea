"""An optimizer's state dicts are the only truth: what a program changes in them counts from the next step on."""

import copy
import functools
import gc
import pickle
import warnings
import weakref

import pytest

import rustgrad as torch


def stepped(kind, count=1, **options):
    p = torch.tensor([1.0, 2.0], requires_grad=True)
    optimizer = kind([p], **options)
    for _ in range(count):
        p.grad = torch.tensor([0.5, -1.0])
        optimizer.step()
    return p, optimizer


def test_buffers_are_those_that_python_shows():
    p, optimizer = stepped(torch.optim.SGD, lr=1.0, momentum=0.5)
    buffer = optimizer.state[p]["momentum_buffer"]
    buffer.zero_()
    before = p.tolist()
    p.grad = torch.zeros(2)
    optimizer.step()
    assert p.tolist() == before
    assert optimizer.state[p]["momentum_buffer"] is buffer


def test_state_may_move_to_another_parameter():
    p, optimizer = stepped(torch.optim.Adam, 3)
    q = torch.zeros(2, requires_grad=True)
    optimizer.state[q] = optimizer.state.pop(p)
    optimizer.param_groups[0]["params"] = [q]
    q.grad = torch.ones(2)
    optimizer.step()
    assert optimizer.state[q]["step"].item() == 4
    assert (q != 0).all()


def test_state_that_does_not_fit_is_refused():
    p, optimizer = stepped(torch.optim.Adam)
    optimizer.state[p]["exp_avg"] = torch.zeros(3)
    before = p.tolist()
    p.grad = torch.ones(2)
    with pytest.raises(RuntimeError, match=r"state 'exp_avg' is float32 of shape \[3\], but its parameter"):
        optimizer.step()
    assert p.tolist() == before
    p, optimizer = stepped(torch.optim.SGD, momentum=0.9)
    optimizer.state[p]["momentum_buffer"] = 3
    with pytest.raises(TypeError, match="state 'momentum_buffer' must be a tensor"):
        optimizer.step()


def test_a_step_counts_as_a_write():
    p, optimizer = stepped(torch.optim.SGD)
    version = p._version
    loss = (p * p).sum()
    p.grad = torch.ones(2)
    optimizer.step()
    assert p._version == version + 1
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation|changed in place"):
        loss.backward()


def test_parameters_without_gradient_stay():
    a, b = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([a, b])
    a.grad = torch.ones(2)
    optimizer.step()
    assert b.tolist() == [0, 0]
    assert b not in optimizer.state


@pytest.mark.parametrize("shape", [(40, 3), (300, 400)])
def test_transposed_parameters(shape):
    base = torch.zeros(shape[::-1])
    p, q = base.t().requires_grad_(), torch.zeros(shape, requires_grad=True)
    optimizers = [torch.optim.Adam([x], lr=0.1) for x in (p, q)]
    torch.manual_seed(0)
    for _ in range(2):
        grad = torch.randn(shape)
        for x, optimizer in zip((p, q), optimizers):
            x.grad = grad.clone()
            optimizer.step()
    assert (p == q).all()


def test_an_expanded_parameter_is_refused():
    p = torch.zeros(1).expand(3).requires_grad_()
    p.grad = torch.ones(3)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        torch.optim.SGD([p]).step()


def test_pickles_and_copies():
    _, optimizer = stepped(torch.optim.Adam, 2, amsgrad=True)
    for other in (pickle.loads(pickle.dumps(optimizer)), copy.deepcopy(optimizer)):
        (q,) = other.param_groups[0]["params"]
        assert other.state[q]["step"].item() == 2
        q.grad = torch.ones(2)
        other.step()
        assert other.state[q]["step"].item() == 3
    assert repr(other) == repr(optimizer)


def test_an_optimizer_of_ones_own():
    class Sign(torch.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.sub_(group["lr"] * (p.grad / p.grad.abs()))

    p = torch.tensor([1.0, 2.0], requires_grad=True)
    optimizer = Sign([p], lr=0.5)
    seen = []
    optimizer.register_step_post_hook(lambda *_: seen.append(1))
    (p * torch.tensor([3.0, -2.0])).sum().backward()
    optimizer.step()
    assert p.tolist() == [0.5, 2.5]
    assert seen == [1]


def test_an_optimizer_that_nobody_holds_goes_at_once():
    p = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([p], 0.1)
    torch.optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.register_step_post_hook(lambda *_: None)
    seen = weakref.ref(optimizer)
    gc.disable()
    try:
        del optimizer
        assert seen() is None
    finally:
        gc.enable()


def test_a_wrapper_of_step_that_copies_its_marks_still_counts():
    p = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.SGD([p], 0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    calls, inner = [], optimizer.step

    @functools.wraps(inner)
    def step(*args):
        calls.append(args)
        return inner(*args)

    optimizer.step = step
    optimizer.register_step_pre_hook(lambda *_: calls.append("hook"))
    optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schedule.step()
    assert calls == [(), "hook"]
