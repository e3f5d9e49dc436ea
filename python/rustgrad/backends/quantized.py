"""Quantized layers. Whichever engine is set, sums of integers are exact, so that all give the same."""

__all__ = ["engine", "supported_engines"]

engine = "x86"
supported_engines: list[str] = ["qnnpack", "onednn", "x86", "fbgemm"]
