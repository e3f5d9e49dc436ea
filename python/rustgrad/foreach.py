"""The `_foreach_*` functions: one op over each tensor of a list. They are written with the ops of single tensors.

Functions return tuples, those that end in `_` write in place and return the list. Lists must not be empty and have one
length, else RuntimeError.
"""

from ._names import lookup as _lookup
from ._rustgrad import Tensor
from ._rustgrad.linalg import vector_norm

__all__: list[str] = []

_UNARY = (
    "abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal "
    "round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc"
).split()
_BINARY = "add clamp_max clamp_min div maximum minimum mul pow sub".split()
_INPLACE = ("add", "div", "mul", "pow", "sub")


def _listed(tensors) -> list[Tensor]:
    tensors = list(tensors)
    if not tensors:
        raise RuntimeError("Tensor list must have at least one tensor.")
    return tensors


def _each(other, tensors: list[Tensor]) -> list:
    """The other operand of each tensor: one for all of them, or a list with one for each."""
    if not isinstance(other, (list, tuple)):
        return [other] * len(tensors)
    if len(other) != len(tensors):
        counts = f"got {len(tensors)} and {len(other)}"
        if other and isinstance(other[0], Tensor):
            raise RuntimeError(f"Tensor lists must have the same number of tensors, {counts}")
        raise RuntimeError(f"Tensor list must have same number of elements as scalar list, {counts}")
    return list(other)


def _op(name: str):
    """The method of Tensor that computes one element of the list; AttributeError where it is missing."""
    return getattr(Tensor, name)


def _extreme(name: str, x: Tensor, other) -> Tensor:
    """`maximum` and `minimum` take numbers here, as PyTorch's `_foreach_maximum` does."""
    if isinstance(other, Tensor):
        return _op(name)(x, other)
    return x.clamp(min=other) if name in ("maximum", "clamp_min") else x.clamp(max=other)


def _binary(name: str, x, other, alpha) -> Tensor:
    if name in ("maximum", "minimum", "clamp_max", "clamp_min"):
        return _extreme({"clamp_max": "minimum", "clamp_min": "maximum"}.get(name, name), x, other)
    if alpha is not None:
        return _op(name)(x, other, alpha=alpha)
    return _op(name)(x, other)


def _named(fn, name: str, doc: str):
    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = doc
    return fn


def _make_unary(op: str):
    def out(self):
        return tuple(map(_op(op), _listed(self)))

    def inplace(self):
        for x in _listed(self):
            _op(f"{op}_")(x)
        return self

    name = f"_foreach_{op}"
    doc = f"`{op}` of each tensor in a list."
    return _named(out, name, doc), _named(inplace, f"{name}_", doc[:-1] + ", in place.")


def _make_binary(op: str):
    def out(self, other=None, *, alpha=None, scalars=None, scalar=None):
        other = next(one for one in (other, scalars, scalar) if one is not None)
        if op == "pow" and not isinstance(self, (list, tuple)):
            return tuple(x.__rpow__(self) for x in _listed(other))
        tensors = _listed(self)
        return tuple(_binary(op, x, one, alpha) for x, one in zip(tensors, _each(other, tensors)))

    def inplace(self, other=None, *, alpha=None, scalars=None, scalar=None):
        tensors = _listed(self)
        other = next(one for one in (other, scalars, scalar) if one is not None)
        for x, one in zip(tensors, _each(other, tensors)):
            x.copy_(_binary(op, x, one, alpha)) if op not in _INPLACE else _inplace(op, x, one, alpha)
        return self

    name = f"_foreach_{op}"
    doc = f"`{op}` of each tensor in a list and another operand: a number, a tensor, or a list with one for each."
    return _named(out, name, doc), _named(inplace, f"{name}_", doc[:-1] + ", in place.")


def _inplace(op: str, x: Tensor, other, alpha) -> None:
    if alpha is not None:
        _op(f"{op}_")(x, other, alpha=alpha)
    else:
        _op(f"{op}_")(x, other)


def _make_pointwise(op: str):
    def values(self, scalars, value):
        tensors = _listed(self)
        given = value if scalars is None else scalars
        return tensors, _each(given.tolist() if isinstance(given, Tensor) else given, tensors)

    def out(self, tensor1, tensor2, scalars=None, *, value=1):
        tensors, scale = values(self, scalars, value)
        parts = zip(tensors, _each(tensor1, tensors), _each(tensor2, tensors), scale)
        return tuple(_op(op)(x, a, b, value=s) for x, a, b, s in parts)

    def inplace(self, tensor1, tensor2, scalars=None, *, value=1):
        tensors, scale = values(self, scalars, value)
        for x, a, b, s in zip(tensors, _each(tensor1, tensors), _each(tensor2, tensors), scale):
            _op(f"{op}_")(x, a, b, value=s)
        return self

    name = f"_foreach_{op}"
    doc = f"`{op}` of each tensor in a list with those of two more; `value` may be a list with one number for each."
    return _named(out, name, doc), _named(inplace, f"{name}_", doc[:-1] + ", in place.")


def _foreach_lerp(self, tensors1, weight):
    """`lerp` of each tensor in a list; `weight` is a number, or a list with a tensor or number for each."""
    tensors = _listed(self)
    return tuple(x.lerp(a, w) for x, a, w in zip(tensors, _each(tensors1, tensors), _each(weight, tensors)))


def _foreach_lerp_(self, tensors1, weight):
    """`_foreach_lerp` in place."""
    tensors = _listed(self)
    for x, a, w in zip(tensors, _each(tensors1, tensors), _each(weight, tensors)):
        x.lerp_(a, w)
    return self


def _foreach_norm(self, ord=2, dtype=None):
    """The norm of each tensor in a list."""
    return tuple(vector_norm(x, ord, dtype=dtype) for x in _listed(self))


def _foreach_max(self):
    """The greatest element of each tensor in a list."""
    return tuple(x.max() for x in _listed(self))


def _foreach_zero_(self):
    """Fill each tensor in a list with zeros."""
    for x in _listed(self):
        x.zero_()
    return self


def _foreach_copy_(self, src, non_blocking=False):
    """Copy each tensor of `src` into that of the list."""
    tensors = _listed(self)
    for x, one in zip(tensors, _each(src, tensors)):
        x.copy_(one)
    return self


def _foreach_clone(self, *, memory_format=None):
    """`clone` of each tensor in a list."""
    return tuple(x.clone() for x in _listed(self))


def _fill(names: dict) -> None:
    made = [_make_unary(op) for op in _UNARY] + [_make_binary(op) for op in _BINARY]
    made += [_make_pointwise(op) for op in ("addcmul", "addcdiv")]
    names.update({fn.__name__: fn for pair in made for fn in pair})


_fill(globals())
__getattr__ = _lookup("torch")
