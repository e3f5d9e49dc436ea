"""OpenMP, which is not used here."""

__all__ = ["is_available"]


def is_available() -> bool:
    """False: threads are rustgrad's own."""
    return False
