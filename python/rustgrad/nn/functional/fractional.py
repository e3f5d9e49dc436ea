"""Maxima over windows at places that are drawn, whose sizes are no whole part of the input's. Graham 2014."""

from typing import Any

from ..._rustgrad import int64
from ..._rustgrad.torch import _tied, arange, rand, where
from ...overrides import overridable
from .._compose import scalar_name, shown

__all__ = [
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
]

_AXES = {2: ("height", "width"), 3: ("time", "height", "width")}


def _sizes(function, name, value, dims) -> list[int]:
    values = [value] * dims if isinstance(value, int) else [int(n) for n in value]
    if len(values) == 1:
        values = values * dims
    if len(values) != dims:
        of = "Ints" if dims == 2 else "three Ints"
        raise RuntimeError(f"{function}: {name} must either be a single Int or tuple of {of}")
    return values


def _starts(samples, size, count, kernel):
    """Where windows begin: in equal steps from a place that was drawn, rounded down; the last one ends the input."""
    index = arange(count, device=samples.device)
    step = (size - kernel) / max(count - 1, 1)
    places = ((index.to(samples.dtype) + samples) * step).to(int64) - (samples * step).to(int64)
    return where(index == count - 1, size - kernel, places)


def _fractional(input, kernel_size, output_size, output_ratio, samples, dims):
    function = f"fractional_max_pool{dims}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{function} requires specifying either an output_size or an output_ratio")
    if input.ndim < dims + 1:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-input.ndim}, {input.ndim - 1}], but got "
            f"{-dims - 1})"
        )
    if output_size is None:
        if dims == 2 and len(output_ratio) > 2:
            raise ValueError("fractional_max_pool2d requires output_ratio to either be a single Int or tuple of Ints.")
        output_size = [int(input.shape[input.ndim - dims + d] * output_ratio[d]) for d in range(dims)]
    channels = input.shape[input.ndim - dims - 1]
    if samples is None:
        if not input.is_floating_point():
            name = scalar_name(input.dtype)
            raise NotImplementedError(f"\"check_uniform_bounds\" not implemented for '{name}'")
        batch = 1 if input.ndim == dims + 1 else input.shape[0]
        samples = rand(batch, channels, dims, dtype=input.dtype, device=input.device)
    kernel = _sizes(function, "kernel_size", kernel_size, dims)
    counts = _sizes(function, "output_size", output_size, dims)
    if input.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(f"{function}(): Expected {dims + 1}D or {dims + 2}D tensor, but got: {list(input.shape)}")
    for dim in range(input.ndim - dims - 1, input.ndim):
        if input.shape[dim] == 0:
            raise RuntimeError(
                f"{function}(): Expected input to have non-zero size for non-batch dimensions, but got"
                f"{list(input.shape)} with dimension {dim} being empty."
            )
    batched = input.ndim == dims + 2
    shape = input.shape[input.ndim - dims :]
    for axis, size, n, k in zip(_AXES[dims], shape, counts, kernel):
        if n + k - 1 > size:
            place = f"{function}()" if dims == 2 else f"{function}_out()"
            raise RuntimeError(f"{place}: pool {axis} {k} too large relative to input {axis} {size}")
    if samples.dtype != input.dtype:
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    x = input if batched else input.unsqueeze(0)
    if samples.ndim != 3:
        raise RuntimeError(f"Expect _random_samples to have 3 dimensions got {samples.ndim}")
    for dim, (have, want) in enumerate(zip(samples.shape, (x.shape[0], channels, dims))):
        if have < want if dim == 0 else have != want:
            relation = "at least " if dim == 0 else ""
            raise RuntimeError(f"Expect _random_samples.size({dim}) equals to {relation}{want}; got {have}.")
    samples = samples[: x.shape[0]]
    places: Any = 0
    for d, (size, n, k) in enumerate(zip(shape, counts, kernel)):
        # The samples of an image are in the order width, height; those of a volume as its dims.
        at = samples[..., dims - 1 - d if dims == 2 else d].unsqueeze(-1)
        start = _starts(at, size, n, k)
        covered = start.unsqueeze(-1) + arange(k, device=x.device)  # (N, C, windows, elements)
        view = [*covered.shape[:2], *[1] * (2 * dims)]
        view[2 + d], view[2 + dims + d] = n, k
        places = places * size + covered.view(view)
    places = places.flatten(2 + dims)
    if places.shape[-1] == 0:  # windows without elements begin, and lie, at their starts
        raise RuntimeError(f"{function}(): kernel sizes must be positive, but got {kernel}")
    flat = _tied(x, []).flatten(2)
    elements = flat.detach().gather(2, places.flatten(2)).view(places.shape)
    chosen = places.gather(-1, _last_largest(elements)).squeeze(-1)
    values = flat.gather(2, chosen.flatten(2)).view(chosen.shape)
    if not batched:
        values, chosen = values.squeeze(0), chosen.squeeze(0)
    return shown(f"FractionalMaxPool{dims}DBackward0", values, input), chosen


def _last_largest(elements):
    """Which element of each window wins: the first of the largest, or the last NaN."""
    shape = (*elements.shape[:-1], 1)
    if elements.numel() == 0:
        return elements.new_zeros(shape, dtype=int64)
    nan = elements.isnan()
    last = elements.shape[-1] - 1 - nan.flip(-1).to(int64).argmax(-1, keepdim=True)
    return where(nan.any(-1, keepdim=True), last, elements.argmax(-1, keepdim=True))


@overridable
def fractional_max_pool2d_with_indices(
    input,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices=False,
    _random_samples=None,
):
    """`fractional_max_pool2d` and the place of each maximum among the H W elements of its channel."""
    return _fractional(input, kernel_size, output_size, output_ratio, _random_samples, 2)


@overridable
def fractional_max_pool2d(
    input,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices=False,
    _random_samples=None,
):
    """The largest element of each window of (N, C, H, W) or (C, H, W), the windows standing at places that are drawn.

    output_size: how many windows there are in each dim; or output_ratio: a pair, the sizes as parts of the input's.
    _random_samples: (N, C, 2) in [0, 1), in the place of draws. With return_indices also the places of the maxima.
    Raises ValueError without a size, RuntimeError for sizes that do not fit.
    """
    found = _fractional(input, kernel_size, output_size, output_ratio, _random_samples, 2)
    return found if return_indices else found[0]


@overridable
def fractional_max_pool3d_with_indices(
    input,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices=False,
    _random_samples=None,
):
    """`fractional_max_pool3d` and the place of each maximum among the D H W elements of its channel."""
    return _fractional(input, kernel_size, output_size, output_ratio, _random_samples, 3)


@overridable
def fractional_max_pool3d(
    input,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices=False,
    _random_samples=None,
):
    """As `fractional_max_pool2d`, of (N, C, D, H, W) or (C, D, H, W); _random_samples: (N, C, 3)."""
    found = _fractional(input, kernel_size, output_size, output_ratio, _random_samples, 3)
    return found if return_indices else found[0]
