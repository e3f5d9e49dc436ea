"""What libraries ask of tensors without data: no tensor is one."""

from typing import TypeGuard

from .._rustgrad import Tensor

__all__ = ["FakeTensor", "FakeTensorMode", "is_fake"]


class FakeTensor(Tensor):
    """A class for `isinstance`, of which there are no instances."""

    def __new__(cls, *args, **kwargs):
        raise NotImplementedError(
            "FakeTensor: rustgrad has none\nhint: tensors of the device 'meta' have shapes and dtypes without data"
        )


class FakeTensorMode:
    """Raises NotImplementedError."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(
            "FakeTensorMode: rustgrad has no tensors of this kind\n"
            "hint: `with torch.device('meta')` makes tensors with shapes and dtypes without data"
        )


def is_fake(x) -> TypeGuard[Tensor]:
    """False."""
    return False
