"""What packages import to say how their ops are written to ONNX. Nothing is exported here."""

from .._names import lookup as _lookup

__all__ = ["parse_args"]


def parse_args(*arg_descriptors: str):
    """A decorator that leaves the function as it is."""
    return lambda fn: fn


__getattr__ = _lookup("torch.onnx.symbolic_helper")
