"""Whether mixed precision makes no sense here."""

from ..._names import lookup as _lookup
from .. import is_available

__all__ = ["amp_definitely_not_available"]


def amp_definitely_not_available() -> bool:
    """Whether no GPU goes by the name cuda."""
    return not is_available()


__getattr__ = _lookup("torch.cuda.amp.common")
