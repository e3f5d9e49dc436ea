"""The version as text that compares as a version: `torch.__version__ >= "2.0"`, `torch.__version__ >= (2, 0)`."""

import operator
from functools import cache

__all__ = ["TorchVersion"]

_RELEASE = r"v?(\d+(?:\.\d+)*)(?:\.?(dev|a|alpha|b|beta|rc)\.?(\d*))?"
_STAGES = {"dev": -4, "a": -3, "alpha": -3, "b": -2, "beta": -2, "rc": -1}


def _key(version) -> tuple | None:
    """What versions are ordered by: numbers without ending zeros, the stage before a release, and the local part."""
    if isinstance(version, (tuple, list)):
        version = ".".join(map(str, version))
    if not isinstance(version, str):
        return None
    return _parsed(str(version))


@cache
def _parsed(version: str) -> tuple | None:
    from re import fullmatch

    public, _, local = version.partition("+")
    found = fullmatch(_RELEASE, public.strip())
    if found is None:
        return None
    numbers = [int(n) for n in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    stage = (_STAGES[found[2]], int(found[3] or 0)) if found[2] else (0, 0)
    return numbers, stage, local


def _compared(by, as_text):
    """A comparison of two versions; of a version and what is none, as texts."""

    def compare(self, other):
        mine, key = _key(self), _key(other)
        return as_text(self, other) if mine is None or key is None else by(mine, key)

    return compare


class TorchVersion(str):
    """A version number, ordered by its parts against other versions as text or as tuples of numbers."""

    __slots__ = ()

    __eq__ = _compared(operator.eq, str.__eq__)
    __ne__ = _compared(operator.ne, str.__ne__)
    __lt__ = _compared(operator.lt, str.__lt__)
    __le__ = _compared(operator.le, str.__le__)
    __gt__ = _compared(operator.gt, str.__gt__)
    __ge__ = _compared(operator.ge, str.__ge__)
    __hash__ = str.__hash__
