"""Functions of tensors that PyTorch writes in Python too, over the extension's ops: tensordot and einsum."""

from collections.abc import Sequence
from math import prod

from . import _rustgrad as _ext
from ._rustgrad.torch import add as _add
from ._rustgrad.torch import einsum as _einsum

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _term(labels) -> str:
    """A list of subscripts, numbers from 0 to 51 or `...`, as letters."""
    out = []
    for label in labels:
        if label is Ellipsis:
            out.append("...")
        elif 0 <= (at := int(label)) < len(_LETTERS):
            out.append(_LETTERS[at])
        else:
            raise ValueError(
                "each subscript in subscripts list must be Ellipsis or an integer within the range [0, 52)"
            )
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
    if isinstance(dims, Sequence):
        first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
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
            a = a.sum(i, True)
        elif m != n and m == 1:
            b = b.sum(j, True)
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
