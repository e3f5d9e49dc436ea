"""The CPU's instruction set."""

from .._rustgrad import _cpu_capability

__all__ = ["get_cpu_capability"]


def get_cpu_capability() -> str:
    """What kernels use: "AVX512", "AVX2", or "DEFAULT"."""
    return _cpu_capability()
