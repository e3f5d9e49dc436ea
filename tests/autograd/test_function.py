"""Custom functions: graphs that end, threads, and subclasses of subclasses."""

import gc
import weakref

import pytest

import rustgrad as torch


class Mark:
    pass


def test_a_context_that_leads_back_to_its_result_is_collected():
    class Keep(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark, ctx.y = Mark(), x * 2
            return ctx.y

        @staticmethod
        def backward(ctx, g):
            return g * 2

    y = Keep.apply(torch.ones(2, requires_grad=True))
    seen = weakref.ref(y.grad_fn.mark)
    assert seen() is not None
    assert y.grad_fn.y is y
    del y
    gc.collect()
    assert seen() is None


def test_a_node_keeps_its_graph():
    x = torch.ones(2, requires_grad=True)
    node = (x.exp() * 2).grad_fn
    gc.collect()
    (inner, _), *_ = node.next_functions
    assert inner.name() == "ExpBackward0"
    assert inner.next_functions[0][0].variable is x
    assert node is not inner
    assert node.next_functions[0][0] is inner
    assert inner in {inner}


def test_nodes_come_and_go():
    x = torch.ones(2, requires_grad=True)
    for _ in range(100):
        y = x * 2
        first = y.grad_fn
        assert y.grad_fn is first
        del first
        assert y.grad_fn.name() == "MulBackward0"


def test_many_saved_tensors_and_outputs():
    class Many(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *xs):
            ctx.save_for_backward(*xs)
            return tuple(x * 2 for x in xs)

        @staticmethod
        def backward(ctx, *gs):
            assert len(ctx.saved_tensors) == len(gs)
            return tuple(g * x for g, x in zip(gs, ctx.saved_tensors))

    xs = [torch.full((2,), float(i), requires_grad=True) for i in range(80)]
    outs = Many.apply(*xs)
    sum(y.sum() for y in outs).backward()
    assert [x.grad[0].item() for x in xs] == [float(i) for i in range(80)]


def test_a_backward_that_runs_backward():
    class Inner(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.exp()

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            with torch.enable_grad():
                y = x.detach().requires_grad_()
                (inner,) = torch.autograd.grad(y.exp().sum(), y)
            return g * inner

    x = torch.zeros(3, requires_grad=True)
    Inner.apply(x * 1).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_inherited_functions_have_contexts_of_their_own():
    class Base(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    class Derived(Base):
        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = torch.ones(1, requires_grad=True)
    y = Derived.apply(x)
    y.backward()
    assert (type(y.grad_fn).__name__, x.grad.item()) == ("DerivedBackward", 3.0)


def test_a_gradient_of_a_function_under_no_grad_is_refused():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = torch.ones(1, requires_grad=True)
    with torch.inference_mode():
        y = Double.apply(x)
    assert y.is_inference()
    with pytest.raises(RuntimeError, match="does not require grad"):
        y.backward()
