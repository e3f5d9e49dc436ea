"""Native ops of PyTorch that only `torch.ops.aten` names."""

import builtins

from ._rustgrad import Tensor

__all__ = ["alias", "max_pool2d_with_indices_backward", "slice"]


def alias(self: Tensor) -> Tensor:
    """A view of all of `self`."""
    return self.view_as(self)


def slice(self: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    """The entries `start` to `end` of dim `dim`, `step` apart: a view. Ends count as in Python."""
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    if self.ndim == 0:
        raise RuntimeError("slice() cannot be applied to a 0-dim tensor.")
    if not -self.ndim <= dim < self.ndim:
        self.size(dim)  # raises PyTorch's IndexError
    before = [builtins.slice(None)] * (dim % self.ndim)
    return self[(*before, builtins.slice(start, end, step))]


def max_pool2d_with_indices_backward(
    grad_output: Tensor,
    self: Tensor,
    kernel_size: list[int],
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    ceil_mode: bool,
    indices: Tensor,
) -> Tensor:
    """The gradient of max_pool2d's input: each output's goes to the place, `indices`, of its largest element."""
    zeros = grad_output.new_zeros((*self.shape[:-2], self.shape[-2] * self.shape[-1]))
    return zeros.scatter_add(-1, indices.flatten(-2), grad_output.flatten(-2)).reshape(self.shape)
