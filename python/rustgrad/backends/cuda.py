"""Flags of CUDA's libraries, none of which is used here. They are kept, and change nothing but what is said below."""

from contextlib import contextmanager

from .. import _rustgrad, switches
from .._names import lookup as _lookup

__all__ = [
    "allow_fp16_bf16_reduction_math_sdp",
    "cudnn_sdp_enabled",
    "cufft_plan_cache",
    "enable_cudnn_sdp",
    "enable_flash_sdp",
    "enable_math_sdp",
    "enable_mem_efficient_sdp",
    "flash_sdp_enabled",
    "fp16_bf16_reduction_math_sdp_allowed",
    "is_built",
    "is_flash_attention_available",
    "math_sdp_enabled",
    "matmul",
    "mem_efficient_sdp_enabled",
    "preferred_blas_library",
    "preferred_linalg_library",
    "sdp_kernel",
]


def is_built() -> bool:
    """Whether a program may call a device `cuda`: where `rustgrad.as_torch` runs it on a machine with a GPU."""
    return _rustgrad._cuda_is_gpu()


class cuBLASModule:
    """`matmul`: how exact products of float32 and of halves are. `allow_tf32` is `get_float32_matmul_precision`."""

    allow_fp16_accumulation = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True
    fp32_precision = "none"

    @property
    def allow_tf32(self) -> bool:
        """Whether products may be less exact than float32. They are not."""
        return switches.get_float32_matmul_precision() != "highest"

    @allow_tf32.setter
    def allow_tf32(self, value: bool) -> None:
        switches.set_float32_matmul_precision("high" if value else "highest")


matmul = cuBLASModule()


class cuFFTPlanCache:
    """A cache that there is none of: it stays empty. `max_size` is kept."""

    size = 0
    max_size = 4096

    def clear(self) -> None:
        """Nothing to clear."""

    def __getitem__(self, device):
        return self


cufft_plan_cache = cuFFTPlanCache()

_kernels = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True, "reduction": False}


def flash_sdp_enabled() -> bool:
    """What `enable_flash_sdp` was told last. Attention is computed in one way, whatever is enabled."""
    return _kernels["flash"]


def enable_flash_sdp(enabled: bool) -> None:
    """Recorded only."""
    _kernels["flash"] = bool(enabled)


def mem_efficient_sdp_enabled() -> bool:
    """What `enable_mem_efficient_sdp` was told last."""
    return _kernels["mem_efficient"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Recorded only."""
    _kernels["mem_efficient"] = bool(enabled)


def math_sdp_enabled() -> bool:
    """What `enable_math_sdp` was told last."""
    return _kernels["math"]


def enable_math_sdp(enabled: bool) -> None:
    """Recorded only."""
    _kernels["math"] = bool(enabled)


def cudnn_sdp_enabled() -> bool:
    """What `enable_cudnn_sdp` was told last."""
    return _kernels["cudnn"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Recorded only."""
    _kernels["cudnn"] = bool(enabled)


def fp16_bf16_reduction_math_sdp_allowed() -> bool:
    """What `allow_fp16_bf16_reduction_math_sdp` was told last."""
    return _kernels["reduction"]


def allow_fp16_bf16_reduction_math_sdp(enabled: bool) -> None:
    """Recorded only."""
    _kernels["reduction"] = bool(enabled)


def is_flash_attention_available() -> bool:
    """False: CUDA's kernels are not here."""
    return False


@contextmanager
def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
):
    """Which kernels of attention are enabled within a `with` block. Recorded only."""
    before = dict(_kernels)
    _kernels.update(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn)
    try:
        yield {}
    finally:
        _kernels.update(before)


def _preferred(what: str, words: tuple[str, ...], backend):
    if backend is not None and backend not in words:
        raise RuntimeError(f"Unknown input value. Choose from: {', '.join(words)}.")
    if backend is not None:
        _choices[what] = backend
    return _choices[what]


_choices = {"linalg": "default", "blas": "default"}


def preferred_linalg_library(backend: str | None = None) -> str:
    """Which library solves linear systems: recorded only, the kernels are rustgrad's own. Returns the word."""
    return _preferred("linalg", ("default", "cusolver", "magma"), backend)


def preferred_blas_library(backend: str | None = None) -> str:
    """Which library multiplies matrices: recorded only, the kernels are rustgrad's own. Returns the word."""
    return _preferred("blas", ("default", "cublas", "hipblas", "cublaslt", "hipblaslt", "ck"), backend)


__getattr__ = _lookup("torch.backends.cuda")
