"""Forward mode: not here. `autograd.functional.jvp` and `func.jvp` give the same products by two backward passes."""

from .._names import lookup as _lookup
from .._rustgrad import _library

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


def _missing():
    lib = _library()
    return NotImplementedError(
        "forward_ad: rustgrad has no dual tensors yet\n"
        f"hint: {lib}.func.jvp and {lib}.autograd.functional.jvp compute the products of a Jacobian with a vector"
    )


class UnpackedDualTensor(tuple):
    """A tensor and its tangent: raises NotImplementedError."""

    def __new__(cls, *args):
        raise _missing()


class dual_level:
    """A `with` block for dual tensors: raises NotImplementedError."""

    def __enter__(self):
        raise _missing()

    def __exit__(self, *_):
        return False


def enter_dual_level():
    """Raises NotImplementedError."""
    raise _missing()


def exit_dual_level(*, level=None):
    """Raises NotImplementedError."""
    raise _missing()


def make_dual(tensor, tangent, *, level=None):
    """Raises NotImplementedError."""
    raise _missing()


def unpack_dual(tensor, *, level=None):
    """Raises NotImplementedError."""
    raise _missing()


__getattr__ = _lookup("torch.autograd.forward_ad")
