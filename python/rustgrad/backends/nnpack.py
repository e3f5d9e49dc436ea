"""NNPACK, which is not used here."""

from contextlib import contextmanager

__all__ = ["flags", "is_available", "set_flags"]

_enabled_now = False


def is_available() -> bool:
    """False."""
    return False


def set_flags(_enabled) -> tuple[bool]:
    """Recorded only; returns what was set before."""
    global _enabled_now
    before, _enabled_now = _enabled_now, bool(_enabled)
    return (before,)


@contextmanager
def flags(enabled=False):
    """Another flag within a `with` block."""
    (before,) = set_flags(enabled)
    try:
        yield
    finally:
        set_flags(before)
