"""Functions of tensors that PyTorch writes in Python too, over the extension's ops: tensordot and einsum."""

from math import prod

from . import _rustgrad as _ext
from ._rustgrad.torch import add as _add
from ._rustgrad.torch import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    block_diag,
    broadcast_tensors,
    cartesian_prod,
    cdist,
    chain_matmul,
    istft,
    lu,
    meshgrid,
    norm,
    split,
    stft,
    unique,
    unique_consecutive,
)
from ._rustgrad.torch import einsum as _einsum

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "block_diag",
    "broadcast_tensors",
    "cartesian_prod",
    "cdist",
    "chain_matmul",
    "einsum",
    "histogramdd",
    "istft",
    "lu",
    "meshgrid",
    "norm",
    "split",
    "stft",
    "tensordot",
    "unique",
    "unique_consecutive",
    "unravel_index",
]
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _term(labels) -> str:
    """A list of subscripts, numbers from 0 to 51 or `...`, as letters."""
    out = []
    for label in labels:
        if label is Ellipsis:
            out.append("...")
        elif label >= 0 and (at := int(label)) < len(_LETTERS):
            out.append(_LETTERS[at])
        else:
            raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
    return "".join(out)


def einsum(*args) -> "_ext.Tensor":
    """Sums of products by Einstein's notation: `einsum(equation, *operands)`.

    As in PyTorch, operands may also stand beside lists of subscripts, with the result's last:
    `einsum(a, [0, 1], b, [1, 2], [0, 2])`. See `einsum` of the extension for equations.

    Raises ValueError without operands or for a subscript outside [0, 52), RuntimeError for what does not fit.
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if isinstance(args[0], str):
        return _einsum(*args)
    equation = ",".join(_term(labels) for labels in args[1::2])
    if len(args) % 2:
        equation += "->" + _term(args[-1])
        args = args[:-1]
    return _einsum(equation, *args[::2])


def tensordot(a: "_ext.Tensor", b: "_ext.Tensor", dims=2, out: "_ext.Tensor | None" = None) -> "_ext.Tensor":
    """Sums of products of two tensors over pairs of dims.

    `dims`: how many of the last dims of `a` meet the first ones of `b`; or two lists of dims; or a tensor of either.
    The result has the other dims of `a`, then those of `b`. A dim of size 1 meets any size.

    Raises RuntimeError where the dims of a pair differ, or lists have different lengths.
    """
    if isinstance(dims, _ext.Tensor):
        dims = int(dims) if dims.numel() == 1 else dims.tolist()
    if isinstance(dims, (tuple, list)):
        first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
    elif not isinstance(dims, int):
        raise RuntimeError(
            "tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]] containing two lists, "
            f"but got dims={dims}"
        )
    else:
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        first, second = list(range(-dims, 0)), list(range(dims))
    if len(first) != len(second):
        raise RuntimeError("both dimension lists should have same length")
    if a.dtype != b.dtype:
        raise RuntimeError("both inputs should have same dtype")
    for i, j in zip(first, second):
        m, n = a.size(i), b.size(j)
        if m != n and n == 1:
            a = a.sum(i, True, dtype=a.dtype)
        elif m != n and m == 1:
            b = b.sum(j, True, dtype=b.dtype)
        elif m != n:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {m} in dim {i} and second has size {n} in "
                f"dim {j}"
            )
    first, second = [i % max(a.dim(), 1) for i in first], [j % max(b.dim(), 1) for j in second]
    free_a, free_b = ([d for d in range(t.dim()) if d not in s] for t, s in ((a, first), (b, second)))
    shape = [a.size(d) for d in free_a] + [b.size(d) for d in free_b]
    inner = prod(a.size(i) for i in first)
    left = a.permute(free_a + first).reshape(prod(a.size(d) for d in free_a), inner)
    right = b.permute(second + free_b).reshape(inner, prod(b.size(d) for d in free_b))
    y = left.mm(right).reshape(shape)
    return y if out is None else _add(y, 0, out=out)


def unravel_index(indices: "_ext.Tensor", shape) -> tuple:
    """The coordinates, one tensor a dim of `shape`, of places in a tensor of that shape counted in C order.

    indices: integers of any shape. Raises TypeError for other dtypes and for sizes that are no ints, ValueError for
    negative sizes.
    """
    kind = indices.dtype
    if kind.is_floating_point or kind.is_complex or kind == _ext.bool:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {kind}")
    if isinstance(shape, _ext.Tensor):
        shape = shape.tolist()
    if not isinstance(shape, (int, tuple, list, range)):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    for n in sizes:
        if not isinstance(n, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(n)}")
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    indices = indices.to(_ext.int64)
    steps = [prod(sizes[d + 1 :]) for d in range(len(sizes))]
    return tuple((indices // step if step else indices) % n if n else indices for n, step in zip(sizes, steps))


def histogramdd(input, bins, *, range=None, weight=None, density=False):
    """How many rows of `input`, or the sum of their `weight`, lie in each box of a grid; and the edges of the grid.

    input: float, (..., N); the leading dims are flattened. bins: the number of parts of each of the N dims, or one
    number for all,
    or a list of N vectors of edges. range: 2 N numbers, the ends of the dims where `bins` are numbers. weight:
    input.shape[:-1].

    Raises RuntimeError where sizes or dtypes do not fit.
    """
    from ._rustgrad.torch import bincount, linspace, searchsorted
    from .return_types import histogramdd as result

    name = f"{_ext._library()}.histogramdd"
    if input.dim() < 2:
        raise RuntimeError(f"{name}: input tensor should have at least 2 dimensions")
    n = input.size(-1)
    if weight is not None:
        if weight.shape != input.shape[:-1]:
            raise RuntimeError(
                f"{name}: if weight tensor is provided it should have the same shape as the input tensor excluding its "
                f"innermost dimension, but got input with shape {list(input.shape)} and weight with shape "
                f"{list(weight.shape)}"
            )
        if weight.dtype != input.dtype:
            raise RuntimeError(
                f"{name}: if weight tensor is provided, input tensor and weight tensor should have the same dtype"
            )
    rows = input.detach().reshape(input.shape[:-1].numel(), n)
    if isinstance(bins, int):
        bins = [bins] * n
    if len(bins) != n:
        raise RuntimeError("histogramdd: The size of bins must be equal to the innermost dimension of the input.")
    if n == 0:
        return result((input.new_zeros(()), ()))
    if isinstance(bins[0], _ext.Tensor):
        edges = list(bins)
        for d, edge in enumerate(edges):
            if edge.dtype != input.dtype:
                raise RuntimeError(
                    f"{name}: input tensor and bins tensors should have the same dtype, but got input with dtype "
                    f"{input.dtype._c_words} and bins for dimension {d} with dtype {edge.dtype._c_words}"
                )
            if edge.ndim != 1:
                raise RuntimeError(
                    f"{name}: bins tensor should have one dimension, but got {edge.ndim} dimensions in the bins tensor "
                    f"for dimension {d}"
                )
            if not edge.numel():
                raise RuntimeError(
                    f"{name}: bins tensor should have at least 1 element, but got 0 elements in the bins tensor for "
                    f"dimension {d}"
                )
            if edge.numel() == 1:
                raise RuntimeError(f"{_ext._library()}.histogram(): bins must be > 0, but got 0 for dimension {d}")
    else:
        if not input.is_floating_point():
            raise NotImplementedError(f"\"histogramdd\" not implemented for '{input.dtype._scalar_name}'")
        if range is not None and len(range) != 2 * n:
            raise RuntimeError(
                f"{name}: for a {n}-dimensional histogram range should have {2 * n} elements, but got {len(range)}"
            )
        edges = []
        for d, count in enumerate(bins):
            if count <= 0:
                raise RuntimeError(
                    f"{_ext._library()}.histogram(): bins must be > 0, but got {count} for dimension {d}"
                )
            if range is not None:
                low, high = range[2 * d], range[2 * d + 1]
            elif rows.size(0):
                low, high = rows[:, d].min().item(), rows[:, d].max().item()
            else:
                low, high = 0.0, 1.0
            if not (abs(low) < float("inf") and abs(high) < float("inf")):
                raise RuntimeError(f"{name}: dimension {d}'s range [{low:g}, {high:g}] is not finite")
            if low > high:
                ends = f"min {low:g} max {high:g}"
                raise RuntimeError(f"{name}: min should not exceed max, but got {ends} for dimension {d}")
            if low == high:
                low, high = low - 0.5, high + 0.5
            edges.append(linspace(low, high, count + 1, dtype=input.dtype, device=input.device))
    counts = [edge.numel() - 1 for edge in edges]
    places = rows.new_zeros((rows.shape[0],), dtype=_ext.int64)
    inside = rows.new_ones((rows.shape[0],), dtype=_ext.bool)
    for d, edge in enumerate(edges):
        x = rows[:, d].contiguous()
        inside = (x >= edge[0]) & (x <= edge[-1]) & inside
        # The last part has its end.
        places = places * counts[d] + (searchsorted(edge, x, right=True) - 1).clamp(0, counts[d] - 1)
    weights = None if weight is None else weight.detach().reshape(-1)[inside]
    hist = bincount(places[inside], weights, prod(counts)).to(input.dtype).reshape(counts)
    if density:
        hist = hist / hist.sum()
        for d, edge in enumerate(edges):
            hist = hist / edge.diff().reshape([-1 if k == d else 1 for k, _ in enumerate(counts)])
    return result((hist, tuple(edges)))
