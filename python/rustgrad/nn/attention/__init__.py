"""Which kernels of attention may be used: there is one way to compute it, so that the choice is recorded only."""

import enum
from contextlib import contextmanager

from ..._names import lookup as _lookup
from ...backends import cuda as _cuda

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.IntEnum):
    """PyTorch's kernels of attention."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    def __repr__(self):
        return f"<SDPBackend.{self.name}: {self.value}>"


_WORDS = {
    SDPBackend.MATH: "math",
    SDPBackend.FLASH_ATTENTION: "flash",
    SDPBackend.EFFICIENT_ATTENTION: "mem_efficient",
    SDPBackend.CUDNN_ATTENTION: "cudnn",
}


@contextmanager
def sdpa_kernel(backends, set_priority: bool = False):
    """A `with` block in which only some kernels are enabled: recorded only. AssertionError for other types."""
    chosen = [backends] if isinstance(backends, SDPBackend) else list(backends)
    for one in chosen:
        if not isinstance(one, SDPBackend):
            raise AssertionError(f"Backend must be an instance of SDPBackend, got {type(one).__name__}")
    before = dict(_cuda._kernels)
    _cuda._kernels.update({word: kind in chosen for kind, word in _WORDS.items()})
    try:
        yield {}
    finally:
        _cuda._kernels.update(before)


__getattr__ = _lookup("torch.nn.attention")
