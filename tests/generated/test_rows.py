"""Every row of the registry, on every dtype and device, against what PyTorch gave (`tests/golden/make.py`). No test
here knows an op but for the few whose results are not values.
"""

import numpy as np
import pytest
from generated import golden, registry, samples
from generated.gpu import GPU_DTYPES, MISSING, NOT_YET, REFUSED, accepts, reads_late
from generated.tolerance import tolerance

import rustgrad
from rustgrad import _rustgrad

ROWS = registry.rows(_rustgrad._describe()["rows"])

# Fresh memory: only shape, strides and dtype are a result.
UNSET = {"empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided"}
# They read memory as it lies, or draw numbers in its order, so a strided input is another input.
LAYOUT = {"as_strided", "as_strided_scatter", "view", "view_as_complex"}
DRAWN = {"random", "dropout"}


def rows(pick=lambda row: True):
    return [pytest.param(row, id=row.key) for row in ROWS if pick(row)]


def on_gpu(*values):
    return pytest.param(*values, "gpu", id="-".join([*values, "gpu"]), marks=pytest.mark.gpu)


def places(dtypes):
    """The dtypes on the CPU, and those of them that the GPU's tests take there."""
    here = [pytest.param(dtype, "cpu", id=dtype) for dtype in dtypes]
    return here + [on_gpu(dtype) for dtype in GPU_DTYPES if dtype in dtypes]


DEVICES = [pytest.param("cpu", id="cpu"), on_gpu()]


def run(row, form, sample, **more):
    """Calls a form; what is made from nothing is made on the sample's device."""
    if sample.device != "cpu" and row.makes and not any(isinstance(a, rustgrad.Tensor) for a in sample.args):
        more["device"] = sample.device
    return synchronized(registry.run(rustgrad, form, sample, **more), sample.device)


def synchronized(result, device):
    if device != "cpu":
        rustgrad.gpu.synchronize()  # a bad index is reported here
    return result


def settle(row, device, wrong):
    """Fails where something is wrong, but for what a row on the list lacks on the GPU."""
    if device == "gpu" and row.key in NOT_YET:
        wrong = [why for why in wrong if MISSING not in why]
    assert not wrong, "\n" + "\n".join(wrong)


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
    name, t = registry.dtype_name(t), t.detach().cpu()
    if name == "bfloat16":
        t = t.float()
    if name == "complex32":
        t = t.cfloat()
    return golden.wide(t.numpy(), "float32" if name == "bfloat16" else name)


def far(got, wanted, allowed):
    """Where two arrays differ by more than allowed, as text; empty if nowhere."""
    relative, scale = allowed
    if got.shape != wanted.shape:
        return f"shape {got.shape}, not {wanted.shape}"
    if wanted.dtype == np.complex128:
        return far(got.real, wanted.real, allowed) or far(got.imag, wanted.imag, allowed)
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


def refused(call, wanted, late=None):
    """Why the refusal is not PyTorch's; empty if it is. What came when the work was done already goes to `late`."""
    try:
        call()
    except Exception as error:
        if "internal error" in str(error):
            # A panic that was caught is no refusal, whatever PyTorch does.
            return str(error)
        names = [c.__name__ for c in type(error).__mro__]
        if reads_late(error):
            (late if late is not None else []).append(error)
            return ""
        return "" if wanted in names else f"{names[0]}, not {wanted}: {error}"
    return f"no {wanted}"


def lacks_kernel(dtype, wanted, why):
    """Whether PyTorch just has no kernel for a dtype: what we have, or refuse for another reason, is no fault then."""
    return dtype in ("uint16", "uint32", "uint64") and wanted == "NotImplementedError" and "internal" not in why


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


@pytest.mark.parametrize("dtype, device", places(samples.DTYPES))
@pytest.mark.parametrize("row", rows())
def test_forward(row, dtype, device):
    settle(row, device, wrong_forward(row, dtype, device))


def wrong_forward(row, dtype, device):
    file, found = entries(row)
    wrong = []
    for text, entry in found:
        record = entry["d"].get(dtype) or (entry["d"].get("any") if dtype == "float32" else None)
        if record is None:
            continue
        for strided in (False, True):
            if strided and depends_on_layout(row):
                continue
            sample, why = attempt(lambda: samples.Sample(rustgrad, text, dtype, strided=strided, device=device))
            if why:
                if not accepts(why, row, dtype, text, record, device):
                    wrong.append(f"{text}: arguments: {why}")
                break
            call = lambda: run(row, row.forms[0], sample)  # noqa: E731
            if "e" in record:
                why = refused(call, record["e"])
                if lacks_kernel(dtype, record["e"], why):
                    continue
            else:
                result, why = attempt(call)
                if strided and "view size is not compatible" in why:
                    continue
                why = why or differs(file, record, result, row, strides=not strided)
            if why and not accepts(why, row, dtype, text, record, device):
                wrong.append(f"{text}{' (strided)' if strided else ''}: {why}")
    return wrong


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


@pytest.mark.parametrize("dtype, device", places(["float32", "float64"]))
@pytest.mark.parametrize("row", rows())
def test_gradients(row, dtype, device):
    settle(row, device, wrong_gradients(row, dtype, device))


def wrong_gradients(row, dtype, device):
    file, found = entries(row)
    wrong = []
    for text, entry in found:
        record = entry["d"].get(dtype)
        if record is None or "e" in record or "ge" in record:
            continue
        for strided in (False, True):
            if strided and depends_on_layout(row):
                continue
            why = gradients_differ(file, row, text, dtype, record, strided, device)
            if why and not accepts(why, row, dtype, text, record, device):
                wrong.append(f"{text}{' (strided)' if strided else ''}: {why}")
    return wrong


def gradients_differ(file, row, text, dtype, record, strided, device):
    sample, why = attempt(lambda: samples.Sample(rustgrad, text, dtype, grad=True, strided=strided, device=device))
    if why:
        return why
    result, why = attempt(lambda: run(row, row.forms[0], sample))
    if why:
        return "" if strided and "view size is not compatible" in why else why
    first, why = attempt(lambda: registry.gradients(rustgrad, sample, result))
    if why or "g" not in record:
        return why or ("" if first is None else "differentiable, where PyTorch's is not")
    if first is None:
        return "not differentiable"
    why = unlike(file, row, dtype, record["g"], first, "gradient")
    if why or dtype == "float32":
        return why or ("" if device == "cpu" else second_differs(row, text, dtype, strided, sample, first))
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


def second_differs(row, text, dtype, strided, sample, first):
    """Why second gradients on the GPU are not those of the CPU, which float64 holds against PyTorch's."""
    there, why = attempt(lambda: registry.second_gradients(rustgrad, sample, first))
    if why:
        return f"second gradient: {why}"
    sample = samples.Sample(rustgrad, text, dtype, grad=True, strided=strided)
    first = registry.gradients(rustgrad, sample, registry.run(rustgrad, row.forms[0], sample))
    here = registry.second_gradients(rustgrad, sample, first)
    for i, (want, got) in enumerate(zip(here or [None] * len(first), there or [None] * len(first))):
        want, got = (np.zeros(sample.leaves[i].shape) if g is None else numpy(g) for g in (want, got))
        if why := far(got, want, tolerance(row.family, dtype, "second")):
            return f"second gradient: leaf {i}: {why}"
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


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("row", rows())
def test_forms(row, device):
    """Functions, methods, aliases and `out=` give what the primary form gives, or refuse as PyTorch's do."""
    _, found = entries(row)
    wrong = []
    for text, entry in found:
        if "at" not in entry or row.name in UNSET:
            continue
        fresh = lambda: samples.Sample(rustgrad, text, entry["at"], device=device)  # noqa: E731
        primary, why = attempt(lambda: run(row, row.forms[0], fresh()))
        if why:
            continue  # test_forward says so
        for form in row.forms[1:]:
            why = other_form(row, form, entry["f"].get(".".join(form)), fresh, primary)
            if why:
                wrong.append(f"{'.'.join(form)}({text}): {why}")
        if "out" in entry and (why := into_out(row, entry["out"], fresh, primary, device)):
            wrong.append(f"out= ({text}): {why}")
    settle(row, device, wrong)


def other_form(row, form, wanted, fresh, primary):
    if wanted is None:
        return "no golden record; run tests/golden/make.py"
    if wanted == "missing":
        return "PyTorch has no such name"
    if registry.resolve(rustgrad, form) is None:
        return "missing"
    if wanted not in ("same", "differs"):
        return refused(lambda: run(row, form, fresh()), wanted)
    result, why = attempt(lambda: run(row, form, fresh()))
    return why or ("" if wanted == "differs" or equal(result, primary) else "another result")


def into_out(row, wanted, fresh, primary, device):
    room = [rustgrad.empty(0, dtype=t.dtype, device=device) for t in registry.tensors(rustgrad, primary) or []]
    out = room[0] if len(room) == 1 else tuple(room)
    call = lambda: run(row, row.forms[0], fresh(), out=out)  # noqa: E731
    if wanted not in ("same", "differs"):
        return refused(call, wanted)
    result, why = attempt(call)
    if why:
        return why
    if result is None:
        result = tuple(room)  # a list of parts is filled, and nothing given back
    given = registry.tensors(rustgrad, result)
    if not all(a is b for a, b in zip(given, room)):
        return "gives back another tensor"
    return "" if wanted == "differs" or equal(result, primary) else "another result"


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("row", rows(lambda row: row.inplace))
def test_inplace(row, device):
    """`name_` writes into its tensor what PyTorch's writes."""
    file, found = entries(row)
    wrong = []
    for text, entry in found:
        for dtype, record in entry["in"].items():
            if device == "gpu" and dtype not in GPU_DTYPES:
                continue
            if record == "missing":
                wrong.append(f"PyTorch has no {row.name}_")
                continue
            sample, why = attempt(lambda: samples.Sample(rustgrad, text, dtype, device=device))
            if sample is None:
                wrong += [] if accepts(why, row, dtype, text, record, device) else [f"{text} {dtype}: {why}"]
                continue
            if not isinstance(sample.args[0], rustgrad.Tensor):
                continue  # the row takes a number there, which has no method
            sample.args[0] = sample.args[0].clone()
            form = ("method", row.name + "_")
            call = lambda: synchronized(registry.resolve(rustgrad, form)(*sample.args, **sample.kwargs), device)  # noqa: E731
            before, version = numpy(sample.args[0]).copy(), sample.args[0]._version
            if "e" in record:
                late = []
                why = refused(call, record["e"], late)
                if lacks_kernel(dtype, record["e"], why):
                    continue
                # What wrote by bad indices on the GPU cannot be undone: the tensor is unspecified then.
                if not why and not late and far(numpy(sample.args[0]), before, (0, 0)):
                    why = "refused, but changed its tensor"
            else:
                rustgrad.manual_seed(7)
                result, why = attempt(call)
                why = why or differs(file, record, result, row, strides=True)
                if not why and (result is not sample.args[0] or result._version <= version):
                    why = "another tensor" if result is not sample.args[0] else "the version stands still"
            if why and not accepts(why, row, dtype, text, record, device):
                wrong.append(f"{text} {dtype}: {why}")
    settle(row, device, wrong)


@pytest.mark.gpu
def test_not_yet():
    """What is listed as lacking on the GPU does lack there."""
    for row in (row for row in ROWS if row.key in NOT_YET):
        wrong = [why for dtype in GPU_DTYPES for why in wrong_forward(row, dtype, "gpu")]
        wrong += wrong_gradients(row, "float32", "gpu")
        assert any(MISSING in why for why in wrong), f"{row.key} works on the GPU: delete it in tests/generated/gpu.py"


def test_the_lists_name_what_there_is():
    assert set(NOT_YET) <= {row.key for row in ROWS}
    assert {family for family, _ in REFUSED} <= {row.family for row in ROWS}


@pytest.mark.gpu
@pytest.mark.parametrize("family, dtype", sorted(REFUSED))
def test_what_is_refused_for_good(family, dtype):
    row = next(row for row in ROWS if row.family == family)
    sample = samples.Sample(rustgrad, row.samples[0], dtype, device="gpu")
    with pytest.raises(NotImplementedError, match=f"{dtype} is {MISSING}\nhint: use x.int\\(\\) or x.float"):
        run(row, row.forms[0], sample)
