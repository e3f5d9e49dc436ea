"""`torch.onnx`: programs cannot be captured yet, so that `export` raises a clear error."""

import enum

from .._names import lookup as _lookup

__all__ = [
    "OnnxExporterError",
    "OperatorExportTypes",
    "TrainingMode",
    "export",
    "is_in_onnx_export",
    "register_custom_op_symbolic",
    "unregister_custom_op_symbolic",
]

_LACKS = frozenset({"export"})  # only raises


class TrainingMode(enum.IntEnum):
    """The mode that a module would be exported in."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


class OperatorExportTypes(enum.IntEnum):
    """What would stand for ops that ONNX lacks."""

    ONNX = 0
    ONNX_ATEN = 1
    ONNX_ATEN_FALLBACK = 2
    ONNX_FALLTHROUGH = 3


class OnnxExporterError(RuntimeError):
    """A program could not be exported."""


def is_in_onnx_export() -> bool:
    """False."""
    return False


def register_custom_op_symbolic(symbolic_name: str, symbolic_fn, opset_version: int) -> None:
    """How an op would be exported: nothing is, so that nothing is kept. Raises ValueError for a name without `::`."""
    if len(symbolic_name.split("::")) != 2:
        raise ValueError(
            f"Failed to register operator {symbolic_name}. The symbolic name must match the format domain::name."
        )


def unregister_custom_op_symbolic(symbolic_name: str, opset_version: int) -> None:
    """Takes back `register_custom_op_symbolic`."""


def export(model, args=(), f=None, **options):
    """Raises OnnxExporterError: programs cannot be captured yet."""
    raise OnnxExporterError(
        "torch.onnx.export: rustgrad does not capture programs yet\n"
        "hint: save the weights, torch.save(model.state_dict(), f), and export where PyTorch is installed"
    )


__getattr__ = _lookup("torch.onnx")
