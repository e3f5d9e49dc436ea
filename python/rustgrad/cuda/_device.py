"""Whether this program may call a GPU cuda, and which device a call means."""

from .. import _rustgrad
from .._rustgrad import device as _device

__all__ = ["index_of", "is_available", "need"]


def is_available() -> bool:
    """Whether a device may be called `cuda`: in a program run by `rustgrad.as_torch`, where a hardware GPU is present.

    Starts the GPU where there is one. Elsewhere False: `gpu.is_available()` tells of `device="gpu"`.
    """
    return _rustgrad._cuda_is_gpu()


def need() -> None:
    """Raise AssertionError, in PyTorch's words, unless `is_available()`."""
    if not is_available():
        raise AssertionError(
            "Torch not compiled with CUDA enabled\n"
            'hint: rustgrad has no CUDA backend; the GPU of any maker is called "gpu": write device="gpu", and '
            "rustgrad.gpu.is_available(), rustgrad.gpu.synchronize() and the like"
        )


def index_of(device) -> int:
    """The number of a device given as an index, a name, a device or None: 0, there is one.

    Raises AssertionError where there is none, ValueError for a device that is no GPU, RuntimeError for another number.
    """
    need()
    if device is None:
        return 0
    if not isinstance(device, int):
        named = _device(device)
        if named.type == "cpu":
            raise ValueError(f"Expected a cuda device, but got: {named}")
        device = named.index or 0
    if device not in (0, -1):
        raise RuntimeError(f"CUDA error: invalid device ordinal\nhint: there is one GPU, number 0, but got {device}")
    return 0
