"""PyTorch's name for the functions of its extension, as layers call them: `torch._VF.lstm`."""

from . import _lazy, _rustgrad

__all__ = []


def __getattr__(name: str):
    if name in _lazy.FUNCTIONS or hasattr(_rustgrad.torch, name):
        import rustgrad

        return getattr(rustgrad, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
