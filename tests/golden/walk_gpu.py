"""Walks PyTorch's op database on the GPU: each sample of each op that rustgrad has, carried over with `.to("gpu")`,
must give PyTorch's result on that device, and its gradients.

    RUSTGRAD_GPU=software PYTHONPATH=python ORACLE/bin/python tests/golden/walk_gpu.py [NAME ...] [--dtypes float32]

Runs in the oracle's venv; prints a line per op and a summary, and exits with 1 where an op fails. What rustgrad has on
no device (a missing name, an argument it does not take on the CPU either) is listed, not counted.
"""

import argparse
import functools
import sys
import types
import warnings

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

import rustgrad

# Of the largest value; halves are rounded where PyTorch's kernels round, but sums and gradients of them may be an ulp
# apart.
TOLERANCES = {torch.float32: 5e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
# A gradient of halves that is further apart may be so many times as far from the exact one as PyTorch's worst is.
SLACK = 4
# What a device refuses by design.
REFUSALS = (
    "float64 is not available on the GPU",
    "complex32 is not available on the GPU",
    "not implemented on the GPU",  # factorizations, transforms and their kin name `.cpu()`
)


class Unlike(Exception):
    """A result that is not PyTorch's."""


def carried(value, device):
    """A sample's value with rustgrad's tensors on `device`."""
    if isinstance(value, torch.Tensor):
        # The whole storage, so that views stay views.
        count = value.untyped_storage().nbytes() // value.element_size()
        plain = value.detach().as_strided((count,), (1,), 0)
        half = plain.dtype == torch.bfloat16
        out = rustgrad.from_numpy(np.array(plain.float() if half else plain))
        out = (out.to(rustgrad.bfloat16) if half else out).to(device)
        out = out.as_strided(value.shape, value.stride(), value.storage_offset()).detach()
        return out.requires_grad_(value.requires_grad)
    if isinstance(value, torch.device) or value == "cpu":
        return device
    if isinstance(value, torch.dtype):
        return getattr(rustgrad, str(value).split(".")[1])
    if isinstance(value, (list, tuple)):
        return type(value)(carried(v, device) for v in value)
    if isinstance(value, dict):
        return {k: carried(v, device) for k, v in value.items()}
    return value


def tensors(value, kind):
    """The tensors in a nested value, in order."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (list, tuple)):
        for v in value:
            yield from tensors(v, kind)
    elif isinstance(value, dict):
        yield from tensors(list(value.values()), kind)


def doubled(value):
    """A sample's value in float64, with leaves of its own."""
    if isinstance(value, torch.Tensor):
        plain = value.detach()
        return (plain.double() if value.is_floating_point() else plain).requires_grad_(value.requires_grad)
    if isinstance(value, (list, tuple)):
        return type(value)(doubled(v) for v in value)
    if isinstance(value, dict):
        return {k: doubled(v) for k, v in value.items()}
    return torch.float64 if isinstance(value, torch.dtype) and value.is_floating_point else value


def compare(what, ours, theirs, dtype, device, exact=None):
    if device is not None and str(ours.device) != device:
        raise Unlike(f"{what} is on {ours.device}")
    if str(ours.dtype).split(".")[1] != str(theirs.dtype).split(".")[1] or tuple(ours.shape) != tuple(theirs.shape):
        raise Unlike(f"{what}: {ours.dtype} {tuple(ours.shape)}, not {theirs.dtype} {tuple(theirs.shape)}")
    a, b = ours.detach().cpu().double().numpy(), theirs.detach().double().numpy()
    tolerance = TOLERANCES.get(theirs.dtype, TOLERANCES.get(dtype, 0))
    finite = b[np.isfinite(b)]
    scale = max(1.0, np.abs(finite).max(initial=0))
    if not np.allclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True):
        truth = exact().numpy() if exact and theirs.dtype in (torch.float16, torch.bfloat16) else None
        if truth is not None and np.isfinite(truth).all() and np.isfinite(b).all():
            bound = SLACK * np.abs(b - truth).max() + tolerance * np.abs(truth)
            if (np.abs(a - truth) <= bound).all():
                return
        worst = np.nanmax(np.abs(a - b))
        raise Unlike(f"{what} differs by {worst}")


def check(op, ours, sample, dtype, device):
    call = (sample.input, *sample.args), sample.kwargs
    args, kwargs = carried(list(call[0]), device), carried(call[1], device)
    # What is made from nothing, without a word of the device, is on the CPU.
    on = device if "device" in kwargs or next(tensors([args, kwargs], rustgrad.Tensor), None) is not None else None
    torch.manual_seed(7)
    want = op(*call[0], **call[1])
    rustgrad.manual_seed(7)
    got = ours(*args, **kwargs)
    wanted, gotten = list(tensors(want, torch.Tensor)), list(tensors(got, rustgrad.Tensor))
    if len(wanted) != len(gotten):
        raise Unlike(f"{len(gotten)} results, not {len(wanted)}")
    for i, (a, b) in enumerate(zip(gotten, wanted, strict=True)):
        if not op.name.endswith(("empty", "empty_like", "empty_permuted", "empty_strided")):
            compare(f"result {i}", a, b, dtype, on)
    leaves = [t for t in tensors([*call[0], call[1]], torch.Tensor) if t.requires_grad]
    own = [t for t in tensors([*args, kwargs], rustgrad.Tensor) if t.requires_grad]
    roots = [i for i, t in enumerate(wanted) if t.requires_grad]
    if not leaves or not roots:
        return
    g = [torch.linspace(-1, 1, wanted[i].numel()).reshape(wanted[i].shape).to(wanted[i].dtype) for i in roots]
    theirs = torch.autograd.grad([wanted[i] for i in roots], leaves, g, allow_unused=True)
    mine = rustgrad.autograd.grad([gotten[i] for i in roots], own, carried(g, device), allow_unused=True)

    def exact(i):
        inputs, named = doubled(list(call[0])), doubled(call[1])
        sources = [t for t in tensors([*inputs, named], torch.Tensor) if t.requires_grad]
        outs = list(tensors(op(*inputs, **named), torch.Tensor))
        return torch.autograd.grad([outs[k] for k in roots], sources, [w.double() for w in g])[i]

    for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        if (a is None) != (b is None):
            raise Unlike(f"gradient {i} is {a}, not {b}")
        if a is not None and b is not None:
            compare(f"gradient {i}", a, b, dtype, device, functools.partial(exact, i))


def find(module, name):
    for part in name.split("."):
        module = getattr(module, part, None)
    return module


def seeded(op, *args, **kwargs):
    rustgrad.manual_seed(42)
    return op(*args, **kwargs)


def counterpart(op):
    """What the entry calls, in rustgrad; None where that is not here. Some entries are small functions around torch."""
    function = op.op
    if isinstance(function, types.FunctionType) and function.__module__.startswith("torch.testing"):
        names = {**function.__globals__, "torch": rustgrad, "wrapper_set_seed": seeded}
        rebound = types.FunctionType(
            function.__code__, names, function.__name__, function.__defaults__, function.__closure__
        )
        return rebound if find(rustgrad, op.name) else None
    return find(rustgrad, op.name) or find(rustgrad.Tensor, op.name)


def works_on_cpu(ours, sample):
    """Whether the call is one that rustgrad takes at all."""
    try:
        ours(*carried([sample.input, *sample.args], "cpu"), **carried(sample.kwargs, "cpu"))
    except Exception:
        return False
    return True


def walk(op, dtypes, device):
    """The numbers of samples that pass and that rustgrad lacks, and the failures."""
    ours = counterpart(op)
    good, lacks, bad = 0, 0, []
    for dtype in dtypes:
        if dtype not in op.dtypes:
            continue
        for sample in op.sample_inputs("cpu", dtype, requires_grad=dtype.is_floating_point and op.supports_autograd):
            try:
                check(op, ours, sample, dtype, device)
                good += 1
            except Exception as e:
                if any(text in str(e) for text in REFUSALS):
                    good += 1  # As it should be.
                elif not isinstance(e, Unlike) and not works_on_cpu(ours, sample):
                    lacks += 1
                else:
                    x = sample.input
                    bad.append(f"{dtype} {tuple(x.shape) if isinstance(x, torch.Tensor) else x}: {e}")
    return good, lacks, bad


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--dtypes", default="float32,float16,bfloat16,int64,int32,uint8,bool")
    parser.add_argument("--device", default="gpu")
    options = parser.parse_args()
    dtypes = [getattr(torch, d) for d in options.dtypes.split(",")]
    warnings.simplefilter("ignore")
    failed = walked = 0
    for op in op_db:
        if options.names and op.name not in options.names:
            continue
        if counterpart(op) is None:
            continue
        good, lacks, bad = walk(op, dtypes, options.device)
        walked += 1
        failed += bool(bad)
        print(f"{op.formatted_name:<50}{good:>6} pass{len(bad):>6} fail{lacks:>6} not here", flush=True)
        for line in bad[:3]:
            print("    " + line.replace("\n", " ")[:300])
    print(f"{walked - failed} of {walked} ops pass")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
