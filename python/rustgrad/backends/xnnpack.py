"""XNNPACK, which is not used here."""

__all__ = ["enabled"]

enabled = False
