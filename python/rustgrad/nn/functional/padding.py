"""Padding: constants around a tensor, or its own elements reflected, repeated or wrapped around."""

from ..._rustgrad import Tensor, tensor
from ..._rustgrad.torch import cat

__all__ = ["pad"]

_COMBINATIONS = (
    "Supported combinations for non-constant padding:\n"
    "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
    "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
    "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
)
_KERNELS = {"reflect": "reflection_pad", "replicate": "replication_pad"}


def pad(input, pad, mode="constant", value=None):
    """`input` with more elements, or with a negative number fewer, at both ends of its last dims.

    pad: (before, behind) of the last dim, then of the one before it, and so on. mode: "constant" fills with `value`,
    0 unless given, in any number of dims; "reflect" mirrors at the edges, "replicate" repeats the edge, "circular"
    goes on at the other end, each in the last one to three dims.

    Raises RuntimeError for sizes that do not fit, NotImplementedError for other modes and ranks. Same as
    torch.nn.functional.pad.
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"pad(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"pad(): argument 'pad' (position 2) must be tuple of ints, not {type(pad).__name__}")
    for index, n in enumerate(pad):
        if not hasattr(n, "__index__"):
            raise TypeError(
                "pad(): argument 'pad' (position 2) must be tuple of ints, but found element of type "
                f"{type(n).__name__} at pos {index}"
            )
    amounts = [n.__index__() for n in pad]
    if len(amounts) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(amounts) > 2 * input.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(amounts)} and input of dimension {input.ndim}"
        )
    pairs = list(zip(amounts[::2], amounts[1::2]))
    if mode == "constant":
        return _constant(input, pairs, 0.0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if len(pairs) not in (1, 2, 3) or input.ndim - len(pairs) not in (1, 2):
        raise NotImplementedError(
            f"Padding size {len(amounts)} is not supported for {input.ndim}D input tensor.\n{_COMBINATIONS}"
        )
    _check(input, pairs, mode)
    for index, (before, behind) in enumerate(pairs):
        if before or behind:
            input = _select(input, input.ndim - 1 - index, before, behind, mode)
    return input if any(amounts) else input.clone()


def _constant(input, pairs, value):
    shape = list(input.shape)
    inner, source = [slice(None)] * input.ndim, [slice(None)] * input.ndim
    for index, (before, behind) in enumerate(pairs):
        dim = input.ndim - 1 - index
        size = shape[dim]
        shape[dim] = size + before + behind
        if size + min(before, 0) + min(behind, 0) < 0 or shape[dim] < 0:
            raise RuntimeError("narrow(): length must be non-negative.")
        source[dim] = slice(max(-before, 0), size - max(-behind, 0))
        inner[dim] = slice(max(before, 0), shape[dim] - max(behind, 0))
    if not pairs or all(before <= 0 and behind <= 0 for before, behind in pairs):
        return input[tuple(source)].clone()
    out = input.new_full(shape, value)
    if input.ndim == 0:
        return out.copy_(input)
    out[tuple(inner)] = input[tuple(source)]
    return out


def _check(input, pairs, mode):
    """Refuse what has no elements to take, or too few."""
    dims = len(pairs)
    sizes = input.shape[input.ndim - dims :][::-1]
    kernel = f"{_KERNELS.get(mode, 'circular_pad')}{dims}d"
    if mode != "circular" and 0 in input.shape[-dims - 1 :]:
        raise RuntimeError(
            f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    for index, (size, (before, behind)) in enumerate(zip(sizes, pairs)):
        if mode == "circular":
            if before > size or behind > size:
                raise RuntimeError("Padding value causes wrapping around more than once.")
            if before + behind + size < 0:
                raise RuntimeError("Negative padding value is resulting in an empty dimension")
        if mode == "reflect" and (before >= size or behind >= size):
            raise RuntimeError(
                "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
                f"({before}, {behind}) at dimension {input.ndim - 1 - index} of input {list(input.shape)}"
            )
        if mode != "circular" and size + before + behind < 1:
            raise RuntimeError(
                f"input (size {size} at dimension {input.ndim - 1 - index}) is too small. Calculated output size "
                f"{size + before + behind}"
            )
    if mode != "circular" and str(input.dtype).endswith(".bool"):
        raise NotImplementedError(f"\"{kernel}\" not implemented for 'Bool'")


def _select(x, dim, before, behind, mode):
    """`x` with its own elements before and behind it in one dim: one gather of places."""
    size = x.shape[dim]
    if mode == "circular":
        # Whole slices: the end, the middle, the beginning.
        middle = x.narrow(dim, max(-before, 0), size + min(before, 0) + min(behind, 0))
        parts = [middle]
        if before > 0:
            parts.insert(0, x.narrow(dim, size - before + min(behind, 0), before))
        if behind > 0:
            parts.append(x.narrow(dim, max(-before, 0), behind))
        return cat(parts, dim) if len(parts) > 1 else middle
    places = range(-before, size + behind)
    if mode == "replicate":
        chosen = [min(max(i, 0), size - 1) for i in places]
    else:
        chosen = [-i if i < 0 else 2 * (size - 1) - i if i >= size else i for i in places]
    return x.index_select(dim, tensor(chosen, device=x.device))
