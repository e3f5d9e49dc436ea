"""How PyTorch writes ops to ONNX, version 11. Nothing is exported here: the module is there to be imported."""

from .._names import lookup as _lookup

__all__: list[str] = []

__getattr__ = _lookup("torch.onnx.symbolic_opset11")
