"""Compositions of ops that several files of `nn` share, and that the extension does not have yet.

Each gives PyTorch's numbers and gradients; each goes when an op of its kind comes.
"""

import math

from .._rustgrad import bfloat16, channels_last, channels_last_3d, float16, float32
from .._rustgrad.torch import _show_as, where

__all__ = ["in_float32", "laid_out_like", "norm_except_dim", "scalar_name", "shown", "vector_norm"]


def scalar_name(dtype) -> str:
    """PyTorch's name of a dtype in messages: Long for int64."""
    return dtype._scalar_name


def shown(node, out, *inputs):
    """`out`, whose `grad_fn` a user sees as one node of `inputs` where one kernel of PyTorch's computes it."""
    if out.requires_grad:
        _show_as(node, inputs, out)
    return out


def in_float32(function, *tensors):
    """`function(*tensors)`, computed in float32 and rounded once where they are halves, as PyTorch's kernels do."""
    dtype = tensors[0].dtype
    if dtype not in (float16, bfloat16):
        return function(*tensors)
    return function(*(x if x is None or x.dtype != dtype else x.to(float32) for x in tensors)).to(dtype)


def vector_norm(x, p=2.0, dim=None, keepdim=False):
    """The norm of order `p` over `dim` (all dims if None): linalg.vector_norm. Where it is 0, its gradient is 0.

    Order 0 counts what is not 0, inf and -inf give the largest and the smallest size. Halves are summed in float32.
    Raises RuntimeError for integers, and for an infinite order of no elements.
    """
    if not x.is_floating_point():
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {scalar_name(x.dtype)}\n"
            "hint: convert it first, e.g. x.float()"
        )
    if x.dtype in (float16, bfloat16):
        return vector_norm(x.to(float32), p, dim, keepdim).to(x.dtype)
    p = float(p)
    dims = {} if dim is None else {"dim": dim, "keepdim": keepdim}
    if p == 0:
        return (x != 0).to(x.dtype).sum(**dims)
    if math.isinf(p):
        if x.numel() == 0:
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {p} norm on an empty tensor because the operation does not "
                "have an identity"
            )
        return x.abs().amax(**dims) if p > 0 else x.abs().amin(**dims)
    if p == 1:
        return x.abs().sum(**dims)
    if p == 2:
        total = x.square().sum(**dims)
        zero = total == 0
        return where(zero, total, where(zero, 1.0, total).sqrt())
    size = x.abs()
    if not x.requires_grad:
        return size.pow(p).sum(**dims).pow(1.0 / p)
    # Neither the power of an element that is 0 nor the root of a norm that is 0 passes a gradient on.
    power_of_zero = 0.0 if p > 0 else math.inf
    zero = size == 0
    total = where(zero, power_of_zero, where(zero, 1.0, size).pow(p)).sum(**dims)
    zero = total == power_of_zero
    return where(zero, 0.0, where(zero, 1.0, total).pow(1.0 / p))


def norm_except_dim(v, pow=2.0, dim=0):
    """The norms of order `pow` over all dims but `dim`, which keep their number; over all dims, without them, for -1.

    Raises IndexError for a dim that is not there.
    """
    if dim == -1:
        return vector_norm(v, pow)
    if not -v.ndim <= dim < v.ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-v.ndim}, {v.ndim - 1}], but got {dim})"
        )
    dims = tuple(i for i in range(v.ndim) if i != dim % v.ndim)
    return vector_norm(v, pow, dims, True) if dims else v.abs()


def laid_out_like(out, x):
    """`out` with its channels last in memory where those of `x` are, as PyTorch's kernels write their results.

    Later draws fill memory in order, so that this shows in the numbers of a Dropout behind. PyTorch takes a layout that
    could be both for the usual one.
    """
    if x.ndim not in (4, 5):
        return out
    sizes, strides = x.shape, x.stride()
    order = (1, *range(x.ndim - 1, 1, -1), 0)
    least = 0
    for d in order:
        if not sizes[d] or strides[d] < least or (d == 0 and least == strides[1]) or not strides[1]:
            return out
        least = strides[d] * max(sizes[d], 1)
    return out.contiguous(memory_format=channels_last if x.ndim == 4 else channels_last_3d)
