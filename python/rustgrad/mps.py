"""Apple's Metal backend of PyTorch, which is not here: `device="gpu"` reaches the GPU of a Mac."""

from ._names import lookup as _lookup

__all__ = [
    "current_allocated_memory",
    "device_count",
    "driver_allocated_memory",
    "empty_cache",
    "get_rng_state",
    "is_available",
    "manual_seed",
    "recommended_max_memory",
    "seed",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "synchronize",
]


def is_available() -> bool:
    """False: no device is called mps here."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing to seed."""
    int(seed)


def seed() -> None:
    """Nothing to seed."""


def _refuse(what: str):
    raise RuntimeError(
        f'Cannot execute {what}() without MPS backend.\nhint: the GPU of a Mac is called "gpu" (rustgrad.gpu)'
    )


def synchronize() -> None:
    """RuntimeError: there is no mps device."""
    _refuse("deviceSynchronize")


def empty_cache() -> None:
    """RuntimeError: there is no mps device."""
    _refuse("emptyCache")


def set_per_process_memory_fraction(fraction) -> None:
    """RuntimeError: there is no mps device."""
    _refuse("setMemoryFraction")


def current_allocated_memory() -> int:
    """RuntimeError: there is no mps device."""
    return _refuse("getCurrentAllocatedMemory")


def driver_allocated_memory() -> int:
    """RuntimeError: there is no mps device."""
    return _refuse("getDriverAllocatedMemory")


def recommended_max_memory() -> int:
    """RuntimeError: there is no mps device."""
    return _refuse("getRecommendedMaxMemory")


def get_rng_state(device="mps"):
    """RuntimeError: there is no mps device."""
    return _refuse("getDefaultGenerator")


def set_rng_state(new_state, device="mps") -> None:
    """RuntimeError: there is no mps device."""
    _refuse("getDefaultGenerator")


__getattr__ = _lookup("torch.mps")
