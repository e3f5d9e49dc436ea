"""What ops do with nested tensors of layout jagged: copies, sizes, order, parts.

Each function has the arguments of the op that it is named after.
"""

from typing import Any

from .._rustgrad import Tensor
from .._rustgrad.torch import cat, stack
from ..nn._compose import shown
from .jagged import (
    NestedTensor,
    check_no_holes,
    contiguous,
    elementwise,
    inner_dim,
    is_ragged,
    joined,
    made,
    normal_dim,
    op,
    padded,
    parts,
    with_values,
)
from .pointwise import aligned
from .sizes import ragged

__all__ = ["to_padded_tensor"]

# ---- copies and attributes


def _moved(func, self, *args, **kwargs):
    """As for values; where they move to another device, so do the offsets."""
    args = tuple(a._v if isinstance(a, NestedTensor) else a for a in args)
    kwargs = {key: a._v if isinstance(a, NestedTensor) else a for key, a in kwargs.items()}
    if not isinstance(self, NestedTensor):
        return func(self, *args, **kwargs)
    values = func(self._v, *args, **kwargs)
    if values is self._v:
        return self
    if values.device == self._offsets.device:
        return with_values(self, values)
    offsets = self._offsets.to(values.device)
    ragged(offsets, self._ragged)
    lengths = None if self._lengths is None else self._lengths.to(values.device)
    return made(values, offsets, lengths, self._ragged_idx)


for _name in "to cpu cuda float double half bfloat16 int long short char byte bool cfloat cdouble type_as".split():
    elementwise[_name] = _moved


@op("type")
def _type(self, dtype=None, non_blocking=False):
    return self._v.type() if dtype is None else with_values(self, self._v.type(dtype))


@op("requires_grad_")
def _requires_grad_(self, requires_grad=True):
    self._v.requires_grad_(requires_grad)
    return self


@op("detach", "detach_copy")
def _detach(self):
    return with_values(self, self._v.detach())


@op("alias", "view_as")
def _view_as(self, other=None):
    if other is not None and self is not other:
        aligned("view_as", self, other)
    return with_values(self, self._v.view_as(self._v))


@op("clone")
def _clone(self, *, memory_format=None):
    return with_values(self, self._v.clone())


@op("contiguous")
def _contiguous(self, memory_format=None):
    if contiguous(self):
        return self
    if self._lengths is not None:
        return joined(parts(self), self)
    return with_values(self, self._v.contiguous())


@op("is_contiguous")
def _is_contiguous(self, memory_format=None):
    return contiguous(self)


@op("copy_")
def _copy_(self, src, non_blocking=False):
    if not isinstance(self, NestedTensor) or not isinstance(src, NestedTensor):
        raise RuntimeError(
            "copy_(): only nested tensors of the same structure are copied into nested ones\n"
            "hint: x.values().copy_(...) writes into all parts"
        )
    if src._ragged.size != self._ragged.size and src._ragged.lengths() == self._ragged.lengths():
        self._v.copy_(src._v)
    else:
        self._v.copy_(aligned("copy_", self, src))
    return self


@op("backward")
def _backward(self, gradient=None, *args, **kwargs):
    self._v.backward(gradient._v if isinstance(gradient, NestedTensor) else gradient, *args, **kwargs)


@op("retain_grad")
def _retain_grad(self):
    self._v.retain_grad()


@op("register_hook")
def _register_hook(self, hook):
    def nested(grad):
        found = hook(with_values(self, grad))
        return found._v if isinstance(found, NestedTensor) else found

    return self._v.register_hook(nested)


@op("numpy", "__array__")
def _numpy(self, *_, **__):
    raise RuntimeError(".numpy() is not supported for tensor subclasses.\nhint: x.values().numpy(), or x.unbind()")


@op("tolist")
def _tolist(self):
    raise RuntimeError(
        ".tolist() is not supported for tensor subclasses, got NestedTensor\nhint: [y.tolist() for y in x.unbind()]"
    )


@op("__bool__")
def _bool(self):
    if self._v.numel() == 1:
        return bool(self._v)
    raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")


@op("item", "__float__", "__int__")
def _item(self):
    if self._v.numel() == 1:
        return self._v.item()
    raise RuntimeError(f"a Tensor with {self._v.numel()} elements cannot be converted to Scalar")


@op("size")
def _size(self, dim=None):
    return self.shape if dim is None else self.shape[normal_dim(self, dim)]


@op("numel", "nelement")
def _numel(self):
    return self._v.numel()


@op("stride")
def _stride(self, dim=None):
    inner = self._v.stride()
    first = inner[self._ragged_idx - 1] * self._ragged.size
    return (first, *inner) if dim is None else (first, *inner)[normal_dim(self, dim)]


@op("storage_offset")
def _storage_offset(self):
    return self._v.storage_offset()


@op("is_same_size")
def _is_same_size(self, other):
    return isinstance(other, NestedTensor) and self.shape == other.shape


@op("equal")
def _equal(self, other):
    if not isinstance(self, NestedTensor) or not isinstance(other, NestedTensor) or self.shape != other.shape:
        return False
    return self._v.equal(other._v)


@op("__len__")
def _len(self):
    return len(self)


@op("new_empty", "new_zeros", "new_ones", "new_full", "new_tensor")
def _new(self, *args, **kwargs):
    raise RuntimeError(
        "new_empty() not supported for NJT with shape != ()\nhint: zeros_like(x), or x.values().new_zeros(...)"
    )


def to_padded_tensor(self, padding, output_size=None):
    """(batch, ..., longest, ...) with `padding` behind shorter parts; `output_size` may ask for more."""
    check_no_holes(self, "to_padded_tensor(): not supported for nested tensors with holes")
    at = self._ragged_idx
    # As in PyTorch, the longest part is known of a tensor that was made of parts, and not of one made of offsets.
    longest = self._v.shape[at - 1] if self._longest is None else self._longest
    dense = padded(self, padding, longest if output_size is None else output_size[at])
    if output_size is not None:
        wanted = tuple(output_size)
        if len(wanted) != dense.dim() or any(a > b for d, (a, b) in enumerate(zip(dense.shape, wanted)) if d != at):
            raise RuntimeError(
                "Value in output_size is less than NestedTensor padded size. Truncation is not supported."
            )
        # As in PyTorch, what is longer than asked for along the ragged dim is cut.
        dense = dense.narrow(at, 0, min(wanted[at], dense.shape[at]))
        if tuple(dense.shape) != wanted:
            full = dense.new_full(wanted, padding)
            full[tuple(slice(0, n) for n in dense.shape)] = dense
            dense = full
    return shown("ToPaddedTensorBackward0", dense, self._v)


# ---- parts


@op("unbind")
def _unbind(self, dim=0):
    if normal_dim(self, dim) != 0:
        raise RuntimeError(f"unbind(): only supported for NestedTensor on dim=0, not on dim={dim}")
    return tuple(shown("UnbindBackwardAutogradNestedTensor0", x, self._v) for x in parts(self))


@op("select")
def _select(self, dim, index):
    if normal_dim(self, dim) == 0:
        if not -len(self) <= index < len(self):
            raise IndexError("tuple index out of range")
        return shown("SelectBackwardAutogradNestedTensor0", parts(self)[index], self._v)
    d = inner_dim(self, dim, "select")
    return with_values(self, self._v.select(d, index), self._ragged_idx - (d + 1 < self._ragged_idx))


@op("__getitem__")
def _getitem(self, index) -> Any:
    items = [*index] if isinstance(index, tuple) else [index]
    if any(isinstance(i, (Tensor, list)) for i in items):
        raise NotImplementedError(
            "aten.index.Tensor\nhint: a nested tensor is indexed by ints, slices and None; unbind() gives the parts"
        )
    if Ellipsis in items:
        at = items.index(Ellipsis)
        missing = self.dim() - sum(i is not None for i in items) + 1
        items[at : at + 1] = [slice(None)] * missing
    if items and isinstance(items[0], int) and not isinstance(items[0], bool):
        first = _select(self, 0, items[0])
        return first[tuple(items[1:])] if len(items) > 1 else first
    x, dim, whole = self, 0, [i for i in items if i != slice(None)]
    if not whole:
        raise RuntimeError("slice(): not supported for NestedTensor on dim=0")
    if items and isinstance(items[0], slice) and items[0] != slice(None):
        raise RuntimeError("slice(): not supported for NestedTensor on dim=0")
    for item in items:
        if item is None:
            x = _unsqueeze(x, dim)
            dim += 1
        elif isinstance(item, slice):
            if item != slice(None):
                d = inner_dim(x, dim, "slice")
                x = with_values(x, x._v[(slice(None),) * d + (item,)])
            dim += 1
        else:
            x = _select(x, dim, item)
    return x


@op("narrow")
def _narrow(self, dim, start, length):
    return with_values(self, self._v.narrow(inner_dim(self, dim, "narrow"), start, length))


@op("slice")
def _slice(self, dim=0, start=None, end=None, step=1):
    return _getitem(self, (slice(None),) * normal_dim(self, dim) + (slice(start, end, step),))


@op("chunk")
def _chunk(self, chunks, dim=0):
    if normal_dim(self, dim) != 0:
        d = inner_dim(self, dim, "chunk")
        return tuple(with_values(self, x) for x in self._v.chunk(chunks, d))
    each = -(-len(self) // chunks)
    found = parts(self)
    made_of = []
    for first in range(0, len(self), each):
        some = self._offsets[first : first + each + 1]
        rows = list(found[first : first + each])
        longest = max(x.shape[self._ragged_idx - 1] for x in rows)
        made_of.append(made(cat(rows, self._ragged_idx - 1), some - some[0], None, self._ragged_idx, longest))
    return tuple(made_of)


@op("split", "split_with_sizes")
def _split(self, split_size, dim=0):
    d = inner_dim(self, dim, "split")
    return tuple(with_values(self, x) for x in self._v.split(split_size, d))


# ---- order and sizes


@op("transpose", "swapaxes", "swapdims")
def _transpose(self, dim0, dim1):
    a, b = normal_dim(self, dim0), normal_dim(self, dim1)
    if a == b:
        return self
    if 0 in (a, b):
        raise ValueError("Transpose is not supported on the batch dimension for jagged NT")
    at = self._ragged_idx
    moved = b if at == a else a if at == b else at
    return with_values(self, self._v.transpose(a - 1, b - 1), moved)


@op("mT")
def _matrix_transpose(self):
    return _transpose(self, -2, -1)


@op("permute")
def _permute(self, *order, dims=()):
    dims = order[0] if len(order) == 1 and not isinstance(order[0], int) else order or dims
    dims = [normal_dim(self, d) for d in dims]
    if sorted(dims) != [*range(self.dim())]:
        raise ValueError(
            f"permute(): number of dimensions in the tensor input ({self.dim()}) does not match the length of {dims}"
        )
    if dims[0] != 0:
        raise ValueError("Permute is not supported on the batch dimension for jagged NT")
    return with_values(self, self._v.permute([d - 1 for d in dims[1:]]), dims.index(self._ragged_idx))


@op("unsqueeze")
def _unsqueeze(self, dim):
    d = normal_dim(self, dim, 1)
    if d == 0:
        raise RuntimeError("unsqueeze(): not supported for NestedTensor on dim=0")
    return with_values(self, self._v.unsqueeze(d - 1), self._ragged_idx + (d <= self._ragged_idx))


@op("squeeze")
def _squeeze(self, dim=None):
    if dim is None:
        raise NotImplementedError("aten.squeeze.default\nhint: say the dim, x.squeeze(dim)")
    x = self
    for one in sorted(normal_dim(self, d) for d in ([dim] if isinstance(dim, int) else dim))[::-1]:
        d = inner_dim(x, one, "squeeze")
        if x._v.shape[d] == 1:
            x = with_values(x, x._v.squeeze(d), x._ragged_idx - (one < x._ragged_idx))
    return x


@op("flatten")
def _flatten(self, start_dim=0, end_dim=-1):
    a, b = normal_dim(self, start_dim), normal_dim(self, end_dim)
    if a == b:
        return self
    if a == 0:
        raise RuntimeError("flatten(): not supported for NestedTensor on dim=0")
    if a <= self._ragged_idx <= b:
        raise RuntimeError("flatten(): not supported for NestedTensor on ragged dim")
    at = self._ragged_idx - (b - a if b < self._ragged_idx else 0)
    return with_values(self, self._v.flatten(a - 1, b - 1), at)


@op("unflatten")
def _unflatten(self, dim, sizes):
    d = normal_dim(self, dim)
    if d in (0, self._ragged_idx):
        raise RuntimeError(
            f"unflatten: Provided sizes {[*sizes]} don't multiply up to the size of dim {d} ({self.shape[d]!r}) in the "
            "input tensor"
        )
    at = self._ragged_idx + (len(sizes) - 1 if d < self._ragged_idx else 0)
    return with_values(self, self._v.unflatten(d - 1, sizes), at)


def _viewed(self, shape, what):
    """The values in `shape`, where one -1 or the symbol stands for the ragged dim; and that dim."""
    refused = RuntimeError(f"view(): cannot view shape {_round(self.shape)} as {[*shape]}")
    if len(shape) < 2 or shape[0] not in (-1, len(self)) or is_ragged(shape[0]):
        raise refused
    inner = [*shape[1:]]
    symbols = [d for d, s in enumerate(inner) if is_ragged(s)]
    if symbols:
        at = symbols[0]
        if len(symbols) > 1 or inner[at] != self._ragged.size:
            raise refused
    elif -1 in inner:
        # As in PyTorch, the first -1 is the ragged dim, where it stands.
        at = inner.index(-1)
    else:
        raise refused
    before = self._v.shape[: self._ragged_idx - 1]
    product = 1
    for size in before:
        product *= size
    for size in inner[:at]:
        product = product // size if size > 0 and product % size == 0 else 0
    if product != 1:
        raise refused
    inner[at] = self._v.shape[self._ragged_idx - 1]
    return inner, at + 1


def _round(shape) -> str:
    return f"({', '.join(map(repr, shape))})"


def _sizes_given(sizes):
    return sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) and not is_ragged(sizes[0]) else sizes


@op("view", "_unsafe_view")
def _view(self, *shape, size=()):
    given = _sizes_given(shape or (size,))
    from .._rustgrad import dtype as dtype_class

    if isinstance(given, (dtype_class,)):
        return with_values(self, self._v.view(given))
    inner, at = _viewed(self, tuple(given), "view")
    return with_values(self, shown("ViewBackwardAutogradNestedTensor0", self._v.view(inner), self._v), at)


@op("reshape")
def _reshape(self, *shape, size=()):
    inner, at = _viewed(self, tuple(_sizes_given(shape or (size,))), "reshape")
    return with_values(self, self._v.reshape(inner), at)


@op("reshape_as")
def _reshape_as(self, other):
    return _reshape(self, other.shape)


@op("expand")
def _expand(self, *sizes, size=()):
    given = tuple(_sizes_given(sizes or (size,)))
    if not isinstance(self, NestedTensor):
        raise NotImplementedError("expand: a dense tensor is expanded to a nested one's structure with expand_as(x)")
    if len(given) != self.dim() or (given[0] not in (-1, len(self))):
        raise RuntimeError(f"expand(): cannot expand shape {_round(self.shape)} to {[*given]}")
    inner = [-1 if d == self._ragged_idx - 1 else s for d, s in enumerate(given[1:])]
    return with_values(self, self._v.expand(inner))


@op("expand_as")
def _expand_as(self, other):
    if isinstance(self, NestedTensor):
        return self if other is self else _expand(self, other.shape)
    values = aligned("expand_as", other, self)
    return with_values(other, values.expand(other._v.shape))


@op("broadcast_tensors")
def _broadcast_tensors(*tensors):
    tensors = tensors[0] if len(tensors) == 1 else tensors
    like = next(x for x in tensors if isinstance(x, NestedTensor))
    return tuple(_expand_as(x, like) for x in tensors)


@op("cat", "concat", "concatenate")
def _cat(tensors, dim=0):
    first = next(x for x in tensors if isinstance(x, NestedTensor))
    d = inner_dim(first, dim, "cat")
    values = []
    for x in tensors:
        if isinstance(x, NestedTensor):
            if x._ragged.size != first._ragged.size or x._ragged_idx != first._ragged_idx:
                raise RuntimeError(
                    f"cat(): nested tensors have the shapes {_round(first.shape)} and {_round(x.shape)}, whose parts "
                    "must be as long"
                )
            values.append(x._v)
        else:
            values.append(aligned("cat", first, x).expand(*first._v.shape[:d], x.shape[dim], *first._v.shape[d + 1 :]))
    return with_values(first, cat(values, d))


@op("stack")
def _stack(tensors, dim=0):
    first = next(x for x in tensors if isinstance(x, NestedTensor))
    d = normal_dim(first, dim, 1)
    if d == 0:
        raise RuntimeError("stack(): not supported for NestedTensor on dim=0")
    values = stack([aligned("stack", first, x) for x in tensors], d - 1)
    return with_values(first, values, first._ragged_idx + (d <= first._ragged_idx))


@op("index_put", "index_put_", "__setitem__")
def _index_put(self, *_, **__):
    raise NotImplementedError("aten.index_put.default\nhint: x.values()[...] = ... writes into all parts")


@op("embedding")
def _embedding(*args, **kwargs):
    """Both orders of the arguments: torch.embedding's (weight, indices), and the functional one's."""
    from ..nn.functional.embedding import embedding

    indices = next(a for a in args if isinstance(a, NestedTensor))
    inner = [a._v if a is indices else a for a in args]
    if args[0] is not indices:
        inner[:2] = inner[1::-1]
    return with_values(indices, embedding(*inner, **kwargs))
