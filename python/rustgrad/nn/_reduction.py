"""The numbers of reductions, and the two flags that stood in their place before PyTorch 0.4.1."""

import warnings

from .._names import lookup as _lookup

_NUMBERS = {"none": 0, "mean": 1, "elementwise_mean": 1, "sum": 2}


def get_enum(reduction: str) -> int:
    """The number of a reduction: 0 for "none", 1 for "mean", 2 for "sum". ValueError for others."""
    if reduction == "elementwise_mean":
        warnings.warn("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.", stacklevel=2)
    if reduction not in _NUMBERS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return _NUMBERS[reduction]


def legacy_get_string(
    size_average: bool | None, reduce: bool | None, emit_warning: bool = True, *, stacklevel: int = 2
) -> str:
    """The reduction that two older flags, each true if None, stand for; with a warning that says so."""
    average, all_of_it = size_average is None or bool(size_average), reduce is None or bool(reduce)
    name = ("mean" if average else "sum") if all_of_it else "none"
    if emit_warning:
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{name}' instead.",
            stacklevel=stacklevel,
        )
    return name


def legacy_get_enum(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> int:
    """The number of what `legacy_get_string` says."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))


__getattr__ = _lookup("torch.nn._reduction")
