"""Intel's oneDNN, which is not used here. Its flags are kept, and change nothing."""

from contextlib import contextmanager

from .._names import lookup as _lookup

__all__ = ["VERBOSE_OFF", "VERBOSE_ON", "VERBOSE_ON_CREATION", "flags", "is_available", "set_flags", "verbose"]

VERBOSE_OFF = 0
VERBOSE_ON = 1
VERBOSE_ON_CREATION = 2

enabled = True
deterministic = False
allow_tf32 = True
fp32_precision = "none"


def is_available() -> bool:
    """False: convolutions are rustgrad's own."""
    return False


class verbose:
    """A `with` block in which oneDNN would print each call. It makes none."""

    def __init__(self, level):
        self.level = level

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


def set_flags(_enabled=None, _deterministic=None, _allow_tf32=None, _fp32_precision="none"):
    """Set those flags that are given, and return what all were."""
    new = {
        "enabled": _enabled,
        "deterministic": _deterministic,
        "allow_tf32": _allow_tf32,
        "fp32_precision": _fp32_precision,
    }
    names = globals()
    before = tuple(names[name] for name in new)
    names.update((name, value) for name, value in new.items() if value is not None)
    return before


@contextmanager
def flags(enabled=False, deterministic=False, allow_tf32=True, fp32_precision="none"):
    """Other flags within a `with` block."""
    before = set_flags(enabled, deterministic, allow_tf32, fp32_precision)
    try:
        yield
    finally:
        set_flags(*before)


__getattr__ = _lookup("torch.backends.mkldnn")
