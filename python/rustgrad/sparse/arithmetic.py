"""What ops do with sparse tensors: arithmetic, functions that keep zeros, sums, softmax.

Each function has the arguments of the op that it is named after. Where PyTorch keeps elements of one place apart, so do
these; where a result is more than a sum (a root, a product of two sparse tensors), such elements are added first.
"""

from typing import Any

from .. import _rustgrad
from .._rustgrad import Tensor
from .._rustgrad.torch import cat as _dense_cat
from .coo import Sparse, flat_places, functions, is_number, made, normal_dim, op, over, with_values, without_row
from .forms import common, to_dense

__all__ = ["added", "log_softmax", "mul", "softmax", "sum"]


_KEEP_ZEROS = (
    "abs absolute asin arcsin asinh arcsinh atan arctan atanh arctanh ceil deg2rad erf erfinv expm1 floor frac isinf "
    "isnan isneginf isposinf log1p nan_to_num rad2deg relu round sgn sign signbit sin sinh sqrt square tan tanh trunc "
    "fix angle"
)


def _elementwise(name, linear=False):
    def f(self, *args, **kwargs):
        x = self if linear else self.coalesce()
        return with_values(x, getattr(x._v, name)(*args, **kwargs))

    def in_place(self, *args, **kwargs):
        if not linear and not self._sorted:
            raise RuntimeError(f"{name}_ requires coalesced input")
        getattr(self._v, f"{name}_")(*args, **kwargs)
        return self

    functions[name], functions[f"{name}_"] = f, in_place


_LINEAR = "neg negative positive conj_physical conj resolve_conj resolve_neg"
ELEMENTWISE = frozenset(f"{_KEEP_ZEROS} {_LINEAR}".split())
for _name in ELEMENTWISE:
    _elementwise(_name, linear=_name in _LINEAR.split())


@op("pow")
def _pow(self, exponent):
    if not isinstance(self, Sparse) or not is_number(exponent):
        raise RuntimeError("pow: a sparse tensor takes a number as its exponent")
    if exponent == 0:
        raise RuntimeError("pow: cannot raise to zeroth power on sparse tensor; it would make the result tensor dense")
    x = self.coalesce()
    return with_values(x, x._v.pow(exponent))


def added(self, other, alpha) -> Any:
    if not isinstance(self, Sparse):
        # Written into a copy of the dense one, place by place.
        if not isinstance(self, Tensor):
            raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
        if self.shape != other.shape:
            raise RuntimeError(
                f"add: expected 'self' and 'other' to have same size, but self has size {[*self.shape]} while other "
                f"has size {[*other.shape]} (FYI: dense-sparse addition does not currently support broadcasting)"
            )
        values = other._v * alpha
        if other.sparse_dim() == 0:
            return self + values.sum(0)
        kept = self.to(_rustgrad.promote_types(self.dtype, values.dtype))
        return kept.index_put(tuple(other._i), values.to(kept.dtype), accumulate=True)
    if not isinstance(other, Sparse):
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    if self.shape != other.shape:
        raise RuntimeError(
            f"add: expected sizes of 'self' and 'other' to match, but {[*self.shape]} != {[*other.shape]}"
        )
    if self.sparse_dim() != other.sparse_dim():
        raise RuntimeError(
            "add: expected 'self' and 'other' to have same number of sparse dimensions, but "
            f"{self.sparse_dim()} != {other.sparse_dim()}"
        )
    scaled = other._v * alpha if alpha != 1 else other._v
    if self._i.shape == other._i.shape and self._i.equal(other._i):
        return made(self._i, self._v + scaled, self.shape, self._sorted and other._sorted)
    dtype = _rustgrad.promote_types(self.dtype, scaled.dtype)
    values = _dense_cat([self._v.to(dtype), scaled.to(dtype)])
    both = made(_dense_cat([self._i, other._i], 1), values, self.shape, False)
    return both.coalesce() if self._sorted and other._sorted else both


@op("add")
def _add(self, other, *, alpha=1):
    return added(self, other, alpha)


@op("sub", "subtract")
def _sub(self, other, *, alpha=1):
    return added(self, other, -alpha)


@op("add_")
def _add_(self, other, *, alpha=1):
    y = added(self, other, alpha)
    return over(self, y) if isinstance(self, Sparse) else self.copy_(y)


@op("sub_", "subtract_")
def _sub_(self, other, *, alpha=1):
    return _add_(self, other, alpha=-alpha)


@op("mul", "multiply")
def mul(self, other):
    if not isinstance(self, Sparse):
        self, other = other, self
    if is_number(other):
        return with_values(self, self._v * other)
    if self.shape != other.shape:
        other = other.expand(self.shape) if not isinstance(other, Sparse) else other
        if self.shape != other.shape:
            raise RuntimeError(
                f"mul: sparse tensors have the shapes {[*self.shape]} and {[*other.shape]}, which must be one"
            )
    if not isinstance(other, Sparse):
        return with_values(self, self._v * other[tuple(self._i)])
    if self.sparse_dim() != other.sparse_dim():
        raise RuntimeError("mul: expected sparse tensors with the same number of sparse dimensions")
    other = other.coalesce()
    kept, found = common(self, other)
    values = self._v.index_select(0, kept) * other._v.index_select(0, found)
    return made(self._i.index_select(1, kept), values, self.shape, self._sorted or None)


@op("mul_", "multiply_")
def _mul_(self, other):
    if isinstance(self, Sparse):
        return over(self, mul(self, other))
    return self.copy_(to_dense(mul(self, other)))


def _divided(self, other, rounding_mode):
    if not isinstance(self, Sparse):
        raise _no_divisor(other)
    if not is_number(other):
        raise RuntimeError(
            "Sparse division requires a scalar or zero-dim dense tensor divisor "
            f"(got shape {[*other.shape]} for divisor)"
        )
    x = self if rounding_mode is None else self.coalesce()
    return with_values(x, x._v.div(other, rounding_mode=rounding_mode))


def _no_divisor(other) -> NotImplementedError:
    return NotImplementedError(
        "Could not run 'aten::reciprocal' with arguments from the 'SparseCPU' backend.\n"
        f"hint: the zeros of the divisor of shape {[*other.shape]} would be divided by; x.to_dense() has them"
    )


@op("div", "divide", "true_divide")
def _div(self, other, *, rounding_mode=None):
    return _divided(self, other, rounding_mode)


@op("floor_divide", "floordiv")
def _floor_divide(self, other):
    return _divided(self, other, "floor")


@op("div_", "divide_", "true_divide_")
def _div_(self, other, *, rounding_mode=None):
    return over(self, _divided(self, other, rounding_mode))


@op("sum")
def sum(input, dim=None, keepdim=False, dtype=None):
    """The sum of all elements, or over the dims `dim`: sparse as long as a sparse dim is left, else dense."""
    if not isinstance(input, Sparse):
        return input.sum(dim, keepdim, dtype=dtype)
    x = input if dtype is None else functions["to"](input, dtype)
    if dim is None:
        return x._v.sum()
    dims = sorted({normal_dim(x, d) for d in ([dim] if isinstance(dim, int) else dim)})
    n = x.sparse_dim()
    dense = [d - n + 1 for d in dims if d >= n]
    values = x._v.sum(dense, keepdim=True) if dense else x._v
    gone = [d for d in dims if d < n]
    size = [1 if d in dims else s for d, s in enumerate(x.shape)]
    if len(gone) == n:
        total = values.sum(0).reshape(size)
        return total if keepdim else total.squeeze(dims)
    indices = x._i
    if gone:
        indices = indices.clone()
        indices[gone] = 0
    total = made(indices, values, size, x._sorted and not gone).coalesce()
    if keepdim:
        return total
    kept = [d for d in range(n) if d not in dims]
    left = total._v.squeeze(dense) if dense else total._v
    return made(total._i[kept], left, [s for d, s in enumerate(x.shape) if d not in dims], True)


@op("any")
def _any(self):
    return self._v.any()


@op("norm")
def _norm(self, p=2, dim=None, keepdim=False, dtype=None):
    if dim is not None and dim != [] and dim != ():
        raise NotImplementedError("norm: a sparse tensor has the norm of all its elements only, not along a dim")
    return self.coalesce()._v.norm(p)


def _softmax(input, dim, dtype, log):
    x = (input if dtype is None else functions["to"](input, dtype)).coalesce()
    at, n = normal_dim(x, dim), x.sparse_dim()
    if at >= n:
        f = x._v.log_softmax if log else x._v.softmax
        return with_values(x, f(at - n + 1))
    # Elements that differ in `dim` only are one row.
    row = flat_places(without_row(x._i, at), [s for d, s in enumerate(x.shape[:n]) if d != at])
    row = row.unique(return_inverse=True)[1]
    count = int(row.max()) + 1 if row.numel() else 0
    each = row.reshape(-1, *(1,) * (x._v.ndim - 1)).expand_as(x._v)
    largest = x._v.detach().new_full((count, *x._v.shape[1:]), float("-inf"))
    largest = largest.scatter_reduce(0, each, x._v.detach(), "amax")
    shifted = x._v - largest[row]
    total = shifted.new_zeros(largest.shape).index_add(0, row, shifted.exp())
    return with_values(x, shifted - total.log()[row] if log else shifted.exp() / total[row])


def softmax(input, dim, *, dtype=None):
    """Softmax along `dim` over the elements that are there; what is not there stays zero."""
    return _softmax(input, dim, dtype, False)


def log_softmax(input, dim, *, dtype=None):
    """The logarithm of `softmax`, at the elements that are there."""
    return _softmax(input, dim, dtype, True)
