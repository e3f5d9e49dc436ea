"""Hooks on tensors, and gradients kept for results."""

import gc
import weakref

import pytest

import rustgrad as torch


def test_hook_sees_the_sum_and_may_replace_it():
    x = torch.ones(2, requires_grad=True)
    seen = []
    handle = x.register_hook(lambda g: seen.append(g.tolist()) or g * 10)
    (x * 2 + x * 3).sum().backward()
    assert seen == [[5.0, 5.0]] and x.grad.tolist() == [50.0, 50.0]
    handle.remove()
    x.grad = None
    (x * 2).sum().backward()
    assert len(seen) == 1 and x.grad.tolist() == [2.0, 2.0]


def test_hook_on_a_result():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: g * 0)
    (y.sum() + x.sum()).backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_hooks_run_in_order():
    x = torch.ones(1, requires_grad=True)
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: g * 10)
    x.sum().backward()
    assert x.grad.tolist() == [20.0]


def test_hook_that_raises():
    x = torch.ones(1, requires_grad=True)

    def hook(g):
        raise KeyError("from the hook")

    handle = x.register_hook(hook)
    with pytest.raises(KeyError, match="from the hook"):
        (x * 2).sum().backward()
    handle.remove()
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0]


def test_hook_that_runs_backward_over_a_node_in_use():
    x = torch.ones(1, requires_grad=True)
    w = x * 5
    y = x * 2
    inner = []

    def hook(g):
        # The outer run has left a gradient with w's node, which this run passes too.
        with torch.enable_grad():
            inner.append(torch.autograd.grad((w * w).sum(), x, retain_graph=True)[0].item())

    y.register_hook(hook)
    (w * 7 + y * 3).sum().backward(retain_graph=True)
    assert inner == [50.0] and x.grad.tolist() == [41.0]


def test_hook_needs_requires_grad():
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        torch.ones(1).register_hook(lambda g: g)


def test_retain_grad():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    (y * y).sum().backward()
    assert y.grad.tolist() == [4.0, 4.0] and y.grad is y.grad


def test_post_accumulate_hook():
    x = torch.ones(2, requires_grad=True)
    seen = []

    def hook(p):
        seen.append(p.grad.tolist())
        p.grad.zero_()

    x.register_post_accumulate_grad_hook(hook)
    (x * 3).sum().backward()
    assert seen == [[3.0, 3.0]] and x.grad.tolist() == [0.0, 0.0]


def test_hook_cycle_is_collected():
    x = torch.ones(2, requires_grad=True)
    x.register_hook(lambda g, x=x: g)
    alive = weakref.ref(x)
    del x
    gc.collect()
    assert alive() is None
