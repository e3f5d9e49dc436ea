"""Moving, joining and picking elements."""

import rustgrad as torch

from ._dtypes import together

__all__ = [
    "broadcast_arrays", "broadcast_to", "concat", "expand_dims", "flip", "moveaxis", "permute_dims", "repeat",
    "reshape", "roll", "squeeze", "stack", "take", "take_along_axis", "tile", "unstack",
]  # fmt: skip


def broadcast_arrays(*arrays):
    """Arrays as views of their common shape, in a list."""
    return list(torch.broadcast_tensors(*arrays)) if arrays else []


def broadcast_to(x, /, shape):
    """`x` as a view of a shape."""
    return torch.broadcast_to(x, shape)


def concat(arrays, /, *, axis=0):
    """Arrays one after the other along a dim; flattened before where `axis` is None."""
    arrays = together(*arrays)
    return torch.cat([x.flatten() for x in arrays]) if axis is None else torch.cat(arrays, axis)


def expand_dims(x, /, axis):
    """`x` with a dim of size 1 more, at `axis` of the result."""
    return torch.unsqueeze(x, axis)


def flip(x, /, *, axis=None):
    """Elements in the opposite order along some dims, or all."""
    return torch.flip(x, _axes(x, axis))


def _axes(x, axis) -> tuple:
    return tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)


def moveaxis(x, source, destination, /):
    """Dims moved to other places."""
    return torch.moveaxis(x, source, destination)


def permute_dims(x, /, axes):
    """Dims in another order."""
    return torch.permute(x, axes)


def repeat(x, repeats, /, *, axis=None):
    """Each element repeated, a number of times or as often as an array says, along a dim or flattened."""
    repeats = repeats.long() if isinstance(repeats, torch.Tensor) else repeats
    return torch.repeat_interleave(x, repeats, dim=axis)


def reshape(x, /, shape, *, copy=None):
    """The elements in another shape; a view with `copy=False`, which raises ValueError where none can be."""
    if copy is False:
        try:
            return x.view(shape)
        except RuntimeError as error:
            raise ValueError(f"reshape: {error}") from None
    return torch.reshape(x.clone() if copy else x, shape)


def roll(x, /, shift, *, axis=None):
    """Elements moved along dims, those that fall off the end come in at the begin; flattened without `axis`."""
    return torch.roll(x, shift) if axis is None else torch.roll(x, shift, axis)


def squeeze(x, /, axis):
    """`x` without some dims. Raises ValueError for a dim of another size than 1."""
    for at in _axes(x, axis):
        if x.shape[at] != 1:
            raise ValueError(f"squeeze: dim {at} has size {x.shape[at]}, not 1")
    return torch.squeeze(x, axis)


def stack(arrays, /, *, axis=0):
    """Arrays of one shape along a new dim."""
    return torch.stack(together(*arrays), axis)


def take(x, indices, /, *, axis=None):
    """The slices at indices of a dim, which a vector may leave out."""
    if axis is None and x.ndim != 1:
        raise ValueError(f"take: axis must be given for an array of {x.ndim} dims")
    return torch.index_select(x, axis or 0, _counted(indices, x.shape[axis or 0]))


def _counted(indices, n):
    """Indices from the begin: negative ones count from the end."""
    return torch.where(indices < 0, indices + n, indices)


def take_along_axis(x, indices, /, *, axis=-1):
    """The elements at indices of a dim, one index for each place of the result."""
    return torch.take_along_dim(x, _counted(indices, x.shape[axis]), axis)


def tile(x, repetitions, /):
    """Copies of the whole array side by side."""
    return torch.tile(x, repetitions)


def unstack(x, /, *, axis=0):
    """The slices of a dim as a tuple."""
    return torch.unbind(x, axis)
