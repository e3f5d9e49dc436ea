"""Every result passes the door: a watcher there sees each tensor that a sample of the registry gives, forward,
backward, in place and into `out=`."""

import contextlib

import pytest
from generated import registry, samples

import rustgrad
from rustgrad import _rustgrad

ROWS = registry.rows(_rustgrad._describe()["rows"])


@contextlib.contextmanager
def watched():
    seen = []
    _rustgrad.torch._watch(True)
    try:
        yield seen
    finally:
        seen.extend(_rustgrad.torch._watch(False))


def missed(seen, tensors):
    results = [t for _, ts in seen for t in ts]
    return [t for t in tensors if not any(t is r for r in results)]


def sample(row, text, **more):
    """The sample, if it is one that the row takes."""
    try:
        s = samples.Sample(rustgrad, text, "float32", **more)
        registry.run(rustgrad, row.forms[0], s)
    except Exception:
        return None
    return samples.Sample(rustgrad, text, "float32", **more)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.key) for row in ROWS])
def test_every_result_is_seen(row):
    for text in row.samples:
        s = sample(row, text, grad=True)
        if s is None:
            continue
        with watched() as seen:
            result = registry.run(rustgrad, row.forms[0], s)
        given = {id(t) for a in s.args for t in (a if isinstance(a, (list, tuple)) else [a])}
        results = [t for t in registry.tensors(rustgrad, result) or [] if id(t) not in given]
        assert not missed(seen, results), (text, [name for name, _ in seen])
        first = []
        with watched() as seen, contextlib.suppress(RuntimeError):  # an op without a derivative
            first = registry.gradients(rustgrad, s, result)
        assert not missed(seen, [g for g in first or [] if g is not None]), (text, [name for name, _ in seen])


@pytest.mark.parametrize("row", [pytest.param(row, id=row.key) for row in ROWS if row.inplace or row.out])
def test_writes_are_seen(row):
    for text in row.samples:
        s = sample(row, text)
        if s is None:
            continue
        expected = registry.tensors(rustgrad, registry.run(rustgrad, row.forms[0], s))
        if row.out and row.forms[0][0] != "method" and expected and len(expected) == 1:
            out = rustgrad.empty(expected[0].shape, dtype=expected[0].dtype)
            with watched() as seen:
                done = writes(lambda: registry.run(rustgrad, row.forms[0], s, out=out))
            assert not done or not missed(seen, [out]), (text, [name for name, _ in seen])
        form = ("method", row.name + "_")
        if row.inplace and isinstance(s.args[0], rustgrad.Tensor) and registry.resolve(rustgrad, form):
            s = samples.Sample(rustgrad, text, "float32")
            x = s.args[0].clone()
            with watched() as seen:
                done = writes(lambda: getattr(x, row.name + "_")(*s.args[1:], **s.kwargs))
            assert not done or not missed(seen, [x]), (text, [name for name, _ in seen])


def writes(call):
    """Whether the form takes these arguments: some overloads have no `out=`, some results do not fit in place."""
    try:
        call()
    except (TypeError, RuntimeError, NotImplementedError):
        return False
    return True
