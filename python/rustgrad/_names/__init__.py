"""The names that PyTorch has, for the error of a name that rustgrad lacks, and for `rustgrad.check`.

Nothing here is read before the first missing name. `torch.txt` is written by `tests/golden/torch_names.py`: one line a
module or class with its names. Modules and classes are called by PyTorch's paths, `torch.nn.functional`.
"""

import sys

__all__ = ["attribute", "is_module", "listed", "lookup", "member", "missing", "module"]


# What was read or made before. (functools.cache would cost more to import than the rest of this package.)
_read: dict[str, str] = {}
_listed: dict[str, frozenset[str]] = {}
_texts: dict[tuple[str, str, str], str] = {}


def _lines() -> dict[str, str]:
    """Each line's names as one text, by the module or class it is about."""
    if not _read:
        with open(__file__.rpartition("__init__")[0] + "torch.txt", encoding="utf-8") as file:
            lines = dict(line.split(": ", 1) for line in file)
        _read.update(lines)
    return _read


def listed(place: str) -> frozenset[str]:
    """The names that PyTorch has in a module or class; empty for one that is not listed."""
    if place not in _listed:
        _listed[place] = frozenset(_lines().get(place, "").split()) - {"*"}
    return _listed[place]


def is_module(name: str) -> bool:
    """Whether PyTorch has a module of this name, as far as it is known here."""
    return name in _lines() and not name.rpartition(".")[2][:1].isupper()


def knows(place: str, name: str) -> bool:
    """Whether PyTorch has `name` in `place`; also true below a package whose submodules are not listed."""
    if name in listed(place):
        return True
    return place not in _lines() and _below_closed(place)


def definer(package: str, name: str) -> str:
    """The module of PyTorch's package that defines a class: `torch.nn.modules.batchnorm`; empty where none is known."""
    for place, names in _lines().items():
        owner, _, last = place.rpartition(".")
        if owner == package and not last[:1].isupper() and f" {name} " in f" {names.rstrip()} ":
            return place
    return ""


def spoken(name: str) -> str:
    """A dotted name as the program calls it: `rustgrad.nn` for `torch.nn`, or `torch.nn` in a PyTorch program."""
    from .._rustgrad import _library

    return _library() + name.removeprefix("torch")


def module(name: str):
    """The module of rustgrad that stands for PyTorch's module `name`; None where there is none.

    Where rustgrad keeps a PyTorch module's names in others, a module is made that shows them: `torch.nn.modules.rnn`.
    """
    from importlib import import_module
    from importlib.util import find_spec

    from .paths import ours

    for home in ours(name):
        if home in sys.modules:
            return sys.modules[home]
        try:
            found = find_spec(home)
        except ModuleNotFoundError:
            continue
        if found is not None:
            return import_module(home)
    if name.startswith("torch.distributed.") and (is_module(name) or _below_closed(name) or _is_private(name)):
        from ..distributed._several import stand_in

        return stand_in(name)
    return _gathered(name)


def _is_private(name: str) -> bool:
    """Whether a module is private or below a private one, whose names are not listed."""
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def _below_closed(name: str) -> bool:
    """Whether a module lies below a package of PyTorch's whose submodules are not listed."""
    place = name
    while place := place.rpartition(".")[0]:
        if place in _lines():
            return _lines()[place].startswith("*")
    return False


def _gathered(name: str):
    """A module made of those names of PyTorch's module `name` that rustgrad has in the packages around it.

    None for a package: PyTorch shows the names of its plain modules in the packages around them, but not a package's.
    """
    from types import ModuleType

    if not is_module(name) or _lines()[name].startswith("*"):
        return None
    if any(line.startswith(f"{name}.") and is_module(line) for line in _lines()):
        return None
    if name.count(".") == 1 and name != "torch.functional":
        return None
    names = listed(name) - (listed("torch") if name.count(".") > 1 else frozenset())
    found = {}
    around = name.rpartition(".")[0]
    while around and len(found) < len(names):
        package = module(around)
        for one in names - found.keys():
            value = vars(package).get(one) if package else None
            if value is None and package and one in getattr(package, "__all__", ()):
                value = getattr(package, one)
            if value is not None and not isinstance(value, ModuleType):
                found[one] = value
        around = around.rpartition(".")[0]
    if not found:
        return None
    home = "rustgrad" + name.removeprefix("torch")
    made = ModuleType(home, f"What rustgrad has of {name}.")
    vars(made).update(found, __getattr__=lambda one: attribute(name, one), __all__=sorted(found))
    made.__package__ = home.rpartition(".")[0]
    sys.modules[home] = made
    return made


# Modules that PyTorch loads with their package, and that its list of public names leaves out.
_UNLISTED = frozenset(
    {
        "torch._dynamo.eval_frame",
        "torch._dynamo.utils",
        "torch._higher_order_ops.associative_scan",
        "torch.fx.experimental.proxy_tensor",
        "torch.jit.annotations",
        "torch.utils._foreach_utils",
    }
)


def attribute(place: str, name: str):
    """For the `__getattr__` of the module that stands for PyTorch's `place`: a submodule not yet loaded, or the error.

    Raises AttributeError: `rustgrad has no torch.x yet` for what PyTorch has, with the nearest names.
    """
    if not name.startswith("__") and (is_module(f"{place}.{name}") or f"{place}.{name}" in _UNLISTED):
        found = module(f"{place}.{name}")
        if found is not None:
            return found
    raise missing(place, name)


def lookup(place: str):
    """The `__getattr__` of the module that stands for PyTorch's `place`: `attribute` for its names."""

    def __getattr__(name: str):
        return attribute(place, name)

    return __getattr__


def missing(place: str, name: str) -> AttributeError:
    """The error for a name that the module which stands for PyTorch's `place` lacks."""
    plain = f"module {spoken(place)!r} has no attribute {name!r}"
    if name.startswith("_") and name not in listed(place):
        return AttributeError(plain)  # asked by Python itself and by tools, time and again
    return AttributeError(_text(place, name, plain))


def member(place: str, name: str, owner) -> AttributeError:
    """The error for an attribute that an object of PyTorch's class `place` would have, or that nobody knows."""
    plain = f"{type(owner).__name__!r} object has no attribute {name!r}"
    if name.startswith("_") or name not in listed(place):
        return AttributeError(plain)
    return AttributeError(_text(place, name, plain))


def _text(place: str, name: str, plain: str) -> str:
    """The message about a missing name, with names that were perhaps meant."""
    key = place, name, plain
    if key not in _texts:
        _texts[key] = _made_text(*key)
    return _texts[key]


def _made_text(place: str, name: str, plain: str) -> str:
    from difflib import get_close_matches

    known = knows(place, name)
    near = [f"{place}.{one}" for one in get_close_matches(name, sorted(held(place)), n=2, cutoff=0.7)]
    if known:
        near = [f"{other}.{name}" for other in _PLACES if other != place and name in held(other)] + near
    if not known:
        return plain + (f". Did you mean: {near[0].rpartition('.')[2]!r}?" if near else "")
    hint = f"the nearest it has: {', '.join(near[:3])}; " if near else ""
    return (
        f"rustgrad has no {place}.{name} yet\n"
        f"hint: {hint}`python -m rustgrad.check FILE` lists all that a program uses and rustgrad lacks"
    )


class Missing:
    """Stands on a class for an attribute that PyTorch's has and ours lacks: reading it raises the error."""

    __slots__ = ("_name", "_place")

    def __init__(self, place: str, name: str):
        self._place = place
        self._name = name

    def __get__(self, instance, owner=None):
        raise missing(self._place, self._name)


_PLACES = ("torch", "torch.nn.functional", "torch.linalg", "torch.special", "torch.Tensor", "torch.nn")


def held(place: str) -> set[str]:
    """The public names that rustgrad has in the module or class that stands for PyTorch's `place`."""
    owner, _, last = place.rpartition(".")
    if last[:1].isupper():
        classes = getattr(module(owner), last, object).__mro__
        members = {name: value for one in classes for name, value in vars(one).items()}
        members.update({name: None for one in classes for name in vars(one).get("__annotations__", ())})
        return {name for name, value in members.items() if not (name.startswith("_") or isinstance(value, Missing))}
    holder = module(place)
    return set() if holder is None else {name for name in dir(holder) if not name.startswith("_")}
