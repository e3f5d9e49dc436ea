"""Write `tests/golden/display.json`: what PyTorch prints for some hundred tensors under several print options.

PYTHON_WITH_TORCH tests/golden/display.py
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from generated import samples

OPTIONS = [
    {},
    {"precision": 2, "edgeitems": 2},
    {"threshold": 5, "edgeitems": 1, "linewidth": 40},
    {"threshold": 0, "edgeitems": 0},
    {"sci_mode": True, "precision": 1},
    {"sci_mode": False},
    {"profile": "short"},
    {"profile": "full", "linewidth": 120},
]
SHAPES = [(), (0,), (0, 3), (1,), (3,), (30,), (2, 3), (7, 5), (2, 3, 4), (2, 1, 8, 7), (1001,), (40, 30)]


def values(rng, shape, kind):
    v = rng.randn(*shape)
    if kind == "integers":
        return np.round(v * 100)
    if kind == "wide":
        return v * 10.0 ** rng.uniform(-6, 6, shape)
    if kind == "special":
        return np.where(rng.rand(*shape) < 0.4, rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], shape), v)
    return v


def main():
    rng = np.random.RandomState(3)
    cases = []
    for i in range(240):
        shape = SHAPES[i % len(SHAPES)]
        dtype = samples.DTYPES[rng.randint(8)]
        kind = ("plain", "integers", "wide", "special")[rng.randint(4)]
        v = np.asarray(values(rng, shape, kind))
        if dtype not in samples.FLOATS:
            v = np.nan_to_num(v, posinf=9, neginf=-9)
        # Six digits are enough to print from, and small to store.
        v = np.array([float(f"{x:.6g}") for x in v.reshape(-1)]).reshape(shape)
        if v.size > 100:
            v = np.resize(np.round(v.reshape(-1)[:10], 3), shape)
        options = OPTIONS[rng.randint(len(OPTIONS))]
        torch.set_printoptions(profile="default")
        torch.set_printoptions(**options)
        text = repr(samples.tensor(torch, v, dtype))
        stored = [repr(x) if not np.isfinite(x) else x for x in v.reshape(-1)[:100].tolist()]
        cases.append({"shape": shape, "dtype": dtype, "values": stored, "options": options, "text": text})
    path = Path(__file__).with_name("display.json")
    path.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
    print(f"{len(cases)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
