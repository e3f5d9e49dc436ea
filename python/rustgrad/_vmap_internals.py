"""The older home of `vmap`, from which programs of its time import it."""

from ._names import lookup as _lookup
from .transforms import vmap as vmap

__all__ = ["vmap"]

_vmap = vmap

__getattr__ = _lookup("torch._vmap_internals")
