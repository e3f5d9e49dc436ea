"""Meta's accelerators, which are not here."""

from ._names import lookup as _lookup

__all__ = ["device_count", "is_available"]


def is_available() -> bool:
    """False: no device is called mtia here."""
    return False


def device_count() -> int:
    """0."""
    return 0


__getattr__ = _lookup("torch.mtia")
