"""The backward engine: accumulation, graphs kept and freed, gradients of gradients, what it refuses."""

import gc
import threading
import weakref

import pytest

import rustgrad as torch


def leaf(*values):
    return torch.tensor(values, requires_grad=True)


def test_scalar_chain():
    x, y = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, requires_grad=True)
    ((x + y) * y).backward()
    assert (x.grad.item(), y.grad.item()) == (3.0, 8.0)


def test_gradients_add_up():
    p = torch.tensor(2.0, requires_grad=True)
    (p**2).backward()
    (p**2).backward()
    assert p.grad.item() == 8.0
    p.grad = None
    (p**2).backward()
    assert p.grad.item() == 4.0


def test_diamond_sums_all_paths():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 2
    (y * x + y + x.sum()).sum().backward()
    assert x.grad.tolist() == [9.0, 13.0, 17.0]


def test_same_tensor_twice_in_one_op():
    x = leaf(3.0, -4.0)
    (x * x + x + x).sum().backward()
    assert x.grad.tolist() == [8.0, -6.0]


def test_grad_is_the_same_object_until_replaced():
    x = leaf(1.0)
    (x * 2).sum().backward()
    g = x.grad
    assert g is x.grad
    (x * 3).sum().backward()
    assert g is x.grad and g.tolist() == [5.0]


def test_grad_does_not_alias_the_incoming_gradient():
    x, g = leaf(1.0, 2.0), torch.tensor([1.0, 1.0])
    (x + 0).backward(g)
    (x + 0).backward(g)
    assert g.tolist() == [1.0, 1.0] and x.grad.tolist() == [2.0, 2.0]


def test_backward_takes_a_gradient():
    x = leaf(1.0, 2.0, 3.0)
    (x * x).backward(torch.tensor([1.0, 0.5, 0.0]))
    assert x.grad.tolist() == [2.0, 2.0, 0.0]


def test_second_backward_needs_retain_graph():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()
    assert x.grad.tolist() == [4.0, 8.0]


@pytest.mark.parametrize(
    "values", [(2.0, 3.0, 4.0), (0.0, 3.0, 4.0), (0.0, 0.0, 4.0), (0.0, 3.0, 0.0), (0.0, 0.0, 0.0)]
)
def test_second_gradients_of_scattered_products(values):
    index, weights = torch.tensor([0, 0, 0]), torch.tensor([1.0, 2.0, 3.0])

    def second(product):
        x, source = leaf(5.0, 6.0), leaf(*values)
        first = torch.autograd.grad(product(x, source).sum(), [x, source], create_graph=True)
        return torch.autograd.grad(first[0].sum() + (first[1] * weights).sum(), [x, source])

    written_out = second(lambda x, source: torch.stack([x[0] * source[0] * source[1] * source[2], x[1] * 1]))
    for got in (
        second(lambda x, source: x.scatter_reduce(0, index, source, "prod")),
        second(lambda x, source: x.index_reduce(0, index, source, "prod")),
    ):
        torch.testing.assert_close(got, written_out)


def test_ops_that_saved_nothing_run_again():
    x = leaf(1.0)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2.0]


def test_grad_of_grad():
    x = torch.tensor(2.0, requires_grad=True, dtype=torch.float64)
    (g,) = torch.autograd.grad(x**3, x, create_graph=True)
    (h,) = torch.autograd.grad(g, x, create_graph=True)
    (k,) = torch.autograd.grad(h, x)
    assert (g.item(), h.item(), k.item()) == (12.0, 12.0, 6.0)


def test_grad_of_saved_outputs():
    x = torch.tensor(0.5, requires_grad=True, dtype=torch.float64)
    (g,) = torch.autograd.grad(x.tanh(), x, create_graph=True)
    g.backward()
    t = x.detach().tanh().item()
    assert abs(x.grad.item() + 2 * t * (1 - t * t)) < 1e-15


@pytest.mark.filterwarnings("ignore:Using backward")
def test_create_graph_backward_leaves_a_recorded_grad():
    x = leaf(2.0)
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad and x.grad.grad_fn is not None


def test_grad_leaves_dot_grad_alone():
    x = leaf(1.0, 2.0)
    (g,) = torch.autograd.grad((x * 3).sum(), [x])
    assert g.tolist() == [3.0, 3.0] and x.grad is None


def test_grad_of_a_non_leaf():
    x = leaf(1.0, 2.0)
    y = x * 3
    z = (y * y).sum()
    gy, gx = torch.autograd.grad(z, [y, x])
    assert gy.tolist() == [6.0, 12.0] and gx.tolist() == [18.0, 36.0]


def test_grad_of_unused():
    x, y = leaf(1.0), leaf(1.0)
    with pytest.raises(RuntimeError, match="not have been used in the graph"):
        torch.autograd.grad((x * 2).sum(), [x, y])
    gx, gy = torch.autograd.grad((x * 2).sum(), [x, y], allow_unused=True)
    assert gx.tolist() == [2.0] and gy is None


def test_backward_inputs_only():
    x, y = leaf(1.0), leaf(2.0)
    (x * y).sum().backward(inputs=[x])
    assert x.grad.tolist() == [2.0] and y.grad is None


def test_many_roots():
    x = leaf(1.0, 2.0)
    torch.autograd.backward([(x * 2).sum(), (x * x).sum()])
    assert x.grad.tolist() == [4.0, 6.0]


def test_no_grad_records_nothing():
    x = leaf(1.0)
    with torch.no_grad():
        y = x * 2
    assert not y.requires_grad and y.grad_fn is None and y.is_leaf
    with torch.no_grad(), torch.enable_grad():
        assert (x * 2).requires_grad
    assert torch.is_grad_enabled()


def test_detach_shares_memory_and_cuts():
    x = leaf(1.0, 2.0)
    d = x.detach()
    assert d.data_ptr() == x.data_ptr() and not d.requires_grad
    (x * d).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0]


def test_non_scalar_root():
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        (leaf(1.0, 2.0) * 2).backward()


def test_root_without_graph():
    with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad and does not have a grad_fn"):
        torch.ones(1).sum().backward()


def test_gradient_of_wrong_shape():
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (leaf(1.0, 2.0) * 2).backward(torch.ones(3))


def test_integers_have_no_gradient():
    with pytest.raises(RuntimeError, match="floating point"):
        torch.tensor([1, 2], requires_grad=True)
    with pytest.raises(RuntimeError, match="floating point"):
        torch.tensor([1, 2]).requires_grad_()


def test_requires_grad_of_a_result_cannot_be_switched_off():
    y = leaf(1.0) * 2
    with pytest.raises(RuntimeError, match="only change requires_grad flags of leaf variables"):
        y.requires_grad = False


def test_error_inside_leaves_nothing_behind():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    z = y * y
    w = (z + y).sum()
    with torch.no_grad():
        y.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        w.backward()
    assert x.grad is None
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_broadcast_gradients_are_summed_back():
    a = torch.ones(2, 3, requires_grad=True)
    b = torch.ones(3, requires_grad=True)
    c = torch.ones(2, 1, requires_grad=True)
    d = torch.tensor(2.0, requires_grad=True)
    (a * b * c * d).sum().backward()
    assert a.grad.tolist() == [[2.0] * 3] * 2
    assert b.grad.tolist() == [4.0] * 3
    assert c.grad.tolist() == [[6.0], [6.0]]
    assert d.grad.item() == 6.0


def test_gradient_keeps_the_dtype_of_its_leaf():
    x = torch.ones(2, dtype=torch.float16, requires_grad=True)
    y = torch.ones(2, dtype=torch.float32, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.dtype == torch.float16 and y.grad.dtype == torch.float32


def test_grad_setter_checks():
    x = leaf(1.0, 2.0)
    x.grad = torch.ones(2)
    with pytest.raises(RuntimeError):
        x.grad = torch.ones(3)
    with pytest.raises(TypeError):
        x.grad = 1.0
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_million_nodes():
    x = torch.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(500_000):
        y = y * 1.0
    for _ in range(500_000):
        y = y * x
    y.backward()
    assert x.grad.item() == 500_001.0


def test_a_million_nodes_are_freed_without_backward():
    x = torch.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(1_000_000):
        y = y * x
    del y
    gc.collect()


def test_graph_is_freed_after_backward():
    x = leaf(1.0, 2.0)
    y = x * 2
    alive = weakref.ref(y)
    z = (y * y).sum()
    del y
    assert alive() is not None
    z.backward()
    assert alive() is None


def test_threads_share_a_leaf():
    x = torch.ones(1000, requires_grad=True)

    def work():
        for _ in range(50):
            torch.autograd.grad((x * x).sum(), x)

    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0] * 1000


def test_tangents_where_gradients_are_off():
    from rustgrad.autograd import forward_ad

    with forward_ad.dual_level():
        dual = forward_ad.make_dual(torch.ones(2), torch.ones(2))
        with torch.no_grad():
            doubled = dual * 2
            assert not doubled.requires_grad and forward_ad.unpack_dual(doubled).tangent.tolist() == [2.0, 2.0]
        with torch.inference_mode():
            assert forward_ad.unpack_dual(dual * 2).tangent is None
    assert forward_ad.unpack_dual(dual).tangent is None


def test_gradients_of_what_no_index_took():
    index = torch.zeros(5, 0, 2, dtype=torch.int64)  # without elements it may have any rank
    for call in (lambda x, y: x.scatter(0, index, y), lambda x, y: x.scatter_add(0, index, y)):
        x, y = leaf([1.0, 2.0], [3.0, 4.0]), leaf([5.0, 6.0])
        call(x, y).sum().backward()
        assert x.grad.tolist() == [[1.0, 1.0], [1.0, 1.0]] and y.grad.tolist() == [[0.0, 0.0]]


def test_a_recorded_grad_is_warned_of_once():
    import subprocess
    import sys

    program = """
import warnings
import rustgrad as torch

x = torch.ones(2, requires_grad=True)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    (x * x).sum().backward(create_graph=True)
    (x * x).sum().backward(create_graph=True)
print(*(f"{w.category.__name__}: {str(w.message)[:60]}" for w in caught))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "UserWarning: Using backward() with create_graph=True will create a refere\n"
