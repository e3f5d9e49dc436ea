"""Data that ship inside the package; nothing is downloaded. Their licence stands in NOTICE."""

from .digits import digits

__all__ = ["digits"]
