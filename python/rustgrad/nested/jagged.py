"""Nested tensors of layout `jagged`: parts of different lengths along one dim, packed behind each other.

A nested tensor is a Tensor on `meta`, which has the number of dims and the dtype, with dense ones: values, whose dim
`ragged_dim - 1` holds all parts, and offsets, (batch + 1,), where each begins; where parts leave gaps, also lengths,
(batch,). Every call that has a nested tensor among its arguments comes to `__torch_function__`; what ops do then stands
in the other modules here. Gradients are those of the values.
"""

from collections.abc import Callable
from typing import Any

from .. import _rustgrad
from .._parts import registering
from .._rustgrad import Tensor
from .._rustgrad.torch import arange, cat, empty
from ..nn._compose import shown
from .dispatch import OfLayout
from .sizes import NestedInt, Ragged, ragged, size_of

__all__ = ["NestedTensor", "made", "packed"]

# What an op does with a nested tensor among its arguments, by the op's name; the other modules fill it. Those of
# `elementwise` get the called function as well.
functions: dict[str, Callable[..., Any]] = {}
elementwise: dict[str, Callable[..., Any]] = {}


class NestedTensor(OfLayout):
    """A tensor of layout `jagged`. Made by `nested_tensor`, `as_nested_tensor` and `nested_tensor_from_jagged`."""

    _offsets: Tensor
    _lengths: Tensor | None
    _ragged_idx: int
    # The length that padding makes of parts, where it is known: that of the longest, unless the program says another.
    _longest: int | None

    _functions = functions
    _with_function = elementwise

    @staticmethod
    def _refusal(name: str) -> str:
        return (
            f"aten.{name.strip('_')}.default\nhint: {name} is not there for nested tensors of layout jagged; "
            "x.unbind() are the parts, x.values() has them behind each other"
        )

    def _like(self, values: Tensor) -> "NestedTensor":
        return with_values(self, values)

    def __reduce_ex__(self, _protocol):
        from ._internal.nested_tensor import _rebuild_njt

        state = {
            "values": self._v.detach(),
            "offsets": self._offsets,
            "lengths": self._lengths,
            "_ragged_idx": self._ragged_idx,
            "_metadata_cache": {},
            "requires_grad": self._v.requires_grad,
        }
        return _rebuild_njt, (state,)

    def __repr__(self, *, tensor_contents=None) -> str:
        extra = ""
        if self._v.grad_fn is not None:
            extra = f", grad_fn={self._v.grad_fn}"
        elif self._v.requires_grad:
            extra = ", requires_grad=True"
        sizes = f"({', '.join(map(repr, self.shape))})"
        return f"NestedTensor(size={sizes}, offsets={self._offsets}{extra}, contiguous={contiguous(self)})"

    def __len__(self) -> int:
        return self._offsets.shape[0] - 1

    def __iter__(self):
        return iter(parts(self))

    # ---- attributes

    @property
    def _values(self) -> Tensor:
        return self._v

    @property
    def _ragged(self) -> Ragged:
        return ragged(self._offsets)

    @property
    def shape(self) -> Any:
        at = self._ragged_idx - 1
        inner = self._v.shape
        return size_of((len(self), *inner[:at], self._ragged.size, *inner[at + 1 :]))

    @property
    def layout(self):
        return _rustgrad.jagged

    @property
    def nbytes(self) -> int:
        return self._v.nbytes

    @property
    def _min_seqlen(self) -> int:
        return min(lengths(self))

    @property
    def _max_seqlen(self) -> int:
        if self._longest is None:
            self._longest = max(lengths(self))
        return self._longest

    _get_min_seqlen, _get_max_seqlen = (lambda self: self._min_seqlen), (lambda self: self._max_seqlen)

    # ---- methods of nested tensors, and those that Tensor has in Python, which no op is asked for

    def values(self) -> Tensor:
        """All parts behind each other: the sizes without the batch."""
        return shown("NestedGetValuesBackward0", self._v.view_as(self._v), self._v)

    def offsets(self) -> Tensor:
        """(batch + 1,): where each part begins along the ragged dim of the values, and where the last ends."""
        return self._offsets

    def lengths(self) -> Tensor | None:
        """(batch,): how long each part is, where parts leave gaps; else None."""
        return self._lengths

    def to_padded_tensor(self, padding, output_size=None) -> Tensor:
        """A dense tensor of the parts, each with `padding` behind it up to the longest, or up to `output_size`."""
        from .forms import to_padded_tensor

        return to_padded_tensor(self, padding, output_size)

    def to_dense(self, dtype=None, *, masked_grad=None) -> Tensor:
        return self.to_padded_tensor(0.0)

    def pin_memory(self, device=None) -> Tensor:
        return self


def made(
    values: Tensor, offsets: Tensor, lengths: Tensor | None = None, dim: int = 1, longest: int | None = None
) -> NestedTensor:
    """A nested tensor of checked parts, whose dim `dim` is the ragged one."""
    x = empty((offsets.shape[0] - 1, *values.shape), dtype=values.dtype, device="meta").as_subclass(NestedTensor)
    x._v, x._offsets, x._lengths, x._ragged_idx, x._longest = values, offsets, lengths, dim, longest
    return x


def packed(values, offsets, lengths=None, dim=1, requires_grad=False) -> NestedTensor:
    """A nested tensor of saved parts."""
    return made(values.detach().requires_grad_(requires_grad), offsets, lengths, dim)


def with_values(x: NestedTensor, values: Tensor, dim: int | None = None) -> NestedTensor:
    """A nested tensor whose parts are as long as those of `x`."""
    return made(values, x._offsets, x._lengths, x._ragged_idx if dim is None else dim, x._longest)


# ---- for the modules of what ops do


op = registering(functions)  # registers a function as what the ops of these names do


def lengths(x: NestedTensor) -> list[int]:
    """How long each part is."""
    return x._ragged.lengths() if x._lengths is None else x._lengths.tolist()


def contiguous(x: NestedTensor) -> bool:
    return x._lengths is None and x._v.is_contiguous()


def parts(x: NestedTensor) -> tuple[Tensor, ...]:
    """The parts, which share the memory of the values."""
    at = x._ragged_idx - 1
    bounds = x._ragged.bounds
    if x._lengths is not None:
        return tuple(x._v.narrow(at, start, length) for start, length in zip(bounds, lengths(x)))
    if bounds[0] == 0 and bounds[-1] == x._v.shape[at]:
        return x._v.split(lengths(x), at)
    return tuple(x._v.narrow(at, start, length) for start, length in zip(bounds, lengths(x)))


def owners(x: NestedTensor) -> Tensor:
    """(rows,): the part that each row of the values belongs to."""
    count = arange(len(x), device=x.device)
    return count.repeat_interleave(x._offsets.diff().to(x.device))


def places(x: NestedTensor) -> Tensor:
    """(rows,): the place of each row in its part."""
    offsets = x._offsets.to(x.device)
    return arange(x._v.shape[x._ragged_idx - 1], device=x.device) - offsets[:-1][owners(x)]


def check_no_holes(x: NestedTensor, what: str) -> None:
    if x._lengths is not None:
        raise RuntimeError(f"{what}\nhint: x.contiguous() has no holes")


def padded(x: NestedTensor, value, length: int | None = None) -> Tensor:
    """The dense tensor of all parts, with `value` behind those that are shorter than `length`, the longest."""
    at = x._ragged_idx - 1
    longest = max(lengths(x), default=0)
    rows = x._v.movedim(at, 0)
    full = rows.new_full((len(x), max(longest, length or 0), *rows.shape[1:]), value)
    return full.index_put((owners(x), places(x)), rows).movedim(1, at + 1)


def unpadded(dense: Tensor, like: NestedTensor) -> Tensor:
    """The values of `dense`, (batch, ..., longest, ...), without its padding; parts as long as those of `like`."""
    at = like._ragged_idx
    return dense.movedim(at, 1)[owners(like), places(like)].movedim(0, at - 1)


def joined(dense: list[Tensor] | tuple[Tensor, ...], like: NestedTensor, dim: int | None = None) -> NestedTensor:
    """A nested tensor of parts that are as long as those of `like`, along dim `dim` of the result."""
    dim = like._ragged_idx if dim is None else dim
    if like._lengths is None:
        return made(cat(list(dense), dim - 1), like._offsets, None, dim, like._longest)
    sizes = like._lengths
    offsets = cat([sizes.new_zeros(1), sizes.cumsum(0)])
    return made(cat(list(dense), dim - 1), offsets, None, dim, max(sizes.tolist(), default=0))


def normal_dim(x: Tensor, dim: int, more: int = 0) -> int:
    n = x.dim() + more
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim % n


def inner_dim(x: NestedTensor, dim: int, what: str, ragged_too: bool = False) -> int:
    """The dim of the values that dim `dim` is; RuntimeError for the batch, and for the ragged one unless it may be."""
    d = normal_dim(x, dim)
    if d == 0:
        raise RuntimeError(f"{what}(): not supported for NestedTensor on dim=0")
    if d == x._ragged_idx and not ragged_too:
        raise RuntimeError(f"{what}(): not supported for NestedTensor on ragged dim")
    return d - 1


def is_ragged(size) -> bool:
    return isinstance(size, NestedInt)
