"""What people met: calls of each kind of fault that use has found, with what PyTorch makes of them.

Each file of calls holds Python separated by lines of dashes; the value of the last line counts. Warnings are part of
a result.
"""

import copy
import math
import pickle
import re
import threading
import warnings
from pathlib import Path

import numpy as np
from support import Cases

CASES = Cases()
case = CASES.case


def names(torch):
    """What the calls may name."""
    return {
        "F": torch.nn.functional,
        "copy": copy,
        "inf": math.inf,
        "math": math,
        "nan": math.nan,
        "nn": torch.nn,
        "np": np,
        "pickle": pickle,
        "rt": lambda value: pickle.loads(pickle.dumps(value)),
        "t": torch.tensor,
        "threading": threading,
        "torch": torch,
        "x": torch.arange(6.0).reshape(2, 3),
        "y": torch.zeros(3),
    }


def renamed(text):
    return re.sub(r"\btorch\b", "rustgrad", text)


def outcome(torch, block):
    """The result's repr, or the error's class and the beginning of its sentence; and the beginning of a warning."""
    torch.manual_seed(0)
    *before, last = block.split("\n")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            scope = names(torch)
            exec("\n".join(before), scope)
            try:
                code = compile(last, "call", "eval")
            except SyntaxError:
                exec(last, scope)
                told = "done"
            else:
                told = repr(eval(code, scope))
        except Exception as error:
            text = renamed(str(error).split("\n")[0])
            told = f"{type(error).__name__}: {text[:40]}"
        finally:
            torch.set_default_dtype(torch.float32)
    return renamed(told) + "".join(f" / {str(w.message)[:40]}" for w in seen[:1])


def blocks(path):
    return path.read_text(encoding="utf-8").strip("\n").split("\n---\n")


for path in sorted(Path(__file__).parent.glob("*.txt")):

    def calls(torch, path=path):
        return {block: outcome(torch, block) for block in blocks(path)}

    calls.__name__ = path.stem
    case()(calls)
