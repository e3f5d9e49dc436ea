"""`torch.export`: programs cannot be captured yet, so that every call raises a clear error."""

from ._names import lookup as _lookup

__all__ = [
    "Dim",
    "ExportedProgram",
    "dims",
    "draft_export",
    "export",
    "load",
    "register_dataclass",
    "save",
    "unflatten",
]

_LACKS = frozenset({"ExportedProgram", "draft_export", "export", "load", "save", "unflatten"})  # these only raise


def _refuse(what: str):
    raise NotImplementedError(
        f"torch.export.{what}: rustgrad does not capture programs yet\n"
        "hint: run the module as it is; torch.save(module.state_dict(), f) keeps its weights"
    )


class Dim:
    """A name for a size that may change."""

    AUTO = DYNAMIC = STATIC = None

    def __init__(self, name: str, *, min: int | None = None, max: int | None = None):
        self.__name__ = name
        self.min = 0 if min is None else min
        self.max = max

    def __repr__(self):
        return f"Dim({self.__name__!r}, min={self.min}, max={self.max})"


def dims(*names: str, min: int | None = None, max: int | None = None) -> tuple[Dim, ...]:
    """Several sizes that may change."""
    return tuple(Dim(name, min=min, max=max) for name in names)


class ExportedProgram:
    """A captured program: raises NotImplementedError."""

    def __init__(self, *args, **kwargs):
        _refuse("ExportedProgram")


def export(mod, args, kwargs=None, *, dynamic_shapes=None, strict=False, **options):
    """Raises NotImplementedError."""
    _refuse("export")


def draft_export(mod, args, kwargs=None, *, dynamic_shapes=None, **options):
    """Raises NotImplementedError."""
    _refuse("draft_export")


def save(ep, f, *, extra_files=None, opset_version=None, **options) -> None:
    """Raises NotImplementedError."""
    _refuse("save")


def load(f, *, extra_files=None, expected_opset_version=None):
    """Raises NotImplementedError."""
    _refuse("load")


def unflatten(module, flat_args_adapter=None):
    """Raises NotImplementedError."""
    _refuse("unflatten")


def register_dataclass(cls, *, serialized_type_name=None) -> None:
    """Let `utils._pytree` take a dataclass apart."""
    from .utils import _pytree

    _pytree.register_dataclass(cls)


__getattr__ = _lookup("torch.export")
