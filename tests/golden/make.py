"""Write `tests/golden/<family>.npz`: what PyTorch gives for the samples of every row of the registry.

    python tests/generated/registry.py > rows.json
    PYTHON_WITH_TORCH tests/golden/make.py rows.json [FAMILY ...]

Per row, sample and dtype: outputs (dtype, shape, strides, values) or the class of the exception; gradients for float32
and float64, second gradients for float64; and how the other forms of the row (method, alias, in place, `out=`) behave.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from generated import golden, registry, samples

INPLACE = ("float32", "float16", "int64", "int8", "uint8", "uint32", "bool")


def numpy(t):
    t = t.detach().resolve_conj().clone()  # PyTorch may hand out a tensor of zeros without memory
    if t.dtype == torch.bfloat16:
        return t.contiguous().view(torch.int16).numpy().view(np.uint16)
    return (t.to(torch.complex64) if t.dtype == torch.complex32 else t).numpy()


def same(a, b):
    if type(a) is not type(b) and not (isinstance(a, tuple) and isinstance(b, tuple)):
        return False
    if isinstance(a, torch.Tensor):
        bits = a.dtype == b.dtype and a.shape == b.shape
        return bits and np.array_equal(
            numpy(a), numpy(b), equal_nan=a.dtype.is_floating_point and a.dtype != torch.bfloat16
        )
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b or (a != a and b != b)


class Maker:
    def __init__(self, row, writer):
        self.row, self.writer = row, writer

    def outputs(self, result):
        ts = registry.tensors(torch, result)
        if ts is None:
            return {"v": registry.plain(result)}
        return {"o": [[registry.dtype_name(t), list(t.shape), list(t.stride()), self.store(t)] for t in ts]}

    def store(self, t):
        return self.writer.array(registry.dtype_name(t), numpy(t))

    def stored(self, gradients):
        return [None if g is None else [list(g.shape), self.store(g)] for g in gradients]

    def forward(self, text, dtype):
        """The record of one call, and whether the sample depends on the dtype at all."""
        sample = samples.Sample(torch, text, dtype)
        try:
            result = registry.run(torch, self.row.forms[0], sample)
        except Exception as error:
            return {"e": type(error).__name__}, sample.typed
        record = self.outputs(result)
        if dtype in ("float32", "float64"):
            self.gradients(record, text, dtype)
        return record, sample.typed

    def gradients(self, record, text, dtype):
        sample = samples.Sample(torch, text, dtype, grad=True)
        try:
            result = registry.run(torch, self.row.forms[0], sample)
            first = registry.gradients(torch, sample, result)
        except Exception as error:
            record["ge"] = type(error).__name__
            return
        if first is None:
            return
        record["g"] = self.stored(first)
        if dtype == "float64":
            if self.smooth(text, first):
                record["smooth"] = 1
            try:
                second = registry.second_gradients(torch, sample, first)
            except Exception:
                return
            record["gg"] = second and self.stored(second)

    def smooth(self, text, first):
        """Whether finite differences agree with the gradient: then the tests hold ours against them too."""
        try:
            measured = registry.slope(torch, self.row.forms[0], text)
        except Exception:
            return False
        expected = registry.along(torch, text, first)
        return bool(abs(measured - expected) <= 1e-6 * (1 + abs(expected)))

    def form(self, form, text, dtype):
        """How another form of the row compares with the primary one."""
        if registry.resolve(torch, form) is None:
            return "missing"
        primary = registry.run(torch, self.row.forms[0], samples.Sample(torch, text, dtype))
        try:
            result = registry.run(torch, form, samples.Sample(torch, text, dtype))
        except Exception as error:
            return type(error).__name__
        if same(result, primary):
            return "same"
        print(f"   {self.row.key} ({text}) differs as {'.'.join(form)}")
        return "differs"

    def inplace(self, text, dtype):
        name = self.row.name + "_"
        if not hasattr(torch.Tensor, name):
            return "missing"
        sample = samples.Sample(torch, text, dtype)
        try:
            result = registry.run(torch, ("method", name), sample)
        except Exception as error:
            return {"e": type(error).__name__}
        return self.outputs(result)

    def out(self, text, dtype):
        sample = samples.Sample(torch, text, dtype)
        primary = registry.tensors(torch, registry.run(torch, self.row.forms[0], sample))
        if primary is None:
            return "refused"
        room = [torch.empty(0, dtype=t.dtype) for t in primary]
        try:
            registry.run(torch, self.row.forms[0], sample, out=room[0] if len(room) == 1 else tuple(room))
        except Exception as error:
            return type(error).__name__
        return "same" if all(same(a, b) for a, b in zip(room, primary)) else "differs"

    def record(self):
        """All that the tests need to know of the row."""
        found = {}
        for text in self.row.samples:
            entry = {"d": {}}
            dtypes = [d for d in samples.DTYPES if makes(text, d)]
            for dtype in dtypes[::-1]:
                entry["d"][dtype], typed = self.forward(text, dtype)
                if not typed:
                    entry["d"] = {"any": entry["d"][dtype]}
                    break
            works = [d for d in ("float32", "int64", "bool") if "e" not in entry["d"].get(d, {"e": 0})]
            works += ["float32"] if "any" in entry["d"] and "e" not in entry["d"]["any"] else []
            if works:
                entry["at"] = works[0]
                entry["f"] = {".".join(f): self.form(f, text, works[0]) for f in self.row.forms[1:]}
                if self.row.out:
                    entry["out"] = self.out(text, works[0])
            if self.row.inplace:
                inplace = [d for d in INPLACE if d in dtypes] if "any" not in entry["d"] else ["float32"]
                entry["in"] = {d: self.inplace(text, d) for d in inplace}
            found[text] = entry
        return found


def makes(text, dtype):
    """Whether PyTorch can make the arguments in a dtype: it has few ops of uint16, uint32 and uint64."""
    try:
        samples.Sample(torch, text, dtype)
    except NotImplementedError:
        return False
    return True


def main(path, families):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows = registry.rows(json.loads(Path(path).read_text()))
    total = 0
    for family in dict.fromkeys(r.family for r in rows):
        if families and family not in families:
            continue
        writer = golden.Writer()
        # oneDNN's gelu of infinity is NaN on some processors.
        torch.backends.mkldnn.set_flags(family != "activation")
        for row in rows:
            if row.family != family:
                continue
            if registry.resolve(torch, row.forms[0]) is None:
                print(f"   PyTorch has no {row.key}")
                continue
            writer.index[row.key] = Maker(row, writer).record()
        size = writer.save(family)
        total += size
        print(f"{len(writer.index):4d} rows {size:8d} bytes  {family}")
    print(f"{total} bytes in all")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
