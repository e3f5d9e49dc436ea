"""Nested tensors of layout `strided`: parts of any sizes with the same number of dims, in one buffer.

A Tensor on `meta` again, with a dense buffer, (elements,), and sizes, strides and first elements of each part. This is
PyTorch's older layout, which has fewer functions than the jagged one; these are what its programs use. Functions of one
element see the buffer, others each part.
"""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

from .. import _rustgrad
from .._parts import registering
from .._rustgrad import Tensor
from .._rustgrad.torch import as_tensor, cat, empty, tensor
from ..nn._compose import shown
from .dispatch import OfLayout

__all__ = ["Nested", "from_list"]

functions: dict[str, Callable[..., Any]] = {}
# Those that get the called function as well.
with_function: dict[str, Callable[..., Any]] = {}

_warned: list[bool] = []


def _warn() -> None:
    if not _warned:
        _warned.append(True)
        warnings.warn(
            "The PyTorch API of nested tensors is in prototype stage and will change in the near future. We recommend "
            "specifying layout=torch.jagged when constructing a nested tensor, as this layout receives active "
            "development, has better operator coverage, and works with torch.compile.",
            stacklevel=4,
        )


class Nested(OfLayout):
    """A nested tensor of layout `strided`. Made by `nested_tensor` and `as_nested_tensor`."""

    _sizes: list[tuple[int, ...]]
    _strides: list[tuple[int, ...]]
    _starts: list[int]

    _functions = functions
    _with_function = with_function

    @staticmethod
    def _refusal(name: str) -> str:
        return (
            f"Could not run 'aten::{name.strip('_')}' with arguments from the 'NestedTensorCPU' backend.\n"
            f"hint: {name} is not there for nested tensors of layout strided; x.unbind() are the parts, and "
            "layout=torch.jagged has more functions"
        )

    def __reduce_ex__(self, _protocol):
        from .._utils import _rebuild_nested_tensor

        parts = (self._sizes, self._strides, self._starts)
        return _rebuild_nested_tensor, (self._v.detach(), *(tensor(p, dtype=_rustgrad.int64) for p in parts))

    def _like(self, values) -> "Nested":
        return made(values, self._sizes, self._strides, self._starts)

    def __repr__(self, *, tensor_contents=None) -> str:
        texts = []
        for x in parts(self):
            one = x.detach().requires_grad_(self._v.requires_grad)
            texts.append("  " + repr(one).replace("\n", "\n  "))
        suffix = ""
        if self._v.grad_fn is not None:
            suffix = f", grad_fn=<{self._v.grad_fn.name()}>"
        elif self._v.requires_grad:
            suffix = ", requires_grad=True"
        return "nested_tensor([\n" + ",\n".join(texts) + "\n]" + suffix + ")"

    def __len__(self) -> int:
        raise no_sizes("sizes")

    def __iter__(self):
        return iter(parts(self))

    @property
    def shape(self):
        raise no_sizes("sizes")

    def values(self) -> Tensor:
        """All elements, (elements,)."""
        return self._v.view_as(self._v)

    def to_padded_tensor(self, padding, output_size=None) -> Tensor:
        """A dense tensor of the parts with `padding` around them: as large as the largest, or `output_size`."""
        n = len(self._sizes)
        largest = [max(sizes) for sizes in zip(*self._sizes)]
        wanted = [n, *largest] if output_size is None else [*output_size]
        if len(wanted) != len(largest) + 1 or any(a < b for a, b in zip(wanted[1:], largest)):
            raise RuntimeError(
                "Value in output_size is less than NestedTensor padded size. Truncation is not supported."
            )
        from ..nn.functional import pad

        rows = []
        for x in parts(self):
            around = [side for have, want in zip(x.shape, wanted[1:]) for side in (want - have, 0)][::-1]
            rows.append(pad(x, around, value=padding))
        return shown("ToPaddedTensorBackward0", cat([row.unsqueeze(0) for row in rows]), self._v)

    def _nested_tensor_size(self) -> Tensor:
        return tensor(self._sizes, dtype=_rustgrad.int64)

    def _nested_tensor_strides(self) -> Tensor:
        return tensor(self._strides, dtype=_rustgrad.int64)

    def _nested_tensor_storage_offsets(self) -> Tensor:
        return tensor(self._starts, dtype=_rustgrad.int64)


def no_sizes(what: str) -> RuntimeError:
    return RuntimeError(
        f"Internal error: NestedTensorImpl doesn't support {what}. Please file an issue.\n"
        "hint: parts have sizes of their own; x.size(d) is there where they agree, [y.shape for y in x.unbind()]"
    )


def made(buffer: Tensor, sizes, strides, starts) -> Nested:
    """A nested tensor of checked parts."""
    dims = len(sizes[0]) if len(sizes) else 0
    x = empty((1,) * (dims + 1), dtype=buffer.dtype, device="meta").as_subclass(Nested)
    x._v, x._sizes, x._strides, x._starts = buffer, sizes, strides, starts
    return x


def row_major(size) -> tuple[int, ...]:
    strides, step = [], 1
    for n in reversed(size):
        strides.append(step)
        step *= max(n, 1)
    return tuple(strides[::-1])


def of_parts(found: Iterable[Tensor], node: str = "", *inputs: Tensor) -> Nested:
    """A nested tensor of parts, copied behind each other; gradients come back to them."""
    found = list(found)
    sizes = [tuple(x.shape) for x in found]
    starts, end = [], 0
    for x in found:
        starts.append(end)
        end += x.numel()
    buffer = cat([x.reshape(-1) for x in found]) if found else empty((0,))
    if node:
        shown(node, buffer, *inputs)
    return made(buffer, sizes, [row_major(size) for size in sizes], starts)


def from_list(tensor_list, dtype, device, gradients: bool) -> Nested:
    """A nested tensor of a list of tensors, or of what `torch.tensor` takes."""
    if not isinstance(tensor_list, (list, tuple)):
        if not isinstance(tensor_list, Tensor):
            raise TypeError("Only lists (List[Tensor] and List[List...[Scalar]]) are accepted in nested_tensor")
        tensor_list = list(tensor_list)
    _warn()
    found = [as_tensor(x) for x in tensor_list]
    for k, x in enumerate(found):
        if x.dim() != found[0].dim():
            raise RuntimeError(
                "All Tensors given to nested_tensor must have the same dimension. Found dimension "
                f"{x.dim()} for Tensor at index {k} and dimension {found[0].dim()} for Tensor at index 0."
            )
    dtype = dtype or (found[0].dtype if found else _rustgrad.get_default_dtype())
    found = [x.to(device=device, dtype=dtype) for x in found]
    if not gradients:
        x = of_parts([y.detach() for y in found])
        return x._like(x._v.clone()) if len(found) == 1 else x
    return of_parts(found, "NestedTensorFromTensorListBackward0", *found)


def parts(x: Nested) -> list[Tensor]:
    """The parts, which share the memory of the buffer."""
    if is_contiguous(x):
        flat = x._v.split([count(size) for size in x._sizes]) if x._sizes else []
        return [y.view(size) for y, size in zip(flat, x._sizes)]
    return [x._v.as_strided(*each) for each in zip(x._sizes, x._strides, x._starts)]


def count(size) -> int:
    product = 1
    for n in size:
        product *= n
    return product


def is_contiguous(x: Nested) -> bool:
    end = 0
    for size, strides, start in zip(x._sizes, x._strides, x._starts):
        if start != end or strides != row_major(size):
            return False
        end += count(size)
    return end == x._v.numel()


def normal_dim(x, dim: int) -> int:
    n = x.dim()
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim % n


op = registering(functions)  # registers a function as what the ops of these names do
