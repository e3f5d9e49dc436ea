"""Marks for NVIDIA's profiler, which cannot see this library."""

__all__ = ["mark", "range", "range_end", "range_pop", "range_push", "range_start"]


def _refuse(*_args, **_kwargs):
    raise RuntimeError("NVTX functions not installed. Are you sure you have a CUDA build?")


def range_push(msg: str):
    """Begin a range: RuntimeError, there is no NVTX."""
    _refuse()


def range_pop():
    """End a range: RuntimeError, there is no NVTX."""
    _refuse()


def range_start(msg: str):
    """Begin a range: RuntimeError, there is no NVTX."""
    _refuse()


def range_end(range_id):
    """End a range: RuntimeError, there is no NVTX."""
    _refuse()


def mark(msg: str):
    """Mark a moment: RuntimeError, there is no NVTX."""
    _refuse()


def range(msg: str, *args, **kwargs):
    """A range as a `with` block or decorator: RuntimeError, there is no NVTX."""
    _refuse()
