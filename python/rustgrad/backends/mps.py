"""Apple's Metal backend of PyTorch, which is not here: `device="gpu"` reaches the GPU of a Mac."""

import platform

__all__ = ["get_core_count", "get_name", "is_available", "is_built", "is_macos13_or_newer", "is_macos_or_newer"]


def is_available() -> bool:
    """False: no device is called mps here."""
    return False


def is_built() -> bool:
    """False."""
    return False


def is_macos_or_newer(major: int, minor: int) -> bool:
    """Whether this is macOS of that version or a newer one."""
    found = platform.mac_ver()[0].split(".")
    return found != [""] and [int(part) for part in found[:2]] >= [major, minor]


def is_macos13_or_newer(minor: int = 0) -> bool:
    """Whether this is macOS 13 or newer."""
    return is_macos_or_newer(13, minor)


def get_name() -> str:
    """The name of the mps device: empty."""
    return ""


def get_core_count() -> int:
    """How many cores the mps device has: 0."""
    return 0
