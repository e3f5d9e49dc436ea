"""Extensions in C++ and CUDA, which are built against PyTorch's own headers and cannot be built for another library.

The names are here so that programs can ask for them and fall back; building raises.
"""

from .._names import lookup as _lookup

__all__ = [
    "CUDA_HOME",
    "BuildExtension",
    "CUDAExtension",
    "CppExtension",
    "include_paths",
    "is_ninja_available",
    "library_paths",
    "load",
    "load_inline",
]

CUDA_HOME = None


def _refused(name: str, what: str) -> RuntimeError:
    return RuntimeError(
        f"{name}: {what} cannot be built: rustgrad has no C++ headers, and CUDA is not used\n"
        "hint: write the function with torch's operations; torch.autograd.Function gives it a backward of its own"
    )


def load(name, sources, *args, **kwargs):
    """Raises RuntimeError: see the module."""
    raise _refused("load", f"the extension {name!r}")


def load_inline(name, cpp_sources, *args, **kwargs):
    """Raises RuntimeError: see the module."""
    raise _refused("load_inline", f"the extension {name!r}")


def CppExtension(name, sources, *args, **kwargs):
    """Raises RuntimeError: see the module."""
    raise _refused("CppExtension", f"the extension {name!r}")


def CUDAExtension(name, sources, *args, **kwargs):
    """Raises RuntimeError: see the module."""
    raise _refused("CUDAExtension", f"the extension {name!r}")


class BuildExtension:
    """The command of setuptools that builds extensions: making it raises RuntimeError."""

    def __init__(self, *args, **kwargs):
        raise _refused("BuildExtension", "an extension")

    @classmethod
    def with_options(cls, **options):
        """The class itself."""
        return cls


def include_paths(device_type: str = "cpu", torch_include_dirs: bool = True) -> list[str]:
    """No folder: there are no headers."""
    return []


def library_paths(device_type: str = "cpu", torch_include_dirs: bool = True, cross_target_platform=None) -> list[str]:
    """No folder: there are no libraries to link with."""
    return []


def is_ninja_available() -> bool:
    """False: nothing is built."""
    return False


__getattr__ = _lookup("torch.utils.cpp_extension")
