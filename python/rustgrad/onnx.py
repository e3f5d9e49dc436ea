"""`torch.onnx`: programs cannot be captured yet, so that `export` raises a clear error."""

from ._names import lookup as _lookup

__all__ = ["OnnxExporterError", "export", "is_in_onnx_export"]


class OnnxExporterError(RuntimeError):
    """A program could not be exported."""


def is_in_onnx_export() -> bool:
    """False."""
    return False


def export(model, args=(), f=None, **options):
    """Raises OnnxExporterError: programs cannot be captured yet."""
    raise OnnxExporterError(
        "torch.onnx.export: rustgrad does not capture programs yet\n"
        "hint: save the weights, torch.save(model.state_dict(), f), and export where PyTorch is installed"
    )


__getattr__ = _lookup("torch.onnx")
