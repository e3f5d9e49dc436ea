"""Cases that ran once on PyTorch and must give the same on rustgrad.

A module `cases.py`, or `cases_SUBJECT.py`, holds functions `case(torch) -> values`, marked with `@case`; values are
nested lists, numbers and strings. `tests/golden/against_torch.py` runs them on PyTorch and writes `golden.json`, or
`golden_SUBJECT.json`, beside the module; tests run them on rustgrad and compare. In strings, `torch` reads `rustgrad`.
"""

import json
import math
import re
import warnings
from pathlib import Path


class Cases(dict):
    """Functions by name, each with the relative tolerance of its numbers (0: equal)."""

    def case(self, rtol=0.0, atol=0.0):
        def register(fn):
            self[fn.__name__] = (fn, rtol, atol)
            return fn

        return register

    def golden(self, module_file):
        return json.loads(golden_file(Path(module_file)).read_text())

    def check(self, module_file, name, torch):
        fn, rtol, atol = self[name]
        compare(plain(fn(torch)), self.golden(module_file)[name], rtol, atol, name)


def golden_file(path):
    """The file of a module of cases that holds what PyTorch gave."""
    return path.with_name(path.stem.replace("cases", "golden", 1) + ".json")


def plain(value):
    """Tensors, sizes and tuples as lists; everything else that JSON cannot hold as its repr."""
    if hasattr(value, "tolist"):
        return plain(value.detach().tolist())
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, complex):
        return ["complex", plain(value.real), plain(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value if isinstance(value, (int, float, str, bool, type(None))) else repr(value)


def compare(got, wanted, rtol, atol, where):
    if isinstance(wanted, dict):
        assert isinstance(got, dict), where
        assert list(got) == list(wanted), where
        for key in wanted:
            compare(got[key], wanted[key], rtol, atol, f"{where}.{key}")
    elif isinstance(wanted, list):
        assert isinstance(got, list), where
        assert len(got) == len(wanted), where
        for index, (a, b) in enumerate(zip(got, wanted)):
            compare(a, b, rtol, atol, f"{where}[{index}]")
    elif isinstance(wanted, str):
        expected = re.sub(r"\btorch\b", "rustgrad", wanted)
        assert got == expected, f"{where}\n got: {got}\nwant: {expected}"
    elif isinstance(wanted, float) and isinstance(got, float):
        assert abs(got - wanted) <= atol + rtol * abs(wanted), f"{where}: {got!r} is not {wanted!r}"
    else:
        assert type(got) is type(wanted), where
        assert got == wanted, where


def evaluated(expressions, names, shown, said):
    """`shown` of the value of each line of Python; of one that raises, the class and `said` of the error's text."""
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text in expressions.strip().splitlines():
            try:
                found[text] = shown(eval(text, names))
            except Exception as error:
                found[text] = [type(error).__name__, said(str(error))]
    return found


def warned(fn, *args, **kwargs):
    """The classes and first sentences of what a call warns of, and what it returns."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = fn(*args, **kwargs)
    return [f"{w.category.__name__}: {first_sentence(str(w.message))}" for w in caught], result


def first_sentence(text):
    """What stands before the first full stop that ends a sentence, or before the end of the line."""
    return re.split(r"(?<=[.!?])\s|\n", text, maxsplit=1)[0]


def raised(fn, *args, **kwargs):
    """The class and message of what a call raises."""
    try:
        fn(*args, **kwargs)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "nothing was raised"
