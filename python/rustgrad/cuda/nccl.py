"""NCCL, NVIDIA's way between GPUs, which is not here."""

from .._names import lookup as _lookup

__all__ = ["is_available", "version"]


def is_available(tensors) -> bool:
    """False."""
    return False


def version() -> tuple[int, ...]:
    """RuntimeError: there is no NCCL."""
    raise RuntimeError("NCCL is not available: rustgrad uses one GPU")


__getattr__ = _lookup("torch.cuda.nccl")
