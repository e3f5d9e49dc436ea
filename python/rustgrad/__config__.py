"""How the library was built and what it runs on, as text."""

from . import _rustgrad
from ._rustgrad.torch import get_num_threads

__all__ = ["parallel_info", "show"]


def show() -> str:
    """A few lines on this build: version, instruction set, GPU interface."""
    return (
        f"rustgrad {_rustgrad.__version__} built with:\n"
        "  - Rust, kernels of its own; no BLAS, no CUDA\n"
        f"  - CPU capability usage: {_rustgrad._cpu_capability()}\n"
        "  - GPU through wgpu: Vulkan, Metal, DX12\n"
    )


def parallel_info() -> str:
    """How kernels use threads."""
    return f"rustgrad threads:\n\tget_num_threads() : {get_num_threads()}\n"
