"""`torch.nested`: tensors whose parts, along the batch, are of different sizes.

`nested_tensor(list, layout=torch.jagged)` packs parts that differ along one dim behind each other; functions of one
element, linear layers, norms, attention and sums then work on all parts without padding. The older layout, which is
the default as in PyTorch, holds parts of any sizes and has fewer functions. `unbind()` gives the parts,
`to_padded_tensor(x, 0.0)` a dense tensor.
"""

from typing import Any

from .. import _rustgrad
from .._names import lookup as _lookup
from .._rustgrad import Tensor, int64
from .._rustgrad.torch import arange, as_tensor, cat, tensor
from ..nn._compose import shown
from . import forms, pointwise, products, reductions, strided_ops
from .jagged import NestedTensor, made, with_values

__all__ = [
    "as_nested_tensor",
    "masked_select",
    "narrow",
    "nested_tensor",
    "nested_tensor_from_jagged",
    "to_padded_tensor",
]


def _no_layout(layout) -> RuntimeError:
    return RuntimeError(f"Specified layout is unsupported for nested tensors: {layout}")


def _packed(parts) -> NestedTensor:
    """Parts of the same sizes but in one dim, behind each other. Raises RuntimeError where they are not."""
    if not len(parts):
        raise RuntimeError("Cannot construct a nested tensor from an empty tensor list")
    first = parts[0]
    if any(x.dtype != first.dtype for x in parts):
        raise RuntimeError("When constructing a nested tensor, all tensors in list must have the same dtype")
    if any(x.device != first.device for x in parts):
        raise RuntimeError("When constructing a nested tensor, all tensors in list must be on the same device")
    if any(x.dim() != first.dim() for x in parts):
        raise RuntimeError("When constructing a nested tensor, all tensors in list must have the same dim")
    if first.dim() == 0:
        raise RuntimeError("Cannot construct a nested tensor from a list of zero-dim tensors")
    different = [d for d in range(first.dim()) if any(x.shape[d] != first.shape[d] for x in parts)]
    if len(different) > 1:
        raise RuntimeError(
            "Cannot represent given tensor list as a nested tensor with the jagged layout. Note that the jagged layout "
            "only represents shapes of the form (B, *_0, *_1, ..., *_P, D_0, D_1, ..., D_N), with only one * ragged "
            f"dimension: dims {different} of the parts differ\n"
            f"hint: layout={_rustgrad.strided} holds parts of any sizes"
        )
    at = different[0] if different else 0
    sizes = [x.shape[at] for x in parts]
    offsets = tensor([0, *sizes], dtype=int64, device=first.device).cumsum(0)
    values = cat(list(parts), at)
    return made(shown("NestedViewFromJaggedBackward0", values, *parts), offsets, None, at + 1, max(sizes))


def nested_tensor(
    tensor_list, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
) -> Tensor:
    """A nested tensor with a copy of each part in `tensor_list`, a leaf of the graph.

    tensor_list: tensors, or what `torch.tensor` takes. layout: `torch.jagged`, for parts that differ along one dim,
    or `torch.strided`, the default, for parts of any sizes. Raises RuntimeError for an empty list (jagged), for parts
    of different numbers of dims, and, of layout jagged, for parts that differ along more than one dim.
    """
    if layout not in (None, _rustgrad.strided, _rustgrad.jagged):
        raise _no_layout(layout)
    if layout != _rustgrad.jagged:
        from .strided import from_list

        return from_list(tensor_list, dtype, device, False).requires_grad_(requires_grad)
    if isinstance(tensor_list, Tensor) and not tensor_list.is_nested:
        tensor_list = list(tensor_list)
    if isinstance(tensor_list, NestedTensor):
        tensor_list = tensor_list.unbind()
    parts = []
    for x in tensor_list:
        one = x.detach() if isinstance(x, Tensor) else as_tensor(x)
        parts.append(one.to(device=device, dtype=dtype or one.dtype))
    x = _packed(parts)
    return with_values(x, x._v.detach().clone() if len(parts) == 1 else x._v).requires_grad_(requires_grad)


def as_nested_tensor(ts, dtype=None, device=None, layout=None) -> Tensor:
    """A nested tensor of the tensors `ts`, whose gradients come back to them; a nested one as it is.

    ts: tensors, or one tensor whose first dim is the batch. Raises RuntimeError as `nested_tensor` does, and where a
    nested tensor is of the other layout.
    """
    if not isinstance(ts, (Tensor, list, tuple)):
        raise TypeError("as_nested_tensor(): Expected first argument to be a tensor or a list / tuple of tensors ")
    if isinstance(ts, (list, tuple)) and not all(isinstance(x, Tensor) for x in ts):
        raise TypeError("as_nested_tensor(): Expected first argument to be a tensor or a list / tuple of tensors ")
    if layout not in (None, _rustgrad.strided, _rustgrad.jagged):
        raise _no_layout(layout)
    jagged = layout == _rustgrad.jagged
    if isinstance(ts, Tensor) and ts.is_nested:
        if isinstance(ts, NestedTensor) != jagged:
            raise RuntimeError("as_nested_tensor(): Converting between nested tensor layouts is not supported")
        return ts.to(device=device or ts.device, dtype=dtype or ts.dtype)
    if not jagged:
        from .strided import from_list

        return from_list(list(ts) if isinstance(ts, Tensor) else ts, dtype, device, True)
    if isinstance(ts, Tensor):
        if ts.dim() < 2:
            raise RuntimeError("as_nested_tensor(): Expected tensor argument to have dim() > 1")
        batch, length = ts.shape[:2]
        values = ts.to(device=device, dtype=dtype or ts.dtype).flatten(0, 1)
        offsets = arange(batch + 1, dtype=int64, device=ts.device) * length
        return made(values, offsets, longest=length)
    return _packed([x.to(device=device, dtype=dtype or x.dtype) for x in ts])


def to_padded_tensor(input, padding: float, output_size=None, out=None) -> Tensor:
    """A dense tensor of the parts, each with `padding` behind it up to the longest, or up to `output_size`."""
    if not input.is_nested:
        raise NotImplementedError(
            "Could not run 'aten::to_padded_tensor' with arguments from the 'CPU' backend.\n"
            "hint: the tensor is dense; nn.utils.rnn.pad_sequence pads a list of tensors"
        )
    return input.to_padded_tensor(padding, output_size)


def nested_tensor_from_jagged(
    values, offsets=None, lengths=None, jagged_dim=None, min_seqlen=None, max_seqlen=None
) -> NestedTensor:
    """A nested tensor over `values`, which has the parts behind each other along dim `jagged_dim - 1`.

    offsets: (batch + 1,), where each part begins; lengths: (batch,), how long each is; with both, there may be gaps
    between parts. max_seqlen: how long padding makes the parts, which would else be as many rows as there are in all;
    min_seqlen is not needed. Tensors over the same `offsets` have the same structure. RuntimeError without either.
    """
    if offsets is None:
        if lengths is None:
            raise RuntimeError("nested_tensor_from_jagged(): At least one of offsets or lengths is required.")
        offsets, lengths = cat([lengths.new_zeros(1), lengths.cumsum(0)]), None
    if jagged_dim is None:
        jagged_dim = 1
    if not 1 <= jagged_dim <= values.dim():
        raise ValueError(f"nested_tensor_from_jagged(): jagged_dim must be in [1, {values.dim()}], got {jagged_dim}")
    inner = shown("NestedViewFromJaggedBackward0", values.view_as(values), values)
    return made(inner, offsets, lengths, jagged_dim, max_seqlen)


def narrow(tensor, dim: int, start, length, layout=None) -> Any:
    """Parts of a dense tensor: `length[i]` places of row i along `dim`, from `start[i]` on, over the same memory.

    start, length: (batch,) ints, or one int for all. dim: 1 for layout jagged. Raises RuntimeError for other dims.
    """
    if layout not in (None, _rustgrad.strided, _rustgrad.jagged):
        raise _no_layout(layout)
    if layout != _rustgrad.jagged:
        if not isinstance(start, int) or not isinstance(length, int):
            raise RuntimeError("start and length must be integers when using layout='torch.strided'.")
        return as_nested_tensor(list(tensor)).narrow(dim, start, length)
    if dim != 1:
        raise RuntimeError("jagged layout only supports dim=1")
    batch, row = tensor.shape[:2]
    starts = as_tensor(start, dtype=int64, device=tensor.device)
    lengths = as_tensor(length, dtype=int64, device=tensor.device)
    starts, lengths = starts.expand(batch), lengths.expand(batch)
    first = arange(0, batch, device=tensor.device) * row + starts
    offsets = cat([first, first[-1:] + lengths[-1:]])
    values = tensor.flatten(0, 1)
    if bool((offsets.diff() == lengths).all()):
        return made(values, offsets)
    return made(values, offsets, lengths.contiguous())


def masked_select(tensor, mask) -> NestedTensor:
    """The elements of each row of `tensor` where `mask` is True, one part a row.

    tensor, mask: of one shape after broadcasting, of which the last dim becomes the ragged one. RuntimeError for
    another layout than strided, as in PyTorch.
    """
    if tensor.layout != _rustgrad.strided:
        raise RuntimeError(f"torch.nested.masked_select requires a strided tensor, given {tensor.layout}")
    if mask.layout != _rustgrad.strided:
        raise RuntimeError(f"torch.nested.masked_select requires a strided mask, given: {mask.layout}")
    values = tensor.masked_select(mask)
    rows = mask.expand(tensor.shape) if mask.shape != tensor.shape else mask
    lengths = rows.sum(tuple(range(1, rows.dim())))
    return made(values, cat([lengths.new_zeros(1), lengths.cumsum(0)]))


_missing = _lookup("torch.nested")


def __getattr__(name: str):
    return _missing(name)
