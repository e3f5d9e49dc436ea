"""Activation functions that the extension does not have yet, over ops that it has.

Each gives PyTorch's values and derivatives, also at the points where pieces meet. With `inplace` the result is written
over the input, and backward sees the function of what stood there before.
"""

from typing import Any

from ..._rustgrad import Tensor, float64
from ..._rustgrad import bool as bool_dtype
from ..._rustgrad.nn import softmax
from ..._rustgrad.torch import sigmoid as _sigmoid
from ..._rustgrad.torch import where
from .._compose import in_float32, log1p, scalar_name

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "logsigmoid",
    "mish",
    "prelu",
    "relu6",
    "relu_",
    "selu",
    "selu_",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanhshrink",
    "threshold",
    "threshold_",
]


def check_tensor(function, value, name="input", position=1):
    """Raises TypeError where an argument is no tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{function}(): argument '{name}' (position {position}) must be Tensor, not {type(value).__name__}"
        )


def check_number(function, value, name, position=2):
    """Raises TypeError where an option is no number."""
    if not isinstance(value, (int, float, Tensor)):
        raise TypeError(
            f"{function}(): argument '{name}' (position {position}) must be Number, not {type(value).__name__}"
        )


def check_float(kernel, x):
    """Raises NotImplementedError for dtypes that are not floating point."""
    if not x.is_floating_point():
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(x.dtype)}'")


def written(input, function, inplace):
    """`function(input)`, written over the input if `inplace`."""
    if not inplace:
        return in_float32(function, input)
    # The copy is what backward reads: the input itself is about to change.
    return input.copy_(in_float32(function, input.clone()))


# --- pieces of straight lines


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """`input` between min_val and max_val. Its gradient passes strictly between them."""
    check_tensor("hardtanh", input)
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if input.dtype == bool_dtype:
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if not input.is_floating_point():
        min_val, max_val = int(min_val), int(max_val)
    return written(input, lambda x: where(x <= min_val, min_val, where(x >= max_val, max_val, x)), inplace)


def hardtanh_(input, min_val=-1.0, max_val=1.0):
    """`hardtanh` in place."""
    return hardtanh(input, min_val, max_val, True)


def relu6(input, inplace=False):
    """`input` between 0 and 6."""
    return hardtanh(input, 0.0, 6.0, inplace)


def relu_(input):
    """`relu` in place."""
    return input.relu_()


def threshold(input, threshold: float, value: float, inplace=False):
    """`input` where it is above `threshold`, else `value`."""
    check_tensor("threshold", input)
    if input.dtype == bool_dtype:
        check_float("threshold_cpu", input)
    bound, other = (threshold, value) if input.is_floating_point() else (int(threshold), int(value))
    return written(input, lambda x: where(x <= bound, other, x), inplace)


_threshold = threshold  # within the next function the name is an argument's


def threshold_(input, threshold: float, value: float):
    """`threshold` in place."""
    return _threshold(input, threshold, value, True)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """`input` where it is positive, else `negative_slope` times it."""
    check_tensor("leaky_relu", input)
    check_number("leaky_relu", negative_slope, "negative_slope")
    check_float("leaky_relu_cpu", input)
    return written(input, lambda x: where(x > 0, x, x * negative_slope), inplace)


def leaky_relu_(input, negative_slope=0.01):
    """`leaky_relu` in place."""
    return leaky_relu(input, negative_slope, True)


def prelu(input, weight):
    """`input` where it is positive, else `weight` times it: one number, or one for each channel (dim 1).

    Raises RuntimeError where the weights are not as many as the channels, or of another dtype.
    """
    check_tensor("prelu", input)
    check_tensor("prelu", weight, "weight", 2)
    if input.dtype != weight.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {scalar_name(input.dtype)} and {scalar_name(weight.dtype)}"
        )
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    if weight.numel() != 1:
        channels = input.shape[1] if input.ndim > 1 else 1
        if input.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        if weight.numel() != channels:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{weight.numel()} and channel size = {channels}."
            )
        weight = weight.view(-1, *[1] * (input.ndim - 2))
    elif weight.ndim:
        weight = weight.reshape(())
    return in_float32(lambda x, w: where(x > 0, x, w * x), input, weight)


def hardshrink(input, lambd=0.5):
    """`input`, but 0 between -lambd and lambd."""
    check_tensor("hardshrink", input)
    check_float("hardshrink_cpu", input)
    return in_float32(lambda x: where((x >= -lambd).logical_and(x <= lambd), 0.0, x), input)


def softshrink(input, lambd=0.5):
    """`input` moved towards 0 by `lambd`, and 0 between -lambd and lambd. Raises RuntimeError for a negative lambd."""
    check_tensor("softshrink", input)
    check_float("softshrink_check", input)
    if not lambd >= 0:
        raise RuntimeError(
            f"lambda must be in range [0, 3.40282e+38] for input dtype {scalar_name(input.dtype)}, but found {lambd:g}"
        )
    return in_float32(lambda x: where(x > lambd, x - lambd, where(x < -lambd, x + lambd, where(x == x, 0.0, x))), input)


def hardsigmoid(input, inplace=False):
    """(input + 3) / 6 between 0 and 1."""
    check_tensor("hardsigmoid", input)
    check_float("hardsigmoid_cpu", input)
    return written(input, lambda x: hardtanh(x + 3.0, 0.0, 6.0) / 6.0, inplace)


def hardswish(input, inplace=False):
    """input times `hardsigmoid(input)`. Howard et al. 2019."""
    check_tensor("hardswish", input)
    check_float("hardswish_cpu", input)
    return written(input, lambda x: x * hardtanh(x + 3.0, 0.0, 6.0) / 6.0, inplace)


# --- exponentials


def elu(input, alpha=1.0, inplace=False):
    """`input` where it is positive, else alpha (exp(input) - 1). Clevert et al. 2016."""
    check_tensor("elu", input)
    check_number("elu", alpha, "alpha")
    check_float("elu_cpu", input)
    return written(input, lambda x: where(x > 0, x, x.clamp(max=0.0).expm1() * alpha), inplace)


def elu_(input, alpha=1.0):
    """`elu` in place."""
    return elu(input, alpha, True)


def selu(input, inplace=False):
    """`elu` scaled so that layers keep mean 0 and variance 1. Klambauer et al. 2017."""
    check_tensor("selu", input)
    check_float("elu_cpu", input)
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return written(input, lambda x: where(x > 0, x * scale, x.clamp(max=0.0).expm1() * (alpha * scale)), inplace)


def selu_(input):
    """`selu` in place."""
    return selu(input, True)


def celu(input, alpha=1.0, inplace=False):
    """`input` where it is positive, else alpha (exp(input / alpha) - 1). Raises RuntimeError for alpha 0."""
    check_tensor("celu", input)
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    check_float("elu_cpu", input)
    inverse = 1.0 / alpha
    return written(
        input, lambda x: where(x > 0, x, ((x if alpha < 0 else x.clamp(max=0.0)) * inverse).expm1() * alpha), inplace
    )


def celu_(input, alpha=1.0):
    """`celu` in place."""
    return celu(input, alpha, True)


def softplus(input, beta=1.0, threshold=20.0):
    """log(1 + exp(beta input)) / beta; `input` itself where beta input is above `threshold`."""
    check_tensor("softplus", input)
    check_float("softplus_cpu", input)

    def value(x):
        scaled = x * beta
        far = scaled > threshold
        return where(far, x, log1p(where(far, 0.0, scaled).exp()) / beta)

    return in_float32(value, input)


def logsigmoid(input):
    """The logarithm of the sigmoid, without its rounding."""
    check_tensor("logsigmoid", input)
    check_float("log_sigmoid_cpu", input)

    def value(x):
        # Beyond this bound the logarithm of 1 + exp(-x) is -x to the last place.
        bound = -40.0 if x.dtype == float64 else -30.0
        far = x < bound
        return where(far, x, -log1p((-where(far, 0.0, x)).exp()))

    return in_float32(value, input)


def mish(input, inplace=False):
    """input tanh(softplus(input)). Misra 2020."""
    check_tensor("mish", input)
    check_float("mish_cpu", input)

    def value(x):
        # tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2); from 20 on that is 1.
        e = x.clamp(max=20.0).exp()
        n = e * (e + 2.0)
        return x * (n / (n + 2.0))

    return written(input, value, inplace)


# --- over all elements


def tanhshrink(input):
    """input - tanh(input)."""
    return input - input.tanh()


def softsign(input):
    """input / (1 + |input|)."""
    return input / (input.abs() + 1)


def softmin(input, dim: Any = None, _stacklevel=3, dtype: Any = None):
    """`softmax` of -input along `dim`; `dtype` casts first."""
    if dim is None:
        import warnings

        warnings.warn(
            "Implicit dimension choice for softmin has been deprecated. Change the call to include dim=X as an "
            "argument.",
            stacklevel=_stacklevel,
        )
        dim = 0 if input.ndim in (0, 1, 3) else 1
    return softmax(-input, dim) if dtype is None else softmax(-input, dim, dtype=dtype)


def glu(input, dim=-1):
    """The first half of `input` along `dim` times the sigmoid of the second. Dauphin et al. 2017.

    Raises RuntimeError where the size of `dim` is odd.
    """
    check_tensor("glu", input)
    if input.ndim == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    if not -input.ndim <= dim < input.ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-input.ndim}, {input.ndim - 1}], but got {dim})"
        )
    dim %= input.ndim
    size = input.shape[dim]
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {size}")
    check_float("glu_cpu", input)
    return in_float32(lambda x: x.narrow(dim, 0, size // 2) * _sigmoid(x.narrow(dim, size // 2, size // 2)), input)
