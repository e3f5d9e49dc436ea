"""One tensor, one Python object: identity, subclasses, weak references, cycles, threads, exit and fork."""

import gc
import os
import subprocess
import sys
import textwrap
import threading
import weakref

import numpy as np
import pytest

import rustgrad as torch


class Sub(torch.Tensor):
    """A subclass with attributes."""

    def __new__(cls, data, requires_grad=False):
        return torch.Tensor._make_subclass(cls, torch.tensor(data), requires_grad)


def collected(make):
    """Whether the object that `make` builds, with all it refers to, is freed by the collector."""
    gc.collect()
    ref = weakref.ref(make())
    gc.collect()
    return ref() is None


def test_a_gradient_is_one_object_with_its_attributes():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    assert x.grad is x.grad
    x.grad.note = "kept"
    assert x.grad.note == "kept"
    g = x.grad
    (x * x).sum().backward()
    assert x.grad is g


def test_a_subclass_survives_where_only_rust_holds_it():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    g = Sub([3.0, 4.0])
    g.note = "kept"
    x.grad = g
    del g
    gc.collect()
    assert type(x.grad) is Sub and x.grad.note == "kept"


def test_a_leaf_survives_where_only_the_graph_holds_it():
    leaf = Sub([3.0, 4.0], requires_grad=True)
    leaf.note = "kept"
    ref = weakref.ref(leaf)
    y = leaf * 2
    del leaf
    gc.collect()
    found = y.grad_fn.next_functions[0][0].variable
    assert type(found) is Sub and found.note == "kept" and ref() is found
    del found, y
    gc.collect()
    assert ref() is None


def test_a_saved_input_is_the_same_object():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp() * x
    assert y.grad_fn.next_functions[1][0].variable is x
    seen = []
    x.register_hook(lambda g: seen.append(g))
    y.sum().backward()
    assert len(seen) == 1


def test_node_objects_are_equal_by_node():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    assert y.grad_fn == y.grad_fn and hash(y.grad_fn) == hash(y.grad_fn)
    assert y.grad_fn != (x * 2).grad_fn
    assert y.grad_fn.name() == "MulBackward0" and repr(y.grad_fn).startswith("<MulBackward0 object at 0x")


def test_weak_references_die_with_the_tensor():
    x = torch.tensor([1.0, 2.0])
    ref = weakref.ref(x)
    assert ref() is x
    del x
    assert ref() is None


def test_counts_return_after_a_thousand_backwards():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor([3.0, 4.0], requires_grad=True)

    def step():
        x.grad = w.grad = None
        (x * w + x).tanh().sum().backward()

    step()
    before = sys.getrefcount(x), sys.getrefcount(w), sys.getrefcount(torch.Tensor)
    for _ in range(1000):
        step()
    gc.collect()
    after = sys.getrefcount(x), sys.getrefcount(w), sys.getrefcount(torch.Tensor)
    assert before[:2] == after[:2]
    assert abs(before[2] - after[2]) < 10


def through_an_attribute():
    x = torch.tensor([1.0])
    x.me = x
    return x


def through_vars():
    x = torch.tensor([1.0])
    vars(x)["me"] = x
    return x


def through_a_list():
    x = torch.tensor([1.0])
    x.items = [x]
    return x


def through_a_hook():
    x = torch.tensor([1.0], requires_grad=True)
    x.register_hook(lambda g: x and None)
    return x


def through_a_post_hook():
    x = torch.tensor([1.0], requires_grad=True)
    x.register_post_accumulate_grad_hook(lambda t: x and None)
    return x


def through_a_hook_of_a_result():
    y = torch.tensor([1.0], requires_grad=True) * 2
    y.register_hook(lambda g: y and None)
    return y


def through_the_gradient():
    x = torch.tensor([1.0], requires_grad=True)
    x.grad = torch.tensor([2.0])
    x.grad.owner = x
    return x


def through_a_computed_gradient():
    x = torch.tensor([1.0], requires_grad=True)
    (x * 2).sum().backward()
    x.grad.owner = x
    return x


def through_a_subclass():
    x = Sub([1.0], requires_grad=True)
    x.me = {"x": x}
    return x


@pytest.mark.parametrize(
    "make",
    [
        through_an_attribute,
        through_vars,
        through_a_list,
        through_a_hook,
        through_a_post_hook,
        through_a_hook_of_a_result,
        through_the_gradient,
        through_a_computed_gradient,
        through_a_subclass,
    ],
)
def test_cycles_are_found(make):
    assert collected(make)


def test_a_cycle_that_rust_holds_stays_alive():
    x = torch.tensor([1.0], requires_grad=True)
    x.me = x
    ref = weakref.ref(x)
    y = x * 2
    del x
    gc.collect()
    assert ref() is not None and ref().me is ref()
    y.sum().backward()
    assert ref().grad.tolist() == [2.0]
    del y
    gc.collect()
    assert ref() is None


def test_a_finaliser_may_resurrect():
    kept = []

    class Phoenix(Sub):
        def __del__(self):
            kept.append(self)

    x = Phoenix([1.0, 2.0])
    x.note = 1
    del x
    (back,) = kept
    assert back.tolist() == [1.0, 2.0] and back.note == 1
    y = back * 2
    assert y.tolist() == [2.0, 4.0]


def test_many_objects_come_and_go():
    for _ in range(3):
        many = [torch.tensor([float(i)]) for i in range(300)]
        for i, t in enumerate(many):
            t.index = i
        assert [t.index for t in many] == list(range(300))
        del many
    fresh = [torch.tensor([1.0]) for _ in range(300)]
    assert not any(hasattr(t, "index") for t in fresh)


def test_an_array_is_let_go_with_the_tensor():
    class Array(np.ndarray):
        pass

    a = np.arange(6.0).view(Array)
    ref = weakref.ref(a)
    t = torch.from_numpy(a)
    view = t[1:]
    del a, t
    gc.collect()
    assert ref() is not None and view.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    del view
    gc.collect()
    assert ref() is None


def test_an_array_dropped_on_another_thread():
    class Array(np.ndarray):
        pass

    a = np.arange(1000.0).view(Array)
    ref = weakref.ref(a)
    box = [torch.from_numpy(a)]
    del a
    thread = threading.Thread(target=box.clear)
    thread.start()
    thread.join()
    torch.tensor(1.0) + 1  # the next entry empties the list of what waits
    assert ref() is None


def test_a_tensor_outlives_its_array_view():
    t = torch.tensor([1.0, 2.0, 3.0])
    a = t.numpy()
    ref = weakref.ref(t)
    del t
    gc.collect()
    a[0] = 7
    assert ref() is not None and ref().tolist() == [7.0, 2.0, 3.0]
    del a
    gc.collect()
    assert ref() is None


def test_threads_share_a_leaf():
    x = torch.tensor([1.0] * 100_000, requires_grad=True)
    errors = []

    def work():
        try:
            for _ in range(20):
                y = (x * 2 + x).sum()
                assert y.grad_fn is not None
                (g,) = torch.autograd.grad(y, x)
                assert g[0].item() == 3.0
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not errors


def run(code: str, *flags: str, **env: str) -> str:
    """The output of a fresh interpreter."""
    result = subprocess.run(
        [sys.executable, *flags, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **env},
    )
    assert result.returncode == 0, (result.returncode, result.stderr)
    return result.stdout + result.stderr


def test_exit_with_tensors_alive_everywhere():
    out = run("""
        import sys, threading, rustgrad as torch
        import numpy as np

        class Late:
            def __init__(self):
                self.x = torch.tensor([1.0, 2.0], requires_grad=True)
                self.y = self.x * 2
                self.a = torch.from_numpy(np.arange(3.0))
            def __del__(self):
                (self.y + self.x).sum()
        late = Late()
        late.me = late
        sys.late = late
        torch.late = Late()
        x = torch.tensor([1.0], requires_grad=True)
        x.register_hook(lambda g: None)
        y = x * 2
        x.me = y
        def spin():
            big = torch.tensor([1.0] * 3_000_000)
            while True:
                big + big
        threading.Thread(target=spin, daemon=True).start()
        import time; time.sleep(0.1)
        print("done")
    """)
    assert out.strip() == "done"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_computes():
    out = run("""
        import os, warnings, rustgrad as torch
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of any fork beside threads
        x = torch.tensor([[1.0, 2.0]] * 100_000, requires_grad=True)
        (x * 2).sum().backward()
        pid = os.fork()
        y = (x * 3).sum()
        x.grad = None
        y.backward()
        assert x.grad[0].tolist() == [3.0, 3.0]
        if pid == 0:
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        assert status == 0, status
        print("done")
    """)
    assert out.strip() == "done"


def test_a_second_interpreter_is_refused():
    out = run("""
        import rustgrad
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            print("refused")
            raise SystemExit
        i = interpreters.create()
        code = '''
        try:
            import rustgrad
        except ImportError as e:
            print("refused")
        '''
        import textwrap
        interpreters.run_string(i, textwrap.dedent(code))
        interpreters.destroy(i)
    """)
    assert "refused" in out


@pytest.mark.skipif("RUSTGRAD_DEBUG_RUN" in os.environ, reason="already in the debug run")
def test_identity_under_the_debug_allocator():
    """All of this file again, with freed memory poisoned and block borders checked."""
    result = subprocess.run(
        [sys.executable, "-X", "dev", "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONMALLOC": "debug", "RUSTGRAD_DEBUG_RUN": "1"},
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
