"""What a bug report needs to know of a machine: `python -m rustgrad.utils.collect_env`."""

import os
import platform
import sys
from collections import namedtuple
from importlib import metadata

from .. import __config__, __version__, cuda, gpu
from .._names import lookup as _lookup

__all__ = ["SystemEnv", "get_env_info", "get_pretty_env_info", "main"]

SystemEnv = namedtuple(
    "SystemEnv",
    "torch_version is_debug_build os libc_version python_version python_platform is_cuda_available nvidia_gpu_models "
    "pip_packages cpu_info",
)

# The packages beside the library that its faults have to do with.
_PACKAGES = ("rustgrad", "torch", "numpy", "safetensors", "einops")


def _cpu() -> str:
    """The name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        name = ""
    return f"{name or platform.processor() or platform.machine()}, {os.cpu_count()} logical cores"


def _packages() -> str:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name}=={metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return "\n".join(found)


def _adapter() -> str:
    """The name of the GPU, of any maker."""
    return gpu.device_name() if gpu.is_available() else ""


def get_env_info() -> SystemEnv:
    """What is known of the library, Python, the operating system, the processor and the GPUs."""
    return SystemEnv(
        torch_version=__version__,
        is_debug_build="False",
        os=platform.platform(),
        libc_version="-".join(platform.libc_ver()) or "N/A",
        python_version=f"{sys.version} ({sys.maxsize.bit_length() + 1}-bit runtime)".replace("\n", " "),
        python_platform=platform.platform(),
        is_cuda_available=str(cuda.is_available()),
        nvidia_gpu_models=_adapter() or "Could not collect",
        pip_packages=_packages(),
        cpu_info=_cpu(),
    )


def get_pretty_env_info() -> str:
    """The same as text, a line for each."""
    env = get_env_info()
    return (
        f"rustgrad version: {env.torch_version}\n{__config__.show()}\n"
        f"OS: {env.os}\nLibc version: {env.libc_version}\n\n"
        f"Python version: {env.python_version}\nPython platform: {env.python_platform}\n"
        f"Is CUDA available: {env.is_cuda_available}\nGPU models and configuration: {env.nvidia_gpu_models}\n\n"
        f"CPU:\n{env.cpu_info}\n\nVersions of relevant libraries:\n{env.pip_packages}\n"
    )


def main() -> None:
    """Prints it."""
    print("Collecting environment information...")
    print(get_pretty_env_info())


__getattr__ = _lookup("torch.utils.collect_env")

if __name__ == "__main__":
    main()
