"""The older names for ops of a program's own. `torch.library` has all that they did."""

from ._names import lookup as _lookup

__all__ = ["custom_op", "get_ctx", "impl", "impl_abstract", "impl_backward", "impl_save_for_backward"]

# What is here only to raise a clear error.
_LACKS = frozenset(__all__)


def _older(name: str, instead: str):
    def refuse(*args, **kwargs):
        raise NotImplementedError(f"torch._custom_ops.{name}: PyTorch has replaced it; use torch.library.{instead}")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Raises NotImplementedError: use `torch.library.{instead}`."
    return refuse


custom_op = _older("custom_op", "custom_op")
get_ctx = _older("get_ctx", "register_fake")
impl = _older("impl", "register_kernel")
impl_abstract = _older("impl_abstract", "register_fake")
impl_backward = _older("impl_backward", "register_autograd")
impl_save_for_backward = _older("impl_save_for_backward", "register_autograd")

__getattr__ = _lookup("torch._custom_ops")
