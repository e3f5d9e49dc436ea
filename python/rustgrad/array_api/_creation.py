"""Making arrays."""

import rustgrad as torch

from .._methods import from_dlpack as _from_dlpack
from .._rustgrad import Tensor

__all__ = [
    "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace", "meshgrid",
    "ones", "ones_like", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip


def arange(start, /, stop=None, step=1, *, dtype=None, device=None):
    """Numbers from `start` on (0 where only one is given), `step` apart, up to `stop` and without it."""
    start, stop = (0, start) if stop is None else (start, stop)
    if dtype is None and any(isinstance(number, float) for number in (start, stop, step)):
        dtype = torch.get_default_dtype()
    stop = stop if (stop - start) * step > 0 else start  # none, where PyTorch refuses bounds in the wrong order
    if dtype in (torch.uint16, torch.uint32, torch.uint64):
        return torch.arange(start, stop, step, dtype=torch.int64, device=device).to(dtype)
    return torch.arange(start, stop, step, dtype=dtype, device=device)


def asarray(obj, /, *, dtype=None, device=None, copy=None):
    """Numbers, nested lists, buffers or arrays as a tensor; a tensor stays part of its graph.

    Raises ValueError with `copy=False` where only a copy would do.
    """
    if isinstance(obj, Tensor):
        out = obj.to(device=obj.device if device is None else device, dtype=obj.dtype if dtype is None else dtype)
        if copy is False and out is not obj:
            raise ValueError("asarray: another dtype or device takes a copy, which copy=False forbids")
        return obj.clone() if copy and out is obj else out
    if copy is False and isinstance(obj, (int, float, complex, list, tuple)):
        raise ValueError("asarray: Python's numbers and sequences are always copied, which copy=False forbids")
    return torch.asarray(obj, dtype=dtype, device=device, copy=copy)


def from_dlpack(x, /, *, device=None, copy=None):
    """A tensor over the memory of an object that speaks DLPack."""
    return _from_dlpack(x, device=device, copy=copy)


def _filled(op, what):
    def fresh(shape, *, dtype=None, device=None):
        return op(_shape(shape), dtype=dtype, device=device)

    fresh.__doc__ = f"A new array of a shape (sizes, or one number): {what}."
    return fresh


def _like(op, what):
    def like(x, /, *, dtype=None, device=None):
        return op(x, dtype=dtype, device=device)

    like.__doc__ = f"A new array of the shape, dtype and device of `x` where not told otherwise: {what}."
    return like


def _shape(shape) -> tuple:
    return (shape,) if isinstance(shape, int) else tuple(shape)


empty, empty_like = _filled(torch.empty, "any numbers"), _like(torch.empty_like, "any numbers")
ones, ones_like = _filled(torch.ones, "ones"), _like(torch.ones_like, "ones")
zeros, zeros_like = _filled(torch.zeros, "zeros"), _like(torch.zeros_like, "zeros")


def eye(n_rows, n_cols=None, /, *, k=0, dtype=None, device=None):
    """A matrix with ones on its diagonal `k`, zeros elsewhere."""
    out = zeros((n_rows, n_rows if n_cols is None else n_cols), dtype=dtype, device=device)
    if -n_rows < k < out.shape[1]:
        out.diagonal(k).fill_(1)
    return out


def full(shape, fill_value, *, dtype=None, device=None):
    """An array of a shape filled with a number, in the default dtype of its kind."""
    return torch.full(_shape(shape), fill_value, dtype=dtype, device=device)


def full_like(x, /, fill_value, *, dtype=None, device=None):
    """An array like `x` filled with a number."""
    return torch.full_like(x, fill_value, dtype=dtype, device=device)


def linspace(start, stop, /, num, *, dtype=None, device=None, endpoint=True):
    """`num` numbers at equal distances from `start` to `stop`, which is left out without `endpoint`."""
    return torch.linspace(start, stop, num + (not endpoint), dtype=dtype, device=device)[:num]


def meshgrid(*arrays, indexing="xy"):
    """Coordinates of a grid, a list with one array for each vector."""
    return list(torch.meshgrid(*arrays, indexing=indexing))


def tril(x, /, *, k=0):
    """Matrices with zeros above their diagonal `k`."""
    return torch.tril(x, k)


def triu(x, /, *, k=0):
    """Matrices with zeros below their diagonal `k`."""
    return torch.triu(x, k)


for _name in __all__:
    globals()[_name].__name__ = globals()[_name].__qualname__ = _name
