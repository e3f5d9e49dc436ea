"""Where PyTorch has the options of `linear_cross_entropy`."""

from .linear_cross_entropy import LinearCrossEntropyOptions

__all__ = ["LinearCrossEntropyOptions"]
