"""Initialisers, in PyTorch's order of draws: the same seed gives the same weights, bit for bit.

Each fills its tensor in place, records nothing for backward, and returns it.
"""

import math
import warnings
from functools import wraps

from .._names import lookup as _lookup
from .._rustgrad import float64
from .._rustgrad.torch import empty_like, randperm, where
from .._rustgrad.torch import eye as identity
from ..grad_mode import no_grad

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

_GAINS = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "sigmoid"), 1),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1),
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}


def calculate_gain(nonlinearity, param=None):
    """The factor that keeps the variance through `nonlinearity`; `param` is leaky_relu's slope."""
    if nonlinearity == "leaky_relu":
        if param is None:
            slope = 0.01
        elif isinstance(param, (int, float)) and not isinstance(param, bool):
            slope = param
        else:
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return _GAINS[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor):
    """How many inputs a unit of this weight reads, and how many outputs read one of its inputs."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _calculate_correct_fan(tensor, mode):
    """The one of both that `mode` names."""
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


def _is_empty(tensor) -> bool:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return True
    return False


def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Uniform between `a` and `b`."""
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Normal with `mean` and `std`."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor, val):
    """All elements `val`."""
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor):
    """All elements 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor):
    """All elements 0."""
    with no_grad():
        return tensor.zero_()


def eye_(tensor):
    """The identity matrix, as far as it fits."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    with no_grad():
        return tensor.copy_(identity(*tensor.shape, dtype=tensor.dtype))


def _whole(fill):
    """Makes a filler of several steps give the tensor back as it was where one of them fails."""

    @wraps(fill)
    def filled(tensor, *args, **kwargs):
        with no_grad():
            before = tensor.clone()
            try:
                return fill(tensor, *args, **kwargs)
            except BaseException:
                tensor.copy_(before)
                raise

    return filled


@_whole
def dirac_(tensor, groups=1):
    """A convolution weight that hands each input channel on, in `groups` groups."""
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    per_group = tensor.shape[0] // groups
    centre = tuple(size // 2 for size in tensor.shape[2:])
    channels = range(min(per_group, tensor.shape[1]))
    places = [(group * per_group + channel, channel, *centre) for group in range(groups) for channel in channels]
    if places and 0 in tensor.shape[2:]:
        dim = tensor.shape.index(0, 2)
        raise IndexError(f"index 0 is out of bounds for dimension {dim} with size 0")
    with no_grad():
        tensor.zero_()
        for place in places:
            tensor[place] = 1
        return tensor


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Uniform of variance 2 gain^2 / (fan_in + fan_out), after Glorot and Bengio 2010."""
    std = gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """Normal of variance 2 gain^2 / (fan_in + fan_out), after Glorot and Bengio 2010."""
    std = gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))
    return normal_(tensor, 0.0, std, generator)


def kaiming_uniform_(tensor, a: float = 0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Uniform of variance gain^2 / fan, after He et al. 2015; `a` is leaky_relu's slope."""
    if _is_empty(tensor):
        return tensor
    fan = _calculate_correct_fan(tensor, mode)
    std = calculate_gain(nonlinearity, a) / math.sqrt(fan)
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Normal of variance gain^2 / fan, after He et al. 2015; `a` is leaky_relu's slope."""
    if _is_empty(tensor):
        return tensor
    fan = _calculate_correct_fan(tensor, mode)
    return normal_(tensor, 0, calculate_gain(nonlinearity, a) / math.sqrt(fan), generator)


@_whole
def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Normal with `mean` and `std`, its draws outside [a, b] drawn again."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=3,
        )
    inside = (math.erf((b - mean) / std / math.sqrt(2.0)) - math.erf((a - mean) / std / math.sqrt(2.0))) / 2
    if tensor.is_meta:  # whose numbers nobody can look at
        return tensor
    with no_grad():
        if inside > 0.3:
            return _redraw_outside(tensor, mean, std, a, b, generator)
        return _reject_from_uniform(tensor, mean, std, a, b, generator)


def _redraw_outside(tensor, mean, std, a, b, generator):
    """Whole tensors of normals, each filling the places that are still outside. Bounds are those of the dtype."""
    low, high = tensor.new_tensor(a).item(), tensor.new_tensor(b).item()
    result = tensor.normal_(mean, std, generator=generator)
    while (outside := (result < low).logical_or(result > high)).any():
        result = where(outside, empty_like(result).normal_(mean, std, generator=generator), result)
    return tensor if result is tensor else tensor.copy_(result)


def _reject_from_uniform(tensor, mean, std, a, b, generator):
    """Where little of the bell lies inside: uniform candidates, kept with the density's odds against its peak."""
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2

    def refused(candidates):
        odds = candidates.sub(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak)
        return empty_like(candidates).uniform_(generator=generator).log_().gt(odds)

    result = tensor.uniform_(a, b, generator=generator)
    pending = refused(result)
    while pending.any():
        candidates = empty_like(tensor).uniform_(a, b, generator=generator)
        result = where(pending, candidates, result)
        pending = pending.logical_and(refused(candidates))
    return tensor if result is tensor else tensor.copy_(result)


def orthogonal_(tensor, gain=1, generator=None):
    """A matrix with orthonormal rows or columns, whichever are fewer, times `gain`, after Saxe et al. 2013.

    Dims behind the first are taken as one. Raises ValueError for fewer than 2 dims.
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    with no_grad():
        drawn = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)
        result = _orthonormal(drawn) if rows < columns else _orthonormal(drawn.t()).t()
        return tensor.copy_(result.to(tensor.dtype).mul_(gain).reshape(tensor.shape))


def _orthonormal(rows, panel=32):
    """Orthonormal rows that span what the given rows span: Q of the QR decomposition whose R has a positive diagonal.

    Gram and Schmidt's way in float64, panels of rows at a time. Each panel is made orthogonal to those before it
    twice, which is enough for full accuracy (Giraud et al. 2005).
    """
    q = rows.to(float64, copy=True).contiguous()
    for start in range(0, q.shape[0], panel):
        before, block = q[:start], q[start : start + panel]
        for _ in range(2):
            if start:
                block.sub_(block @ before.t() @ before)
            for index in range(block.shape[0]):
                row, above = block[index : index + 1], block[:index]
                if index:
                    row.sub_(row @ above.t() @ above)
                row.div_(row.square().sum().sqrt())
    return q


@_whole
def sparse_(tensor, sparsity, std=0.01, generator=None):
    """Normal with `std`, the fraction `sparsity` of each column set to 0, after Martens 2010."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            for row in randperm(rows).tolist()[:zeros]:
                tensor[row, column] = 0
        return tensor


def _older_name(function):
    """The name of a function before names in place had a trailing underscore; it still works, and warns."""
    name = function.__name__.removesuffix("_")

    def older(*args, **kwargs):
        warnings.warn(f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    older.__name__ = name
    older.__doc__ = f"The older name of `{name}_`."
    return older


uniform = _older_name(uniform_)
normal = _older_name(normal_)
constant = _older_name(constant_)
eye = _older_name(eye_)
dirac = _older_name(dirac_)
xavier_uniform = _older_name(xavier_uniform_)
xavier_normal = _older_name(xavier_normal_)
kaiming_uniform = _older_name(kaiming_uniform_)
kaiming_normal = _older_name(kaiming_normal_)
orthogonal = _older_name(orthogonal_)
sparse = _older_name(sparse_)


# Names that packages take from PyTorch's module though they are its own.
def _no_grad_uniform_(tensor, a, b, generator=None):
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def _no_grad_normal_(tensor, mean, std, generator=None):
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def _no_grad_fill_(tensor, val):
    with no_grad():
        return tensor.fill_(val)


def _no_grad_zero_(tensor):
    with no_grad():
        return tensor.zero_()


_no_grad_trunc_normal_ = trunc_normal_

__getattr__ = _lookup("torch.nn.init")
