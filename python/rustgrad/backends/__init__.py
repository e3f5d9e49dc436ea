"""Flags and questions about backends. A flag can be set as in PyTorch; it changes results only where its text says so.

Submodules: cpu, cuda, cudnn, mkl, mkldnn, mps, nnpack, openmp, opt_einsum, quantized, xnnpack.
"""

from .._names import lookup as _lookup
from . import cpu, cuda, cudnn, mkl, mkldnn, mps, nnpack, openmp, opt_einsum, quantized, xnnpack

__all__ = [
    "cpu",
    "cuda",
    "cudnn",
    "mkl",
    "mkldnn",
    "mps",
    "nnpack",
    "openmp",
    "opt_einsum",
    "quantized",
    "xnnpack",
]

fp32_precision = "none"
"""Recorded only: float32 is computed in float32."""

__getattr__ = _lookup("torch.backends")
