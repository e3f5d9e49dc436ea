"""Intel's MKL, which is not used here."""

__all__ = ["VERBOSE_OFF", "VERBOSE_ON", "is_available", "verbose"]

VERBOSE_OFF = 0
VERBOSE_ON = 1


def is_available() -> bool:
    """False: matrix products are rustgrad's own."""
    return False


class verbose:
    """A `with` block in which MKL would print each call. It makes none."""

    def __init__(self, enable):
        self.enable = enable

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False
