"""Every row of the registry, on every dtype, against what PyTorch gave (`tests/golden/make.py`). No test here knows an
op but for the few whose results are not values.
"""

import numpy as np
import pytest
from generated import golden, registry, samples
from generated.tolerance import tolerance

import rustgrad
from rustgrad import _rustgrad

ROWS = registry.rows(_rustgrad._describe()["rows"])

# Fresh memory: only shape, strides and dtype are a result.
UNSET = {"empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided"}
# They read memory as it lies, or draw numbers in its order, so a strided input is another input.
LAYOUT = {"as_strided", "view"}
DRAWN = {"random", "dropout"}


def rows(pick=lambda row: True):
    return [pytest.param(row, id=row.key) for row in ROWS if pick(row)]


def entries(row):
    """The golden record of each sample. A row without one fails."""
    assert row.samples, f"{row.key} has no samples"
    file = golden.load(row.family)
    found = file and file.index.get(row.key)
    assert found and all(text in found for text in row.samples), (
        f"{row.key}: no golden values for its samples; run tests/golden/make.py"
    )
    return file, [(text, found[text]) for text in row.samples]


def depends_on_layout(row):
    return row.name in LAYOUT or row.family in DRAWN


def numpy(t):
    """As `golden.wide`."""
    name, t = registry.dtype_name(t), t.detach()
    if name == "bfloat16":
        t = t.float()
    return golden.wide(t.numpy(), "float32" if name == "bfloat16" else name)


def far(got, wanted, allowed):
    """Where two arrays differ by more than allowed, as text; empty if nowhere."""
    relative, scale = allowed
    if got.shape != wanted.shape:
        return f"shape {got.shape}, not {wanted.shape}"
    if wanted.dtype != np.float64:
        bad = got != wanted
    else:
        with np.errstate(invalid="ignore", over="ignore"):
            near = np.abs(got - wanted) <= relative * (np.abs(wanted) + scale)
        bad = ~(near | (got == wanted) | (np.isnan(got) & np.isnan(wanted)))
    if not bad.any():
        return ""
    at = tuple(int(i) for i in np.argwhere(bad)[0])
    return f"{int(bad.sum())} of {bad.size} differ, first at {at}: {got[at]!r}, not {wanted[at]!r}"


def refused(call, wanted):
    """Why the refusal is not PyTorch's; empty if it is."""
    try:
        call()
    except Exception as error:
        if "internal error" in str(error):
            # A panic that was caught is no refusal, whatever PyTorch does.
            return str(error)
        names = [c.__name__ for c in type(error).__mro__]
        return "" if wanted in names else f"{names[0]}, not {wanted}: {error}"
    return f"no {wanted}"


def attempt(call):
    """The result, or the exception as text."""
    try:
        return call(), ""
    except Exception as error:
        return None, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def differs(file, record, result, row, *, strides):
    """Why a result is not the recorded one; empty if it is."""
    if "v" in record:
        return "" if registry.plain(result) == record["v"] else f"{registry.plain(result)!r}, not {record['v']!r}"
    ts = registry.tensors(rustgrad, result)
    if ts is None or len(ts) != len(record["o"]):
        return f"{type(result).__name__} of another form"
    for t, (dtype, shape, stride, at) in zip(ts, record["o"]):
        if (registry.dtype_name(t), list(t.shape)) != (dtype, shape):
            return f"{registry.dtype_name(t)} {list(t.shape)}, not {dtype} {shape}"
        if strides and list(t.stride()) != stride:
            return f"strides {list(t.stride())}, not {stride}"
        if row.name not in UNSET and (why := far(numpy(t), file.array(dtype, shape, at), tolerance(row.family, dtype))):
            return why
    return ""


@pytest.mark.parametrize("dtype", samples.DTYPES)
@pytest.mark.parametrize("row", rows())
def test_forward(row, dtype):
    file, found = entries(row)
    wrong = []
    for text, entry in found:
        record = entry["d"].get(dtype) or (entry["d"].get("any") if dtype == "float32" else None)
        if record is None:
            continue
        for strided in (False, True):
            if strided and depends_on_layout(row):
                continue
            sample, why = attempt(lambda: samples.Sample(rustgrad, text, dtype, strided=strided))
            if why:
                wrong.append(f"{text}: arguments: {why}")
                break
            call = lambda: registry.run(rustgrad, row.forms[0], sample)  # noqa: E731
            if "e" in record:
                why = refused(call, record["e"])
            else:
                result, why = attempt(call)
                if strided and "view size is not compatible" in why:
                    continue
                why = why or differs(file, record, result, row, strides=not strided)
            if why:
                wrong.append(f"{text}{' (strided)' if strided else ''}: {why}")
    assert not wrong, "\n" + "\n".join(wrong)


def unlike(file, row, dtype, recorded, got, kind):
    """Why gradients are not the recorded ones. None and zeros are the same."""
    for i, (want, g) in enumerate(zip(recorded, got)):
        if want is None:
            if g is not None and bool((g != 0).any()):
                return f"leaf {i}: a gradient where there is none"
            continue
        shape, at = want
        wanted = file.array(dtype, shape, at)
        why = far(np.zeros(shape) if g is None else numpy(g), wanted, tolerance(row.family, dtype, kind))
        if why:
            return f"leaf {i}: {why}"
    return ""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", rows())
def test_gradients(row, dtype):
    file, found = entries(row)
    wrong = []
    for text, entry in found:
        record = entry["d"].get(dtype)
        if record is None or "e" in record or "ge" in record:
            continue
        for strided in (False, True):
            if strided and depends_on_layout(row):
                continue
            why = gradients_differ(file, row, text, dtype, record, strided)
            if why:
                wrong.append(f"{text}{' (strided)' if strided else ''}: {why}")
    assert not wrong, "\n" + "\n".join(wrong)


def gradients_differ(file, row, text, dtype, record, strided):
    sample = samples.Sample(rustgrad, text, dtype, grad=True, strided=strided)
    result, why = attempt(lambda: registry.run(rustgrad, row.forms[0], sample))
    if why:
        return "" if strided and "view size is not compatible" in why else why
    first, why = attempt(lambda: registry.gradients(rustgrad, sample, result))
    if why or "g" not in record:
        return why or ("" if first is None else "differentiable, where PyTorch's is not")
    if first is None:
        return "not differentiable"
    why = unlike(file, row, dtype, record["g"], first, "gradient")
    if why or dtype == "float32":
        return why
    if "gg" in record:
        second, why = attempt(lambda: registry.second_gradients(rustgrad, sample, first))
        none = [None] * len(first)
        why = why or unlike(file, row, dtype, record["gg"] or none, second or none, "second")
        if why:
            return f"second gradient: {why}"
    if "smooth" in record and not strided:
        measured, expected = registry.slope(rustgrad, row.forms[0], text), registry.along(rustgrad, text, first)
        if abs(measured - expected) > 1e-5 * (1 + abs(expected)):
            return f"slope {measured}, not {expected}"
    return ""


def equal(a, b):
    """Bit for bit, for results of two forms of one row."""
    ts = registry.tensors(rustgrad, a)
    if ts is None:
        return registry.plain(a) == registry.plain(b)
    us = registry.tensors(rustgrad, b)
    return us is not None and all(
        t.dtype == u.dtype and t.shape == u.shape and not far(numpy(t), numpy(u), (0, 0)) for t, u in zip(ts, us)
    )


@pytest.mark.parametrize("row", rows())
def test_forms(row):
    """Functions, methods, aliases and `out=` give what the primary form gives, or refuse as PyTorch's do."""
    _, found = entries(row)
    wrong = []
    for text, entry in found:
        if "at" not in entry or row.name in UNSET:
            continue
        fresh = lambda: samples.Sample(rustgrad, text, entry["at"])  # noqa: E731
        primary, why = attempt(lambda: registry.run(rustgrad, row.forms[0], fresh()))
        if why:
            continue  # test_forward says so
        for form in row.forms[1:]:
            why = other_form(form, entry["f"].get(".".join(form)), fresh, primary)
            if why:
                wrong.append(f"{'.'.join(form)}({text}): {why}")
        if "out" in entry and (why := into_out(row, entry["out"], fresh, primary)):
            wrong.append(f"out= ({text}): {why}")
    assert not wrong, "\n" + "\n".join(wrong)


def other_form(form, wanted, fresh, primary):
    if wanted is None:
        return "no golden record; run tests/golden/make.py"
    if wanted == "missing":
        return "PyTorch has no such name"
    if registry.resolve(rustgrad, form) is None:
        return "missing"
    if wanted not in ("same", "differs"):
        return refused(lambda: registry.run(rustgrad, form, fresh()), wanted)
    result, why = attempt(lambda: registry.run(rustgrad, form, fresh()))
    return why or ("" if wanted == "differs" or equal(result, primary) else "another result")


def into_out(row, wanted, fresh, primary):
    room = [rustgrad.empty(0, dtype=t.dtype) for t in registry.tensors(rustgrad, primary) or []]
    out = room[0] if len(room) == 1 else tuple(room)
    call = lambda: registry.run(rustgrad, row.forms[0], fresh(), out=out)  # noqa: E731
    if wanted not in ("same", "differs"):
        return refused(call, wanted)
    result, why = attempt(call)
    if why:
        return why
    given = registry.tensors(rustgrad, result)
    if not all(a is b for a, b in zip(given, room)):
        return "gives back another tensor"
    return "" if wanted == "differs" or equal(result, primary) else "another result"


@pytest.mark.parametrize("row", rows(lambda row: row.inplace))
def test_inplace(row):
    """`name_` writes into its tensor what PyTorch's writes."""
    file, found = entries(row)
    wrong = []
    for text, entry in found:
        for dtype, record in entry["in"].items():
            if record == "missing":
                wrong.append(f"PyTorch has no {row.name}_")
                continue
            sample = samples.Sample(rustgrad, text, dtype)
            sample.args[0] = sample.args[0].clone()
            form = ("method", row.name + "_")
            call = lambda: registry.resolve(rustgrad, form)(*sample.args, **sample.kwargs)  # noqa: E731
            before, version = numpy(sample.args[0]).copy(), sample.args[0]._version
            if "e" in record:
                why = refused(call, record["e"])
                if not why and far(numpy(sample.args[0]), before, (0, 0)):
                    why = "refused, but changed its tensor"
            else:
                rustgrad.manual_seed(7)
                result, why = attempt(call)
                why = why or differs(file, record, result, row, strides=True)
                if not why and (result is not sample.args[0] or result._version <= version):
                    why = "another tensor" if result is not sample.args[0] else "the version stands still"
            if why:
                wrong.append(f"{text} {dtype}: {why}")
    assert not wrong, "\n" + "\n".join(wrong)
