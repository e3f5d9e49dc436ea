"""What ops do with nested tensors of layout strided. Each function has the arguments of the op of its name."""

from .._rustgrad import Tensor
from .._rustgrad.torch import cat
from ..nn._compose import shown
from .dispatch import op_name
from .strided import (
    Nested,
    count,
    is_contiguous,
    made,
    no_sizes,
    normal_dim,
    of_parts,
    op,
    parts,
    row_major,
    with_function,
)

__all__ = ["attention"]

_ELEMENTWISE = (
    "abs absolute neg negative sgn relu gelu silu tanh sin cos sqrt logical_not isinf isnan isposinf isneginf log exp "
    "sigmoid square dropout masked_fill zeros_like ones_like empty_like full_like rand_like randn_like fill_ zero_ "
    "normal_ uniform_ hardswish"
)
_BINARY = "add sub mul div eq gt ge lt le ne __eq__ __ne__ __lt__ __gt__ __le__ __ge__ divide multiply subtract"


def _on_buffer(func, self, *args, **kwargs):
    y = func(self._v, *args, **kwargs)
    return self if y is self._v else self._like(y)


def _binary(func, self, other, *args, **kwargs):
    name = op_name(func)
    if isinstance(self, Nested) and isinstance(other, Nested):
        if self._sizes != other._sizes:
            raise RuntimeError(
                f"{name} does not support broadcasting when given a NestedTensor\n"
                f"hint: the parts have the sizes {self._sizes} and {other._sizes}"
            )
        if self._strides == other._strides and self._starts == other._starts:
            return _result(self, func(self._v, other._v, *args, **kwargs))
        return of_parts([func(a, b, *args, **kwargs) for a, b in zip(parts(self), parts(other))])
    if isinstance(self, Nested) and (not isinstance(other, Tensor) or other.dim() == 0):
        return _result(self, func(self._v, other, *args, **kwargs))
    if isinstance(self, Nested) and isinstance(other, Tensor) and name.strip("_") in ("add", "mul"):
        # PyTorch's two cases: (batch, 1, size) beside 3-d parts' (batch, ragged, size), each row to its part.
        if other.dim() == self.dim() == 3 and other.shape[:2] == (len(self._sizes), 1):
            rows = [func(a, b, *args, **kwargs) for a, b in zip(parts(self), other)]
            return of_parts(rows)
    raise RuntimeError(
        f"Expected both self and other to be nested, but got a {'' if isinstance(self, Nested) else 'non-'}nested self "
        f"and {'' if isinstance(other, Nested) else 'non-'}nested other\n"
        "hint: layout=torch.jagged has arithmetic with dense tensors that broadcast"
    )


def _result(self, y):
    return self if y is self._v else self._like(y)


for _name in _ELEMENTWISE.split():
    with_function[_name] = with_function[f"{_name}_"] = _on_buffer
for _name in _BINARY.split():
    with_function[_name] = with_function[f"{_name}_"] = _binary
for _name in "to cpu cuda float double half bfloat16 int long short char byte bool detach clone requires_grad_".split():
    with_function[_name] = _on_buffer


@op("type")
def _type(self, dtype=None, non_blocking=False):
    return self._v.type() if dtype is None else self._like(self._v.type(dtype))


@op("backward")
def _backward(self, gradient=None, *args, **kwargs):
    self._v.backward(gradient._v if isinstance(gradient, Nested) else gradient, *args, **kwargs)


@op("copy_")
def _copy_(self, src, non_blocking=False):
    if not isinstance(src, Nested) or not isinstance(self, Nested) or src._sizes != self._sizes:
        raise RuntimeError("copy_ only supports tensors that are the same size for Nested implementations")
    for a, b in zip(parts(self), parts(src)):
        a.copy_(b)
    return self


@op("size")
def _size(self, dim=None):
    if dim is None:
        raise no_sizes("sizes")
    d = normal_dim(self, dim)
    if d == 0:
        return len(self._sizes)
    found = {size[d - 1] for size in self._sizes}
    if len(found) != 1:
        raise RuntimeError(f"Given dimension {d} is irregular and does not have a size.")
    return found.pop()


@op("stride")
def _stride(self, dim=None):
    raise no_sizes("strides")


@op("__len__")
def _len(self):
    raise no_sizes("sizes")


@op("numel", "nelement")
def _numel(self):
    return sum(map(count, self._sizes))


@op("is_contiguous")
def _is_contiguous(self, memory_format=None):
    return is_contiguous(self)


@op("contiguous")
def _contiguous(self, memory_format=None):
    return self if is_contiguous(self) else of_parts(parts(self))


@op("is_same_size")
def _is_same_size(self, other):
    return isinstance(other, Nested) and self._sizes == other._sizes


@op("numpy", "__array__", "tolist")
def _tolist(self, *_, **__):
    raise no_sizes("strides")


@op("item")
def _item(self):
    if self._v.numel() == 1:
        return self._v.item()
    raise RuntimeError(f"a Tensor with {self._v.numel()} elements cannot be converted to Scalar")


@op("unbind")
def _unbind(self, dim=0):
    if normal_dim(self, dim) != 0:
        raise RuntimeError(f"NestedTensor can only be unbound along dimension 0 got dimension {dim} instead.")
    return tuple(shown("UnbindBackwardAutogradNestedTensor0", x, self._v) for x in parts(self))


def _without(rows, d) -> list[tuple[int, ...]]:
    return [row[:d] + row[d + 1 :] for row in rows]


@op("select")
def _select(self, dim, index):
    d = normal_dim(self, dim)
    if d == 0:
        n = len(self._sizes)
        if not -n <= index < n:
            raise IndexError(f"index {index} is out of bounds for dimension 0 with size {n}")
        return shown("SelectBackwardAutogradNestedTensor0", parts(self)[index], self._v)
    for size in self._sizes:
        if not -size[d - 1] <= index < size[d - 1]:
            raise IndexError(f"index {index} is out of bounds for dimension {d} with size {size[d - 1]}")
    starts = [
        start + index % size[d - 1] * step[d - 1] for size, step, start in zip(self._sizes, self._strides, self._starts)
    ]
    return made(self._v, _without(self._sizes, d - 1), _without(self._strides, d - 1), starts)


@op("__getitem__")
def _getitem(self, index):
    items = [*index] if isinstance(index, tuple) else [index]
    if Ellipsis in items:
        at = items.index(Ellipsis)
        items[at : at + 1] = [slice(None)] * (self.dim() - len(items) + 1)
    if items and isinstance(items[0], int):
        first = _select(self, 0, items[0])
        return first[tuple(items[1:])] if len(items) > 1 else first
    x, dim = self, 0
    for item in items:
        if isinstance(item, int):
            x = _select(x, dim, item)
        elif item == slice(None):
            dim += 1
        else:
            raise NotImplementedError(
                "Could not run 'aten::slice.Tensor' with arguments from the 'NestedTensorCPU' backend.\n"
                "hint: a nested tensor of layout strided is indexed by ints; unbind() gives the parts"
            )
    return x


@op("narrow")
def _narrow(self, dim, start, length):
    if normal_dim(self, dim) != 0:
        raise RuntimeError(f"narrow(): only dim=0 supported for nested tensors, but got: {dim}")
    some = slice(start, start + length)
    return made(self._v, self._sizes[some], self._strides[some], self._starts[some])


@op("transpose", "swapaxes", "swapdims")
def _transpose(self, dim0, dim1):
    a, b = normal_dim(self, dim0), normal_dim(self, dim1)
    if a == b:
        return self
    if 0 in (a, b):
        raise RuntimeError("Nested tensor dimension 0 cannot be transposed")

    def swapped(rows):
        rows = [[*row] for row in rows]
        for row in rows:
            row[a - 1], row[b - 1] = row[b - 1], row[a - 1]
        return [tuple(row) for row in rows]

    return made(self._v, swapped(self._sizes), swapped(self._strides), self._starts)


def _shape_of_part(given, size, what):
    """The sizes of a part that has `size`: -1 keeps a dim, and one more -1 or a size beyond that is computed."""
    inner = [*given[1:]]
    for d, n in enumerate(inner):
        if n == -1 and d < len(size):
            inner[d] = size[d]
    return inner


def _given(shape, size):
    sizes = shape or (size,)
    return tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes


@op("view", "reshape")
def _reshape(self, *shape, size=()):
    given = _given(shape, size)
    if not given or given[0] not in (len(self._sizes),):
        raise RuntimeError("reshape: For now nested reshape cannot change or infer the implicit batch dimension")
    return of_parts([x.reshape(_shape_of_part(given, x.shape, "reshape")) for x in parts(self)])


@op("unflatten")
def _unflatten(self, dim, sizes):
    d = normal_dim(self, dim)
    return of_parts([x.unflatten(d - 1, sizes) for x in parts(self)])


@op("flatten")
def _flatten(self, start_dim=0, end_dim=-1):
    a, b = normal_dim(self, start_dim), normal_dim(self, end_dim)
    if a == 0:
        raise no_sizes("sizes")
    return of_parts([x.flatten(a - 1, b - 1) for x in parts(self)])


@op("unsqueeze")
def _unsqueeze(self, dim):
    d = dim if dim >= 0 else dim + self.dim() + 1
    if d == 0:
        raise RuntimeError("unsqueeze(): For nested tensors, unsqueezing dimension 0 is not supported at the moment")
    return of_parts([x.unsqueeze(d - 1) for x in parts(self)])


@op("squeeze")
def _squeeze(self, dim=None):
    if dim is None:
        raise RuntimeError("squeeze(): For nested tensors, squeezing without the dim argument is not supported")
    d = normal_dim(self, dim)
    if d == 0:
        raise RuntimeError(
            "squeeze(): For nested tensors, squeezing dimension 0 is not supported at the moment if you need this "
            "feature, please open an issue on github describing your use case."
        )
    return of_parts([x.squeeze(d - 1) for x in parts(self)])


@op("chunk")
def _chunk(self, chunks, dim=0):
    d = normal_dim(self, dim)
    if d != self.dim() - 1:
        raise RuntimeError("Chunk for nested tensors is currently only supported for the last dimension.")
    last = _size(self, d)
    each = -(-last // chunks)
    found = []
    for first in range(0, last, each):
        sizes = [(*size[:-1], min(each, last - first)) for size in self._sizes]
        starts = [start + first * steps[-1] for start, steps in zip(self._starts, self._strides)]
        found.append(made(self._v, sizes, self._strides, starts))
    return tuple(found)


@op("cat", "concat", "concatenate")
def _cat(tensors, dim=0):
    if not all(isinstance(x, Nested) for x in tensors):
        raise RuntimeError("cat(): expected each tensor in given list to be nested.")
    d = normal_dim(tensors[0], dim)
    if d == 0:
        return of_parts([y for x in tensors for y in parts(x)])
    return of_parts([cat(list(some), d - 1) for some in zip(*map(parts, tensors))])


@op("sum")
def _sum(self, dim=None, keepdim=False, *, dtype=None):
    if dim is None:
        raise NotImplementedError(
            "Could not run 'aten::sum' with arguments from the 'NestedTensorCPU' backend.\nhint: x.values().sum()"
        )
    dims = [dim] if isinstance(dim, int) else [*dim]
    if len(dims) != 1 or normal_dim(self, dims[0]) != self.dim() - 1:
        raise RuntimeError(
            f"NestedTensor can only be reduced across the last dimension for now got dimension {dims[0]} instead."
        )
    if not keepdim:
        raise RuntimeError("NestedTensor always requires keepdim=True for now.")
    return of_parts([x.sum(-1, keepdim=True, dtype=dtype) for x in parts(self)])


def _softmax(func, input, dim, *args, **kwargs):
    d = normal_dim(input, dim)
    if d == 0:
        raise RuntimeError("Cannot apply softmax across nested dimension 0")
    return of_parts([func(x, d - 1, *args, **kwargs) for x in parts(input)], "SoftmaxBackward0", input._v)


with_function["softmax"] = _softmax


def _linear(func, input, weight, bias=None):
    last = input._sizes[0][-1]
    rows = _contiguous(input)._v.view(-1, last)
    if input.dim() != 3 or any(size[-1] != last for size in input._sizes):
        raise RuntimeError(f"linear: a nested input must have parts of 2 dims with one last size, got {input._sizes}")
    y = func(rows, weight, bias).reshape(-1)
    shown("LinearBackward0", y, input._v, weight, *(() if bias is None else (bias,)))
    width = weight.shape[0]
    sizes = [(*size[:-1], width) for size in input._sizes]
    starts = [start // max(last, 1) * width for start in _contiguous(input)._starts]
    return made(y, sizes, [row_major(size) for size in sizes], starts)


with_function["linear"] = _linear


def _layer_norm(func, input, normalized_shape, weight=None, bias=None, *args, **kwargs):
    if weight is None or bias is None:
        raise ValueError("NestedTensor layer_norm requires weight and bias\nhint: layout=torch.jagged needs none")
    x = _contiguous(input)
    y = func(x._v.view(-1, *normalized_shape), normalized_shape, weight, bias, *args, **kwargs)
    return x._like(y.reshape(-1))


with_function["layer_norm"] = _layer_norm


@op("bmm", "matmul", "__matmul__")
def _matmul(self, other):
    if not isinstance(self, Nested) or not isinstance(other, Nested):
        if isinstance(self, Nested) and other.dim() == self.dim() == 3:
            return of_parts([a @ b for a, b in zip(parts(self), other)], "BmmBackward0", self._v, other)
        kinds = ["nested" if isinstance(x, Nested) else "non-nested" for x in (self, other)]
        raise RuntimeError(f"Expected both to be nested, but got a {kinds[0]} self and {kinds[1]} other")
    return of_parts([a @ b for a, b in zip(parts(self), parts(other))], "BmmBackward0", self._v, other._v)


@op("embedding")
def _embedding(*args, **kwargs):
    from ..nn.functional.embedding import embedding

    indices = next(a for a in args if isinstance(a, Nested))
    rest = [a for a in args if a is not indices]
    return of_parts([embedding(x, *rest, **kwargs) for x in parts(indices)])


@op("scaled_dot_product_attention")
def attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    """`scaled_dot_product_attention` of nested tensors of (heads, length, size) parts."""
    from .products import attended, check

    check(query, key, value, attn_mask)

    if is_causal:
        raise RuntimeError(
            "_scaled_dot_product_attention: Nested tensors for query / key are not supported when is_causal=True"
        )
    return of_parts(attended(parts(query), parts(key), parts(value), dropout_p, False, scale, False))
