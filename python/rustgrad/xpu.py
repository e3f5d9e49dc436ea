"""Intel's GPU backend of PyTorch, which is not here: `device="gpu"` reaches any maker's GPU."""

from ._names import lookup as _lookup

__all__ = ["device_count", "empty_cache", "is_available", "is_bf16_supported", "manual_seed", "manual_seed_all"]


def is_available() -> bool:
    """False: no device is called xpu here."""
    return False


def device_count() -> int:
    """0."""
    return 0


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False."""
    return False


def empty_cache() -> None:
    """Nothing to empty."""


def manual_seed(seed: int) -> None:
    """Nothing to seed."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Nothing to seed."""
    int(seed)


__getattr__ = _lookup("torch.xpu")
