"""Every sample of the registry with its tensors on `meta`: results have the shape, dtype, strides and history that the
CPU gives, forward and backward, in place and into `out=`; or the op is one of those that need values, and raises
PyTorch's error."""

import pytest
from generated import registry, samples

import rustgrad
from rustgrad import _rustgrad

ROWS = registry.rows(_rustgrad._describe()["rows"])

ITEM = "RuntimeError: Tensor.item() cannot be called on meta tensors"
NO_DATA = "NotImplementedError: Cannot copy out of meta tensor; no data!"
NONZERO = "NotImplementedError: The register_meta function for rustgrad.nonzero() raises unimplemented by default"


def no_kernel(name):
    return f"NotImplementedError: aten::{name}: attempted to run this operator with Meta tensors"


# What depends on elements by more than their number, with the error that PyTorch raises (`cases.py` asks it).
NEEDS_VALUES = {
    "function.allclose": (ITEM,),
    "function.argwhere": (NONZERO,),
    "function.bincount": (no_kernel("bincount"),),
    "function.equal": (no_kernel("equal"),),
    "function.masked_select": (no_kernel("masked_select"),),
    "function.nonzero": (NONZERO,),
    # The CPU refuses a negative deviation first.
    "function.normal": ('NotImplementedError: "normal_kernel_cpu" not implemented',),
    "function.repeat_interleave": ("RuntimeError: cannot repeat_interleave a meta tensor without output_size",),
    "function.tensor_split": ("RuntimeError: tensor_split expected tensor_indices_or_sections to be on cpu",),
    "function.unique": (no_kernel("_unique2"), no_kernel("unique_dim")),
    "function.unique_consecutive": (no_kernel("unique_consecutive"),),
    "function.where#2": (NONZERO,),
    "method.cpu": (NO_DATA,),
    "method.to": (NO_DATA,),
    "nn.ctc_loss": (no_kernel("_ctc_loss.Tensor"),),
    "nn.gaussian_nll_loss": (ITEM,),
    "nn.one_hot": (ITEM,),
}


def called(row, form, text, dtype, device, *, grad=False, **more):
    """The sample and the result, or the exception."""
    try:
        sample = samples.Sample(rustgrad, text, dtype, grad=grad, device=device)
        if device != "cpu" and row.makes and not any(isinstance(a, rustgrad.Tensor) for a in sample.args):
            more["device"] = device
        return sample, registry.run(rustgrad, form, sample, **more)
    except Exception as error:
        return None, error


def looks(t):
    """All that there is of a tensor but its elements."""
    if t is None:
        return None
    node = type(t.grad_fn).__name__ if t.grad_fn is not None else None
    return registry.dtype_name(t), tuple(t.shape), t.stride(), t.storage_offset(), t.requires_grad, t.is_leaf, node


def outcome(result):
    ts = registry.tensors(rustgrad, result)
    return registry.plain(result) if ts is None else [looks(t) for t in ts]


def named(error):
    return f"{type(error).__name__}: {error}"


def compared(row, here, there, what):
    """Why the result on meta is not the CPU's; empty if it is."""
    (sample, wanted), (moved, got) = here, there
    if isinstance(got, Exception) and "internal error" in str(got):
        return [f"{what}: {got}"]
    if isinstance(wanted, Exception):
        # Values that the CPU refuses are not seen on meta; what it refuses of shapes and dtypes is refused there too.
        fine = not isinstance(got, Exception) or type(got) is type(wanted) or named(got).startswith(allowed(row))
        return [] if fine else [f"{what}: {named(got)}, not {named(wanted)}"]
    if isinstance(got, Exception):
        return [] if named(got).startswith(allowed(row)) else [f"{what}: {named(got).splitlines()[0]}"]
    ts = registry.tensors(rustgrad, got) or []
    out = [f"{what}: on {t.device}" for t in ts if t.device.type != "meta"]
    if outcome(got) != outcome(wanted):
        out.append(f"{what}: {outcome(got)}, not {outcome(wanted)}")
    if not out and any(t.requires_grad for t in ts):
        g, h = gradients(sample, wanted), gradients(moved, got)
        if g != h:
            out.append(f"{what}: gradients {h}, not {g}")
    return out


def gradients(sample, result):
    try:
        found = registry.gradients(rustgrad, sample, result)
    except Exception as error:
        return named(error).splitlines()[0]
    return found and [g if g is None else (looks(g), g.device.type == result_device(result)) for g in found]


def result_device(result):
    return registry.tensors(rustgrad, result)[0].device.type


def allowed(row):
    """How errors begin that a row may raise on meta alone."""
    return NEEDS_VALUES.get(row.key, ())


@pytest.mark.parametrize("row", [pytest.param(row, id=row.key) for row in ROWS])
def test_an_op_on_meta_gives_what_the_cpu_gives_but_for_the_elements(row):
    wrong = []
    for text in row.samples:
        for dtype in ("float32", "int64"):
            grad = dtype == "float32"
            what = f"{row.key}({text}) {dtype}"
            here, there = (called(row, row.forms[0], text, dtype, d, grad=grad) for d in ("cpu", "meta"))
            wrong += compared(row, here, there, what)
            if row.inplace and row.forms[0][0] in ("function", "method"):
                form = ("method", row.name + "_")
                here, there = (called(row, form, text, dtype, d) for d in ("cpu", "meta"))
                wrong += compared(row, here, there, what + " in place")
            if row.out and not isinstance(here[1], Exception):
                here, there = (
                    called(row, row.forms[0], text, dtype, d, out=room(row, text, dtype, d)) for d in ("cpu", "meta")
                )
                wrong += compared(row, here, there, what + " out")
    assert not wrong, "\n" + "\n".join(wrong)


def room(row, text, dtype, device):
    """Empty tensors for the results of a call."""
    result = called(row, row.forms[0], text, dtype, "cpu")[1]
    ts = registry.tensors(rustgrad, result)
    if ts is None:
        return rustgrad.empty(0, device=device)
    made = [rustgrad.empty(0, dtype=t.dtype, device=device) for t in ts]
    return made[0] if isinstance(result, rustgrad.Tensor) else tuple(made)
