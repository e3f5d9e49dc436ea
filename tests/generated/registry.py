"""The registry as the generated tests see it: rows, the forms each can be called in, and what a call gives.

`python tests/generated/registry.py` prints the rows as JSON, which `tests/golden/make.py` reads.
"""

import json
import re
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from generated import samples


class Row:
    """One row: its key, and its forms as (place, name) pairs, the primary one first."""

    def __init__(self, data):
        self.family = data["family"]
        self.samples = data["samples"]
        # Whether it makes tensors, on a device that is asked for.
        self.makes = any("{options}" in line for line in data["schema"])
        self.inplace, self.out = data["inplace"], data["out"]
        self.forms = []
        for line in data["schema"]:
            self.add(line.split("(")[0])
        first = data["schema"][0].split("(")[0]
        for alias in data["aliases"]:
            # An alias without a place of its own lives where the row's first line does.
            place = split(first)[0] if split(alias)[0] == "both" else split(alias)[0]
            self.add(alias if split(alias)[0] != "both" or place == "both" else f"{place}.{alias}")
        twin = ("function", self.forms[0][1])
        if twin in self.forms:
            # Lines that differ between the places still make one row, known as a function.
            self.forms.sort(key=lambda form: form != twin)
        self.key = ".".join(self.forms[0])
        self.name = self.forms[0][1]

    def add(self, text):
        place, name = split(text)
        places = ("function", "method") if place == "both" else (place,)
        if name.startswith("__"):
            places = ("method",)
        self.forms.extend((p, name) for p in places if (p, name) not in self.forms)


def split(text):
    prefix, _, name = text.rpartition(".")
    return (prefix or "both", name)


def rows(described):
    out, seen = [], {}
    for data in described:
        row = Row(data)
        seen[row.key] = seen.get(row.key, 0) + 1
        if seen[row.key] > 1:
            row.key += f"#{seen[row.key]}"
        out.append(row)
    return out


def resolve(lib, form):
    """The callable of a form; a method takes the tensor first. None where the library lacks it."""
    place, name = form
    if place == "method":
        return (lambda x, *a, **k: getattr(x, name)(*a, **k)) if hasattr(lib.Tensor, name) else None
    home = lib
    for part in {"function": [], "nn": ["nn", "functional"]}.get(place, place.split(".")):
        home = getattr(home, part, None)
    found = getattr(home, name, None)
    if found is None and name.startswith("_"):
        # What only the library itself calls is no name of the package.
        found = getattr(
            getattr(getattr(lib, "_rustgrad", None), {"function": "torch"}.get(place, place), None), name, None
        )
    return found


def run(lib, form, sample, **more):
    """Calls a form with a sample, in a fixed state of the generator. A row that writes in place gets a copy."""
    lib.manual_seed(7)
    args = list(sample.args)
    if form[1].endswith("_") and not form[1].endswith("__"):
        args[0] = args[0].clone()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return resolve(lib, form)(*args, **sample.kwargs, **more)


def tensors(lib, result):
    """The tensors of a result, or None where it is none."""
    if isinstance(result, lib.Tensor):
        return [result]
    if isinstance(result, (tuple, list)) and result and all(isinstance(t, lib.Tensor) for t in result):
        return list(result)
    return None


def plain(value):
    """A result without tensors, as JSON can hold it."""
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return value if isinstance(value, (bool, int, type(None))) else re.sub(r"\brustgrad\b", "torch", repr(value))


def dtype_name(t):
    return str(t.dtype).split(".")[-1]


def cotangent(lib, sample, index, t):
    values = samples.weights(sample.text, index, tuple(t.shape))
    return samples.tensor(lib, values, dtype_name(t), t.device.type)


def gradients(lib, sample, result):
    """First gradients of the leaves, with the graph kept. Empty where nothing is differentiable."""
    outs = [t for t in tensors(lib, result) or [] if t.requires_grad]
    if not outs or not sample.leaves:
        return None
    seeds = [cotangent(lib, sample, i, t) for i, t in enumerate(outs)]
    return lib.autograd.grad(outs, sample.leaves, seeds, create_graph=True, allow_unused=True)


def second_gradients(lib, sample, first):
    outs = [(i, g) for i, g in enumerate(first) if g is not None and g.requires_grad]
    if not outs:
        return None
    seeds = [cotangent(lib, sample, 100 + i, g) for i, g in outs]
    return lib.autograd.grad([g for _, g in outs], sample.leaves, seeds, allow_unused=True)


def slope(lib, form, text, step=1e-5):
    """The derivative of the weighted outputs along a fixed direction, by central differences in float64."""
    values = []
    for shift in (step, -step):
        sample = samples.Sample(lib, text, "float64", grad=True, shift=shift)
        outs = [t for t in tensors(lib, run(lib, form, sample)) or [] if t.requires_grad]
        values.append(sum(float((t * cotangent(lib, sample, i, t)).detach().sum()) for i, t in enumerate(outs)))
    return (values[0] - values[1]) / (2 * step)


def along(lib, text, gradients):
    """The same from gradients: their product with the direction."""
    total = 0.0
    for i, g in enumerate(gradients):
        if g is not None:
            total += float((g.detach().clone().numpy() * samples.weights(text, 500 + i, tuple(g.shape))).sum())
    return total


if __name__ == "__main__":
    from rustgrad import _rustgrad

    json.dump(_rustgrad._describe()["rows"], sys.stdout)
