"""Native ops of PyTorch that only `torch.ops.aten` names."""

import builtins
from typing import Any

from ._rustgrad import Tensor
from ._rustgrad.torch import _scaled_dot_product_flash_attention_for_cpu, where
from .autograd import grad
from .grad_mode import enable_grad

__all__ = [
    "_local_scalar_dense",
    "_log_softmax",
    "_pin_memory",
    "_scaled_dot_product_flash_attention_for_cpu_backward",
    "_softmax",
    "_sparse_addmm",
    "_sparse_mm_reduce_impl",
    "_to_copy",
    "_unsafe_view",
    "alias",
    "convolution_backward",
    "index",
    "lift_fresh",
    "lift_fresh_copy",
    "max_pool2d_with_indices_backward",
    "slice",
    "threshold_backward",
]


def alias(self: Tensor) -> Tensor:
    """A view of all of `self`."""
    return self.view_as(self)


def lift_fresh(self: Tensor) -> Tensor:
    """`self`."""
    return self


def lift_fresh_copy(self: Tensor) -> Tensor:
    """A copy of `self`."""
    return self.clone()


def _unsafe_view(self: Tensor, size: list[int]) -> Tensor:
    """A view of another shape."""
    return self.view(size)


def _local_scalar_dense(self: Tensor):
    """The one element as a number."""
    return self.item()


def _pin_memory(self: Tensor, device=None) -> Tensor:
    """`self.pin_memory()`."""
    return self.pin_memory()


def _to_copy(
    self: Tensor, *, dtype=None, layout=None, device=None, pin_memory=None, non_blocking=False, memory_format=None
) -> Tensor:
    """A copy of another dtype, or on another device."""
    options: dict[str, Any] = {} if memory_format is None else {"memory_format": memory_format}
    device = self.device if device is None else device
    return self.to(device, self.dtype if dtype is None else dtype, non_blocking, True, **options)


def index(self: Tensor, indices: list[Tensor | None]) -> Tensor:
    """`self[indices]`; None takes a dim whole."""
    return self[tuple(builtins.slice(None) if one is None else one for one in indices)]


def _check_half_to_float(half_to_float: bool) -> None:
    if half_to_float:
        raise RuntimeError("softmax with half to float conversion is not supported on CPU")


def _softmax(self: Tensor, dim: int, half_to_float: bool) -> Tensor:
    """`softmax`. RuntimeError with `half_to_float`, which PyTorch's CPU does not have."""
    _check_half_to_float(half_to_float)
    return self.softmax(dim)


def _log_softmax(self: Tensor, dim: int, half_to_float: bool) -> Tensor:
    """`log_softmax`. RuntimeError with `half_to_float`, which PyTorch's CPU does not have."""
    _check_half_to_float(half_to_float)
    return self.log_softmax(dim)


def _sparse_addmm(self: Tensor, mat1: Tensor, mat2: Tensor, *, beta=1, alpha=1) -> Tensor:
    """`sparse.addmm`: `mat1` is a sparse matrix."""
    from .sparse import addmm

    return addmm(self, mat1, mat2, beta=beta, alpha=alpha)


def _sparse_mm_reduce_impl(self: Tensor, other: Tensor, reduce: str) -> tuple[Tensor, Tensor]:
    """Raises NotImplementedError: its matrix is of layout `sparse_csr`."""
    raise NotImplementedError(
        "_sparse_mm_reduce_impl: expected a matrix of layout sparse_csr, which rustgrad lacks; got shapes "
        f"{[*self.shape]} and {[*other.shape]}\n"
        "hint: sparse.mm multiplies a sparse_coo matrix; index_reduce reduces rows"
    )


def threshold_backward(grad_output: Tensor, self: Tensor, threshold) -> Tensor:
    """The gradient where `self` is above the threshold, and 0 elsewhere."""
    return where(self <= threshold, 0, grad_output)


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


def _gradients(fn, inputs, wanted, grad_output) -> list:
    """The gradients of those inputs of `fn` that are wanted, None for the others."""
    with enable_grad():
        leaves = [x.detach().requires_grad_(one) if one else x for x, one in zip(inputs, wanted)]
        out = fn(*leaves)
    found = iter(grad(out, [x for x, one in zip(leaves, wanted) if one], grad_output))
    return [next(found) if one else None for one in wanted]


def convolution_backward(
    grad_output: Tensor,
    input: Tensor,
    weight: Tensor,
    bias_sizes: list[int] | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
    output_mask: list[bool],
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """The gradients of a convolution's input, weight and bias, None for those that `output_mask` does not ask for."""
    from .nn.native import convolution

    def call(x, w):
        return convolution(x, w, None, stride, padding, dilation, transposed, output_padding, groups)

    dx = dw = None
    if any(output_mask[:2]):
        dx, dw = _gradients(call, [input, weight], output_mask[:2], grad_output)
    dims = [dim for dim in range(grad_output.ndim) if dim != 1]
    return dx, dw, grad_output.sum(dims) if output_mask[2] else None


def _scaled_dot_product_flash_attention_for_cpu_backward(
    grad_out: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    logsumexp: Tensor,
    dropout_p: float,
    is_causal: bool,
    *,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of query, key and value of `_scaled_dot_product_flash_attention_for_cpu`."""

    def call(q, k, v):
        return _scaled_dot_product_flash_attention_for_cpu(
            q, k, v, dropout_p, is_causal, attn_mask=attn_mask, scale=scale
        )[0]

    dq, dk, dv = _gradients(call, [query, key, value], [True] * 3, grad_out)
    return dq, dk, dv
