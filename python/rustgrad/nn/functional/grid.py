"""Images and volumes read at given places, and the places of affine maps. Jaderberg et al. 2015."""

import warnings
from itertools import product
from typing import Any

from ..._rustgrad import bool as bool_dtype
from ..._rustgrad import int64
from ..._rustgrad.torch import _tied, linspace, ones, stack, where, zeros_like
from ...overrides import overridable
from .._autocast import cast_to_float32
from .._compose import in_float32, scalar_name, shown

__all__ = ["affine_grid", "grid_sample"]


def _floor(x):
    return x.detach() // 1


def _unnormalized(x, size, align_corners):
    """From -1 ... 1 to places of elements: of the outer ones' centres with align_corners, else of their edges."""
    return (x + 1) / 2 * (size - 1) if align_corners else ((x + 1) * size - 1) / 2


def _clipped(x, size):
    return where(x <= 0, 0.0, where(x >= size - 1, float(size - 1), x))


def _reflected(x, size, align_corners):
    """Places beyond the outer elements' centres (with align_corners, else edges), folded back as often as needed."""
    low, span = (0.0, float(size - 1)) if align_corners else (-0.5, float(size))
    if span == 0:
        return x * 0
    x = (x - low).abs()
    flips = _floor(x / span)
    rest = x - flips * span
    return where(flips % 2 == 0, rest + low, span - rest + low)


def _padded(x, size, padding_mode, align_corners):
    if padding_mode == "reflection":
        x = _reflected(x, size, align_corners)
    return x if padding_mode == "zeros" else _clipped(x, size)


def _inside(place, size):
    return (place >= 0) & (place <= size - 1)


def _element(flat, places, sizes):
    """The elements (N, C, places) at whole `places`, one tensor (N, places) per dim; outside they are 0."""
    index: Any = None
    inside: Any = None
    for place, size in zip(places, sizes):
        ok = _inside(place, size)
        whole = where(ok, place, 0.0).to(int64)
        index = whole if index is None else index * size + whole
        inside = ok if inside is None else inside & ok
    index = index.unsqueeze(1).expand(-1, flat.shape[1], -1)
    return where(inside.unsqueeze(1), flat.gather(2, index), 0.0)


def _nearest(flat, places, sizes):
    rounded = []
    for x in places:
        up = (x.detach() + 0.5) // 1
        half = (up - x.detach() == 0.5) & (up % 2 != 0)  # halves go to the even neighbour
        rounded.append(where(half, up - 1, up))
    # The grid takes part, with a gradient of zeros.
    never = zeros_like(places[0], dtype=bool_dtype)
    part: Any = sum(where(never, x, 0.0) for x in places)
    return _element(flat, rounded, sizes) + part.unsqueeze(1)


def _linear(flat, places, sizes):
    before = [_floor(x) for x in places]
    total: Any = None
    for corner in product((0, 1), repeat=len(places)):
        weight: Any = None
        for x, low, high in zip(places, before, corner):
            share = x - low if high else low + 1 - x
            weight = share if weight is None else weight * share
        part = _element(flat, [low + high for low, high in zip(before, corner)], sizes) * weight.unsqueeze(1)
        total = part if total is None else total + part
    return total


def _cubic_weights(share):
    """The weights of four taps of cubic convolution with a = -0.75. Keys 1981."""
    a = -0.75

    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return far(share + 1), near(share), near(1 - share), far(2 - share)


def _cubic(flat, places, sizes, padding_mode, align_corners):
    before = [_floor(x) for x in places]
    weights = [_cubic_weights(x - low) for x, low in zip(places, before)]
    total: Any = None
    for row in range(4):
        line: Any = None
        for column in range(4):
            at = [low + tap - 1 for low, tap in zip(before, (row, column))]
            at = [_padded(x, size, padding_mode, align_corners) for x, size in zip(at, sizes)]
            part = _element(flat, at, sizes) * weights[1][column].unsqueeze(1)
            line = part if line is None else line + part
        line = line * weights[0][row].unsqueeze(1)
        total = line if total is None else total + line
    return total


def _check(input, grid, mode, padding_mode):
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    sizes = f"got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
    if input.ndim < 1 or grid.ndim < 1 or input.shape[0] != grid.shape[0]:
        raise RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, but {sizes}")
    if grid.shape[-1] != input.ndim - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {input.ndim - 2} in last dimension, but got grid with sizes "
            f"{list(grid.shape)}"
        )
    if input.ndim not in (4, 5) or grid.ndim != input.ndim:
        raise RuntimeError(
            f"grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but {sizes}"
        )
    for dim, size in enumerate(input.shape[2:], 2):
        if size == 0:
            raise RuntimeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
                f"{list(input.shape)} with dimension {dim} being empty"
            )
    if mode == "bicubic" and input.ndim == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if not input.is_floating_point():
        raise NotImplementedError(f"\"grid_sampler\" not implemented for '{scalar_name(input.dtype)}'")
    if input.dtype != grid.dtype:
        raise RuntimeError(f"expected scalar type {scalar_name(input.dtype)} but found {scalar_name(grid.dtype)}")


def _warn_of_default():
    warnings.warn(
        "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
        "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
        stacklevel=3,
    )


@overridable
@cast_to_float32
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners: bool | None = None):
    """`input` (N, C, H, W) or (N, C, D, H, W) read at the places of `grid` (N, H', W', 2) or (N, D', H', W', 3).

    Places are (x, y) or (x, y, z) with -1 and 1 at the edges of the input, or at the centres of its outer elements with
    align_corners. mode: "bilinear" (of volumes: trilinear), "nearest", "bicubic" (images). padding_mode: what is beyond
    the edges is "zeros", the outer elements ("border") or mirrored ("reflection"). Gives (N, C, H', W') or (N, C, D',
    H', W'). Raises ValueError for other modes, RuntimeError for shapes and dtypes that do not fit.
    """
    _check(input, grid, mode, padding_mode)
    if align_corners is None:
        _warn_of_default()
        align_corners = False
    sizes, shape = input.shape[2:], (*input.shape[:2], *grid.shape[1:-1])

    def read(input, grid):
        input, grid = _tied(input, [grid]), _tied(grid, [input])
        flat = input.flatten(2)
        # The last dim of the grid counts dims from the last on.
        parts = [grid[..., i].flatten(1) for i in reversed(range(len(sizes)))]
        places = [_unnormalized(x, size, align_corners) for x, size in zip(parts, sizes)]
        if mode == "bicubic":
            return _cubic(flat, places, sizes, padding_mode, align_corners)
        places = [_padded(x, size, padding_mode, align_corners) for x, size in zip(places, sizes)]
        return (_nearest if mode == "nearest" else _linear)(flat, places, sizes)

    return shown(f"GridSampler{len(sizes)}DBackward0", in_float32(read, input, grid).view(shape), input, grid)


@overridable
def affine_grid(theta, size, align_corners: bool | None = None):
    """The places of `grid_sample` for affine maps `theta`: (N, 2, 3) and size (N, C, H, W), or (N, 3, 4) and 5 sizes.

    Gives (N, H, W, 2) or (N, D, H, W, 3). Raises ValueError for shapes and dtypes that do not fit, NotImplementedError
    for other numbers of sizes.
    """
    if align_corners is None:
        _warn_of_default()
        align_corners = False
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    dims = len(size) - 2
    if dims not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{size}."
        )
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (dims, dims + 1):
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size {size}. Got "
            f"{theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    if align_corners and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This "
            "is not an intended use case of affine_grid. See the documentation of affine_grid for details.",
            stacklevel=2,
        )
    if theta.shape[0] != size[0]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{size[0]}, {dims + 1}] but got: "
            f"[{theta.shape[0]}, {dims + 1}]."
        )
    made = {"dtype": theta.dtype, "device": theta.device}
    axes = []
    for dim, n in reversed([*enumerate(size[2:])]):
        line = linspace(-1, 1, n, **made) if n > 1 else ones(1, **made) * 0
        if not align_corners:
            line = line * (n - 1) / n
        axes.append(line.view(*[n if i == dim else 1 for i in range(dims)]).expand(*size[2:]))
    base = stack([*axes, ones(size[2:], **made)], -1).flatten(0, -2)
    return (base @ theta.transpose(1, 2)).view(size[0], *size[2:], dims)
