"""What `rustgrad.check` knows of values without running a program: which names are PyTorch's and what calls return."""

from functools import cache
from types import ModuleType

import rustgrad

from .. import _rustgrad
from . import held, is_module, knows, listed, module

__all__ = ["MEMBERS", "exists", "is_class", "lacks_member", "method_gives_tensor", "returns_tensor", "unmistakable"]

# Classes whose attributes are listed in torch.txt.
MEMBERS = ("torch.Tensor", "torch.nn.Module", "torch.optim.Optimizer", "torch.optim.lr_scheduler.LRScheduler")

# Names that only tensors have among what programs commonly handle, though they are one word.
_ONE_WORD = frozenset(
    "addbmm addmm addmv addr baddbmm bmm cuda diagflat digamma erfinv erfc expm1 lgamma logcumsumexp logdet logsumexp "
    "masked_fill rsqrt slogdet topk unsqueeze vdot xlogy".split()
)


@cache
def _value(path: str):
    """The object that a dotted name means in rustgrad; raises AttributeError where a part of it is missing."""
    owner, _, name = path.rpartition(".")
    if not owner:
        return rustgrad
    holder = _value(owner)
    try:
        return getattr(holder, name)
    except AttributeError:
        found = module(path) if isinstance(holder, ModuleType) else None
        if found is None:
            raise
        return found


def exists(path: str) -> bool:
    """Whether rustgrad has the dotted name. True as well where nobody can tell: members of instances and functions."""
    owner, _, name = path.rpartition(".")
    try:
        holder = _value(owner)
    except AttributeError:
        return False
    if raises(path):
        return False
    try:
        _value(path)
    except AttributeError:
        return not (isinstance(holder, ModuleType) or (isinstance(holder, type) and knows(owner, name)))
    return True


def raises(path: str) -> bool:
    """Whether the dotted name is there only to raise a clear error."""
    owner, _, name = path.rpartition(".")
    try:
        lacks = vars(_value(owner)).get("_LACKS", ()) if owner else ()
    except (AttributeError, TypeError):
        return False
    return lacks is True or name in lacks


def is_class(path: str) -> bool:
    """Whether the dotted name is a class of rustgrad."""
    try:
        return isinstance(_value(path), type)
    except AttributeError:
        return False


def is_layer(path: str) -> bool:
    """Whether the dotted name is a class of modules whose call returns one tensor."""
    if not path.startswith("torch.nn.") or not is_class(path):
        return False
    kind, last = _value(path), path.rpartition(".")[2]
    tuples = "LSTM GRU RNN RNNBase LSTMCell MultiheadAttention AdaptiveLogSoftmaxWithLoss"
    others = "Module ModuleList ModuleDict ParameterList ParameterDict Sequential DataParallel"
    is_module = isinstance(kind, type) and issubclass(kind, rustgrad.nn.Module)
    return is_module and last not in f"{tuples} {others}".split()


@cache
def _returns() -> tuple[frozenset[str], frozenset[str]]:
    """From the registry: functions, by dotted name, and methods of Tensor, all of whose forms return a tensor."""
    functions: set[str] = set()
    methods: set[str] = set()
    for row in _rustgrad._describe()["names"]:
        if all(form.endswith("-> Tensor: ...") for form in row["stub"]):
            place = {"torch": "torch", "nn": "torch.nn.functional"}.get(row["place"], f"torch.{row['place']}")
            methods.add(row["name"]) if row["place"] == "Tensor" else functions.add(f"{place}.{row['name']}")
    return frozenset(functions), frozenset(methods)


def returns_tensor(path: str) -> bool:
    """Whether a call of the dotted name returns a tensor."""
    return path in _returns()[0] or path in ("torch.Tensor", "torch.nn.Parameter", "torch.nn.parameter.Parameter")


def method_gives_tensor(name: str) -> bool:
    """Whether a method of Tensor returns a tensor."""
    return name in _returns()[1]


def lacks_member(place: str, name: str) -> bool:
    """Whether PyTorch's class has an attribute that rustgrad's lacks."""
    return name in listed(place) and name not in held(place)


@cache
def _elsewhere() -> frozenset[str]:
    """Attributes of objects that are no tensors: of Python's own types, of NumPy, and of what often is beside them."""
    import argparse
    import io
    import logging
    import pathlib
    import random
    import re

    kinds = [str, bytes, int, float, complex, list, dict, set, tuple, range, object, type, slice, memoryview, property]
    kinds += [io.TextIOWrapper, logging.Logger, pathlib.Path, random.Random, re.Match, re.Pattern, argparse.Namespace]
    names = {name for kind in kinds for name in dir(kind)}
    try:
        import numpy
    except ImportError:
        return frozenset(names)
    return frozenset(names.union(dir(numpy.ndarray), dir(numpy), dir(numpy.random.Generator)))


@cache
def unmistakable(name: str) -> str:
    """The dotted name of a member that rustgrad lacks, if objects that are not PyTorch's hardly have one of this name.

    Empty if it has it, or if the name says too little. Members with an underscore inside or at their end are taken for
    PyTorch's, but for those that Python's types and NumPy have as well; of one-word names only a few are.
    """
    if name.startswith("_") or not ("_" in name or name in _ONE_WORD) or name in _elsewhere():
        return ""
    holders = [place for place in MEMBERS if name in listed(place)]
    if not holders or any(name in held(place) for place in holders if is_module(place.rpartition(".")[0])):
        return ""
    return f"{holders[0]}.{name}"
