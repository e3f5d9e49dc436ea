"""What ops do with nested tensors of layout jagged, one element at a time: the same to the values.

Operands are brought to values that fit: nested ones have the same offsets, dense ones broadcast to the parts.
"""

from typing import Any

from .._rustgrad import Tensor
from ..nn._compose import shown
from .dispatch import op_name
from .jagged import NestedTensor, elementwise, owners, unpadded, with_values

__all__ = ["aligned"]

_UNARY = (
    "abs absolute acos acosh angle arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh bitwise_not ceil "
    "celu conj conj_physical cos cosh deg2rad digamma elu erf erfc erfinv exp exp2 expm1 fix floor frac gelu "
    "hardshrink hardsigmoid hardswish hardtanh i0 isfinite isinf isnan isneginf isposinf leaky_relu lgamma log log10 "
    "log1p log2 logical_not logit logsigmoid mish nan_to_num neg negative positive rad2deg reciprocal relu relu6 round "
    "rsqrt selu sgn sigmoid sign signbit silu sin sinc sinh softplus softshrink sqrt square tan tanh tanhshrink "
    "threshold trunc real imag isreal softsign log_sigmoid clamp clip clamp_min clamp_max alpha_dropout "
    "bernoulli masked_fill"
)
_BINARY = (
    "add sub subtract mul multiply div divide true_divide floor_divide remainder fmod pow atan2 arctan2 maximum "
    "minimum fmax fmin eq ne lt le gt ge not_equal equal_to less less_equal greater greater_equal logical_and "
    "logical_or logical_xor bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift hypot lerp "
    "addcmul addcdiv where isclose xlogy copysign rsub float_power nextafter ldexp logaddexp logaddexp2 heaviside "
    "__and__ __or__ __xor__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __rdiv__ __rtruediv__ __rpow__ __rfloordiv__ "
    "__rmod__ __lshift__ __rshift__ __iand__ __ior__ __ixor__ __invert__ __neg__ __pow__"
)
# PyTorch's names of overloads, in messages.
_OVERLOADS = {"pow": "Tensor_Tensor", "where": "self", "maximum": "default", "minimum": "default", "atan2": "default"}


def _refusal(name: str, a, b) -> RuntimeError:
    name = {"__eq__": "eq", "__ne__": "ne", "__lt__": "lt", "__gt__": "gt", "__le__": "le", "__ge__": "ge"}.get(
        name, name
    )
    both = isinstance(a, NestedTensor) and isinstance(b, NestedTensor)
    shapes = [f"({', '.join(map(repr, x.shape))})" if both else repr(x.shape) for x in (a, b)]
    return RuntimeError(
        f"cannot call binary pointwise function {name}.{_OVERLOADS.get(name, 'Tensor')} with inputs of shapes "
        f"{shapes[0]} and {shapes[1]}\n"
        "hint: nested tensors have the same structure where they share their offsets: "
        "nested_tensor_from_jagged(values, x.offsets()); dense ones have size 1 where the other is ragged"
    )


def aligned(name: str, x: NestedTensor, y: Tensor) -> Tensor:
    """The values of `y`, or what of the dense `y` belongs to each element of the values of `x`."""
    if isinstance(y, NestedTensor):
        if y._ragged_idx != x._ragged_idx or y._ragged.size != x._ragged.size or y.dim() != x.dim():
            raise _refusal(name, x, y)
        return y._v
    if y.dim() == 0:
        return y
    at, n = x._ragged_idx, x.dim()
    if y.dim() > n:
        raise _refusal(name, x, y)
    full = y.reshape((1,) * (n - y.dim()) + tuple(y.shape))
    inner = x._v.shape
    for d in range(1, n):
        if d != at and 1 not in (full.shape[d], inner[d - 1]) and full.shape[d] != inner[d - 1]:
            raise _refusal(name, x, y)
    if full.shape[0] == 1 and full.shape[at] == 1:
        # Trailing dims broadcast as they are, so that the graph shows no more than the op.
        return y if y.dim() < n - at else full.squeeze(0)
    if full.shape[0] not in (1, len(x)) or full.shape[0] == 1:
        raise _refusal(name, x, y)
    if full.shape[at] == 1:
        return full.squeeze(at).index_select(0, owners(x)).movedim(0, at - 1)
    if full.shape[at] == max(x._ragged.lengths(), default=0):
        return unpadded(full, x)
    raise _refusal(name, x, y)


def _applied(func, *args, **kwargs) -> Any:
    name = op_name(func)
    nested = [a for a in (*args, *kwargs.values()) if isinstance(a, NestedTensor)]
    frame = nested[0]

    def inner(a):
        if isinstance(a, NestedTensor):
            return a._v if a is frame else aligned(name, frame, a)
        return aligned(name, frame, a) if isinstance(a, Tensor) else a

    y = func(*map(inner, args), **{key: inner(a) for key, a in kwargs.items()})
    for x in nested:
        if y is x._v:
            return x
    return with_values(frame, y) if isinstance(y, Tensor) else y


for _name in f"{_UNARY} {_BINARY}".split():
    elementwise[_name] = _applied
    if not _name.startswith("__"):
        elementwise[f"{_name}_"] = _applied


def _dropout(func, input, p=0.5, training=True, inplace=False):
    if not training or inplace or not input._v.numel():
        return _applied(func, input, p, training)
    # Drawn for p = 0 too, as PyTorch's kernel for nested tensors does, so that what is drawn later is the same.
    from ..native import native_dropout

    return with_values(input, shown("NativeDropoutBackward0", native_dropout(input._v, p, True)[0], input._v))


elementwise["dropout"] = _dropout

# Draws and fills, of the same structure.
for _name in (
    "zeros_like ones_like empty_like full_like rand_like randn_like randint_like bernoulli_ normal_ uniform_ fill_ "
    "zero_ exponential_ random_ clone to float double half bfloat16 int long short char byte bool cfloat cdouble"
).split():
    elementwise.setdefault(_name, _applied)
