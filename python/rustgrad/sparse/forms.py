"""What ops do with sparse tensors: conversions, order, parts.

Each function has the arguments of the op that it is named after.
"""

from .. import _rustgrad
from .._rustgrad import Tensor, _library
from .._rustgrad.torch import arange, searchsorted
from .._rustgrad.torch import cat as _dense_cat
from .coo import Sparse, flat_places, functions, made, normal_dim, op, over, sparse_coo_tensor, with_values, without_row

__all__ = ["common", "joined", "select", "sparse_mask", "to_dense", "to_sparse", "transpose"]


def to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """The elements that are not zero, as a sparse tensor; `sparse_dim` dims are sparse, by default all."""
    if isinstance(sparse_dim, _rustgrad.layout):
        sparse_dim, layout = None, sparse_dim
    if layout in (_rustgrad.sparse_csr, _rustgrad.sparse_csc):
        from .compressed import compressed

        return compressed(to_sparse(self), layout)
    if layout not in (None, _rustgrad.sparse_coo):
        raise NotImplementedError(
            f"to_sparse: rustgrad has no layout {layout}, only {_library()}.sparse_coo, sparse_csr and sparse_csc"
        )
    if isinstance(self, Sparse):
        return self
    dims = self.ndim if sparse_dim is None else sparse_dim
    if not 0 <= dims <= self.ndim:
        raise RuntimeError(
            f"dense_to_sparse: sparse_dim argument must be in [0,{self.ndim}] range, but {sparse_dim} is given"
        )
    if dims == 0 and self.ndim:
        raise RuntimeError("dense_to_sparse: sparse_dim argument must be in >0 when self.dim()>0")
    if self.ndim == 0:
        there = self != 0
        count = int(there)
        return made(there.new_zeros((0, count), dtype=_rustgrad.int64), self.reshape(1)[:count], (), True)
    there = self.detach() != 0
    if dims < self.ndim:
        there = there.flatten(dims).any(dims)
    places = there.nonzero().t()
    return made(places.contiguous(), self[tuple(places)], self.shape, True)


def to_dense(self, dtype=None, *, masked_grad=None):
    """The tensor with its zeros. RuntimeError with a `dtype`, as in PyTorch."""
    if dtype is not None:
        raise RuntimeError("dtype argument is not supported by sparse_to_dense")
    values = self._v.long() if self.dtype == _rustgrad.bool else self._v
    dense = values.new_zeros(self.shape)
    if self.sparse_dim() == 0:
        dense = dense + values.sum(0)
    elif self._nnz():
        dense = dense.index_put(tuple(self._i), values, accumulate=True)
    return dense != 0 if self.dtype == _rustgrad.bool else dense


def common(a: Sparse, b: Sparse) -> tuple[Tensor, Tensor]:
    """The elements of `a` at places that coalesced `b` has, and those of `b`: (n,) each, positions in the values."""
    left, right = (flat_places(x._i, x.shape) for x in (a, b))
    if not right.numel():
        return left[:0], left[:0]
    at = searchsorted(right, left).clamp(max=right.numel() - 1)
    kept = (right[at] == left).nonzero().squeeze(1)
    return kept, at[kept]


def sparse_mask(self, mask):
    """The elements of `self` at the places of the sparse tensor `mask`, of the same sizes."""
    if mask.layout in (_rustgrad.sparse_csr, _rustgrad.sparse_csc):
        from .compressed import masked

        return masked(self, mask)
    if not isinstance(mask, Sparse):
        raise RuntimeError("sparse_mask: expected a mask of layout sparse_coo")
    if self.shape != mask.shape:
        raise RuntimeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {[*self.shape]} but mask has size "
            f"{[*mask.shape]}"
        )
    if isinstance(self, Sparse):
        x = self.coalesce()
        kept, found = common(mask, x)
        values = x._v.new_zeros((mask._nnz(), *x._v.shape[1:])).index_put((kept,), x._v[found])
        return with_values(mask, values)
    return with_values(mask, self[tuple(mask._i)])


@op("is_contiguous")
def _is_contiguous(self, **_):
    return False


@op("clone")
def _clone(self, *, memory_format=None):
    return made(self._i.clone(), self._v.clone(), self.shape, self._sorted)


@op("backward")
def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Also of a dense tensor, where `inputs` has a sparse one."""
    from ..autograd import backward as run

    run(self, gradient, retain_graph, create_graph, inputs=inputs)


@op("detach", "detach_copy")
def _detach(self):
    return with_values(self, self._v.detach())


@op("numpy", "array")
def _numpy(self, *_, **__):
    raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")


@op("requires_grad_")
def _requires_grad_(self, requires_grad=True):
    self._v.requires_grad_(requires_grad)
    return self


def _converted(name):
    def convert(self, *args, **kwargs):
        like = args[0] if args else kwargs.get("other")
        if isinstance(like, Sparse):
            args = (like._v, *args[1:])
        values = getattr(self._v, name)(*args, **kwargs)
        return self if values is self._v else made(self._i.to(values.device), values, self.shape, self._sorted)

    return convert


CONVERSIONS = frozenset(
    "to cpu cuda float double half bfloat16 int long short char byte bool cfloat cdouble pin_memory".split()
)
for _name in CONVERSIONS:
    functions[_name] = _converted(_name)


@op("type")
def _type(self, dtype=None, non_blocking=False):
    if dtype is None:
        return f"{_library()}.sparse.{self._v.type().rpartition('.')[2]}"
    return functions["to"](self, dtype)


@op("zeros_like", "empty_like")
def _zeros_like(input, *, dtype=None, device=None, requires_grad=False, **_):
    x = input._v.new_zeros((0, *input._v.shape[1:]), dtype=dtype, device=device, requires_grad=requires_grad)
    return made(input._i[:, :0].to(x.device), x, input.shape, True)


@op("new_zeros", "new_empty")
def _new_zeros(self, *size, dtype=None, device=None, requires_grad=False, **_):
    size = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
    return sparse_coo_tensor(
        size=size, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad
    )


@op("zero_")
def _zero_(self):
    return over(self, _zeros_like(self))


@op("copy_")
def _copy_(self, src, non_blocking=False):
    if not isinstance(src, Sparse) or not isinstance(self, Sparse):
        raise RuntimeError(
            "copy_() between dense and sparse Tensors is not implemented! Found self type = "
            f"{self.type()} and src type = {src.type()}"
        )
    if self.shape != src.shape:
        raise RuntimeError(
            f"copy_: sparse tensors have the shapes {[*self.shape]} and {[*src.shape]}, which must be one"
        )
    values = src._v.to(self.device, self.dtype, copy=True)
    return over(self, made(src._i.to(self.device, copy=True), values, self.shape, src._sorted))


# ---- order and parts


@op("transpose", "swapaxes", "swapdims")
def transpose(self, dim0, dim1):
    a, b = normal_dim(self, dim0), normal_dim(self, dim1)
    dims = [*range(self.ndim)]
    dims[a], dims[b] = b, a
    if (a < self.sparse_dim()) != (b < self.sparse_dim()):
        raise RuntimeError(
            "sparse transpose: transposed dimensions must be sparse Got sparse_dim: "
            f"{self.sparse_dim()}, d0: {a}, d1: {b}"
        )
    return _permute(self, dims)


@op("permute")
def _permute(self, *order, dims=()):
    dims = order[0] if len(order) == 1 and not isinstance(order[0], int) else order or dims
    dims = [normal_dim(self, d) for d in dims]
    if sorted(dims) != [*range(self.ndim)]:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {self.ndim} is not equal to len(dims) = {len(dims)}"
        )
    n = self.sparse_dim()
    if any(d >= n for d in dims[:n]):
        raise RuntimeError(
            "permute(sparse_coo): transpositions between sparse and dense dimensions are not allowed.Only "
            "transpositions within sparse and dense dimensions are supported."
        )
    values = self._v.permute(0, *(d - n + 1 for d in dims[n:]))
    same = dims[:n] == [*range(n)]
    return made(self._i[dims[:n]], values, [self.shape[d] for d in dims], same and self._sorted)


@op("t", "T", "mT", "adjoint", "H", "mH")
def _t(self):
    if self.sparse_dim() > 2 or self.dense_dim():
        raise RuntimeError(
            "t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got "
            f"{self.sparse_dim()} sparse and {self.dense_dim()} dense dimensions"
        )
    return self if self.ndim < 2 else transpose(self, 0, 1)


@op("unsqueeze")
def _unsqueeze(self, dim):
    at = dim if dim >= 0 else dim + self.ndim + 1
    if not 0 <= at <= self.ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-self.ndim - 1}, {self.ndim}], but got {dim})"
        )
    size = [*self.shape[:at], 1, *self.shape[at:]]
    if at > self.sparse_dim():
        return made(self._i, self._v.unsqueeze(at - self.sparse_dim() + 1), size, self._sorted)
    zeros = self._i.new_zeros((1, self._nnz()))
    return made(_dense_cat([self._i[:at], zeros, self._i[at:]]), self._v, size, self._sorted)


@op("cat", "concat", "concatenate")
def _cat(tensors, dim=0):
    for k, x in enumerate(tensors):
        if not isinstance(x, Sparse):
            raise RuntimeError(f"Concatenating sparse tensors, but a dense tensor was found at position {k}.")
    first = tensors[0]
    at, n = normal_dim(first, dim), first.sparse_dim()
    for k, x in enumerate(tensors):
        if x.sparse_dim() != n or x.dense_dim() != first.dense_dim():
            raise RuntimeError(
                f"All tensors must have the same number of dimensions: tensor {k} has {x.sparse_dim()} sparse and "
                f"{x.dense_dim()} dense ones, tensor 0 {n} and {first.dense_dim()}"
            )
        if any(a != b for d, (a, b) in enumerate(zip(x.shape, first.shape)) if d != at):
            raise RuntimeError(
                f"All tensors must have the same shape: {[*first.shape]} (except in the concatenating dimension)"
            )
    size = [*first.shape]
    size[at] = sum(x.shape[at] for x in tensors)
    indices, values, before = [], [], 0
    for x in tensors:
        i, v = x._i, x._v
        if at < n:
            i = i.clone()
            i[at] += before
        else:
            pads = list(v.shape), list(v.shape)
            pads[0][at - n + 1], pads[1][at - n + 1] = before, size[at] - before - x.shape[at]
            v = _dense_cat([v.new_zeros(pads[0]), v, v.new_zeros(pads[1])], at - n + 1)
        indices.append(i)
        values.append(v)
        before += x.shape[at]
    return made(_dense_cat(indices, 1), _dense_cat(values), size)


@op("stack")
def _stack(tensors, dim=0):
    return _cat([_unsqueeze(x, dim) for x in tensors], dim)


@op("vstack", "row_stack")
def _vstack(tensors):
    return _cat(tensors, 0)


@op("select")
def select(self, dim, index):
    at = normal_dim(self, dim)
    size = self.shape[at]
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for dimension {at} with size {size}")
    index %= size
    rest = [*self.shape[:at], *self.shape[at + 1 :]]
    if at >= self.sparse_dim():
        return made(self._i, self._v.select(at - self.sparse_dim() + 1, index), rest, self._sorted)
    kept = (self._i[at] == index).nonzero().squeeze(1)
    values = self._v.index_select(0, kept)
    if self.sparse_dim() == 1:
        return values.sum(0)
    return made(without_row(self._i, at).index_select(1, kept), values, rest, self._sorted or None)


@op("getitem", "__getitem__")
def _getitem(self, index):
    parts = index if isinstance(index, tuple) else (index,)
    x, dim = self, 0
    for part in parts:
        if isinstance(part, int) and not isinstance(part, bool):
            x = select(x, dim, part) if isinstance(x, Sparse) else x.select(dim, part)
        elif isinstance(part, slice) and part == slice(None):
            dim += 1
        else:
            raise NotImplementedError(
                f"a sparse tensor is indexed by ints and by ':', not by {part!r}\n"
                "hint: index_select, or x.to_dense() first"
            )
    return x


@op("narrow_copy")
def _narrow_copy(self, dim, start, length):
    at, n = normal_dim(self, dim), self.sparse_dim()
    if start < 0 or length < 0 or start + length > self.shape[at]:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({self.shape[at]}).")
    size = [*self.shape[:at], length, *self.shape[at + 1 :]]
    if at >= n:
        return made(self._i, self._v.narrow(at - n + 1, start, length).clone(), size, self._sorted)
    kept = ((self._i[at] >= start) & (self._i[at] < start + length)).nonzero().squeeze(1)
    indices = self._i.index_select(1, kept)
    indices[at] -= start
    return made(indices, self._v.index_select(0, kept), size, self._sorted or None)


def joined(asked: Tensor, keys: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """All pairs of equal numbers below `size`: places in `asked`, in order, and places in `keys`."""
    order = keys.argsort(stable=True)
    counts = keys.bincount(minlength=size)
    starts = counts.cumsum(0) - counts
    times = counts[asked]
    left = arange(asked.numel(), device=asked.device).repeat_interleave(times)
    begin = times.cumsum(0) - times
    within = arange(left.numel(), device=asked.device) - begin[left]
    return left, order[starts[asked][left] + within]


@op("index_select")
def _index_select(self, dim, index):
    at, n = normal_dim(self, dim), self.sparse_dim()
    size = [*self.shape]
    size[at] = index.numel()
    if at >= n:
        return made(self._i, self._v.index_select(at - n + 1, index), size, self._sorted)
    if index.numel() and not (-self.shape[at] <= int(index.min()) and int(index.max()) < self.shape[at]):
        raise IndexError(f"index_select(): index out of range for dim {at} of size {self.shape[at]}")
    asked, found = joined(index % max(self.shape[at], 1), self._i[at], self.shape[at])
    indices = self._i.index_select(1, found)
    indices[at] = asked
    return made(indices, self._v.index_select(0, found), size)
