"""Forward mode: tensors that carry a tangent, and what functions make of it, the product of their Jacobian with it.

While a level is open, each differentiable result of a dual tensor carries a tangent, under `no_grad` as well; results
require a gradient only where their inputs do. There is no second engine: the door finds each tangent by one more
backward through the op that made the result (Townsend 2017, "A new trick for calculating Jacobian vector products"), so
an op whose backward cannot be differentiated raises NotImplementedError. The `jvp` of an `autograd.Function` is called
where it is written. In inference mode nothing carries tangents.
"""

from typing import NamedTuple

from .. import _rustgrad
from .._names import lookup as _lookup
from .._rustgrad import Tensor
from .._rustgrad.torch import zeros_like

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]

# The level that is open: 0, since levels do not nest, or -1.
_current_level = -1


class UnpackedDualTensor(NamedTuple):
    """A tensor without its tangent, and the tangent, or None."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Begin a level, and return its number. RuntimeError within another: levels do not nest, as in PyTorch."""
    global _current_level
    if not _rustgrad._enter_dual_level():
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _current_level = 0
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End a level: its dual tensors have no tangents any more. RuntimeError where it is not the last one."""
    global _current_level
    level = _current_level if level is None else level
    if level < 0:
        raise RuntimeError("Dual level must be a positive number.")
    if level != _current_level:
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    _rustgrad._exit_dual_level()
    _current_level = -1


class dual_level:
    """A `with` block that is a level."""

    def __enter__(self) -> int:
        self.level = enter_dual_level()
        return self.level

    def __exit__(self, *_) -> bool:
        exit_dual_level(level=self.level)
        return False


class _set_fwd_grad_enabled:
    """A `with` block, or from here on, in which results carry tangents, or do not."""

    def __init__(self, mode: bool) -> None:
        self.before = _rustgrad._set_forward_mode(mode)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_) -> None:
        _rustgrad._set_forward_mode(self.before)


def _is_fwd_grad_enabled() -> bool:
    """Whether results of dual tensors carry tangents within levels."""
    return _rustgrad._forward_mode_enabled()


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A view of `tensor` that carries `tangent`, of the same shape.

    Raises ValueError for tensors that are neither real nor complex floats; RuntimeError outside of a level, for another
    shape, and for a tensor that carries a tangent.
    """
    level = _current_level if level is None else level
    if level < 0:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for name, x in (("primal", tensor), ("tangent", tangent)):
        if not (x.is_floating_point() or x.is_complex()):
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {x.dtype}")
    if _rustgrad._tangent(tensor) is not None:
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level "
            f"{level} is not supported."
        )
    dual = tensor.view_as(tensor)
    _set_tangent(dual, tangent)
    return dual


def _set_tangent(x: Tensor, tangent: Tensor) -> None:
    if x.shape != tangent.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {[*x.shape]} while the given forward gradient is of size "
            f"{[*tangent.shape]}."
        )
    if _rustgrad._tangent(tangent) is not None:
        raise RuntimeError(
            "Setting a forward grad that itself has a forward gradient at the same level"
            f"{_current_level} is not supported."
        )
    _rustgrad._set_tangent(x, tangent)


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """`tensor` without its tangent, and the tangent: None outside of a level and for what no dual tensor led to.

    Both can be differentiated where `tensor` was computed from other tensors that require a gradient. RuntimeError for
    another level.
    """
    level = _current_level if level is None else level
    if level < 0:
        return UnpackedDualTensor(tensor, None)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"_unpack_dual(): argument 'dual' (position 1) must be Tensor, not {type(tensor).__name__}")
    tangent = _rustgrad._tangent(tensor) if _rustgrad._forward_mode() else None
    if tangent is None:
        return UnpackedDualTensor(tensor, None)
    if level != _current_level:
        raise RuntimeError("Invalid level given to _fw_primal")
    with _set_fwd_grad_enabled(False):
        return UnpackedDualTensor(tensor.view_as(tensor), tangent)


def through_jvp(cls, ctx, args, output) -> None:
    """Gives the outputs of a custom function the tangents that its `jvp` finds, where an argument carries one.

    NotImplementedError for a function without jvp, RuntimeError where jvp gives what does not fit the outputs.
    """
    tangents = [_rustgrad._tangent(x) if isinstance(x, Tensor) else None for x in args]
    if all(t is None for t in tangents):
        return
    fill = ctx.__dict__.get("materialize_grads", True)
    for i, x in enumerate(args):
        if fill and tangents[i] is None and isinstance(x, Tensor) and _differentiable(x):
            tangents[i] = zeros_like(x.detach())
    ctx.__dict__.setdefault("saved_for_forward", ())
    with _set_fwd_grad_enabled(False):
        found = cls.jvp(ctx, *tangents)
    found = found if isinstance(found, tuple) else (found,)
    outputs = output if isinstance(output, tuple) else (output,)
    if len(found) != len(outputs):
        raise RuntimeError(
            f"Function's jvp returned an invalid number of forward gradients (expected {len(outputs)} but got "
            f"{len(found)})"
        )
    constant = ctx.__dict__.get("_constants", ())
    for i, (y, t) in enumerate(zip(outputs, found)):
        if t is not None and not isinstance(t, Tensor):
            raise RuntimeError(f"expected Variable or None (got {type(t).__name__}) for grad output {i}.")
        if not isinstance(y, Tensor):
            continue
        if i in constant or not _differentiable(y):
            if t is not None:
                raise RuntimeError(
                    f"Function's jvp returned a gradient at position {i}, but  the corresponding forward output is not "
                    "a differentiable Tensor.You should return None at that position instead."
                )
            continue
        t = zeros_like(y.detach()) if t is None else t
        _check_storage(y, t, args, tangents)
        _set_tangent(y, t)


def _check_storage(y: Tensor, t: Tensor, args, tangents) -> None:
    """The tangent of an input that was written over must be written over, that of a view must be a view."""
    for x, given in zip(args, tangents):
        if y is x:
            if t is not given:
                raise RuntimeError(
                    "An inplace custom Function is not modifying the forward mode gradients inplace. If the forward is "
                    "modifying an input inplace, then the jvp function must modify the corresponding gradient inplace."
                )
            return
        if not isinstance(x, Tensor) or given is None:
            continue
        base = x._base if x._is_view() else x
        if base is None or not y._is_view() or y._base is not base:
            continue
        if not t._is_view():
            raise RuntimeError(
                "A custom Function's forward is returning a view (or an input as-is) but the jvp is not returning a "
                "view."
            )
        if given._is_view():
            if t._base is not given._base:
                raise RuntimeError(
                    "A custom Function is returning a view but the jvp is not returning a view of the same base as the "
                    "given grad input."
                )
        elif t._base is not given:
            raise RuntimeError(
                "A custom Function is returning a view but the jvp is not returning a view of the given grad input."
            )
        return


def _differentiable(x: Tensor) -> bool:
    return x.is_floating_point() or x.is_complex()


__getattr__ = _lookup("torch.autograd.forward_ad")
