"""What this library is: `torch.version.cuda` and the like, for programs that print or ask it."""

from . import _rustgrad
from ._names import lookup as _lookup

__all__ = ["cuda", "debug", "git_version", "hip", "rocm", "rustgrad", "xpu"]

rustgrad: str = _rustgrad.__version__
"""rustgrad's own version."""
cuda: str | None = None
"""The version of CUDA: None, the GPU is reached through Vulkan, Metal or DX12."""
hip: str | None = None
rocm: str | None = None
xpu: str | None = None
debug = False
git_version = f"rustgrad-{rustgrad}"


def __getattr__(name: str):
    if name == "__version__":
        import rustgrad

        return rustgrad.__version__
    return _missing(name)


_missing = _lookup("torch.version")
