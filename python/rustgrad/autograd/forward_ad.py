"""Forward mode: tensors that carry a tangent, and what functions make of it, the product of their Jacobian with it.

There is no second engine. What is computed from a dual tensor is recorded as for backward, and `unpack_dual` finds the
tangent by differentiating backward itself, which is linear in what comes in: its transpose is the product asked for
(Townsend 2017, "A new trick for calculating Jacobian vector products"). So results require a gradient, unlike
PyTorch's, a function must be differentiable twice, the `jvp` of an `autograd.Function` is not called, and what is
computed under `no_grad` has no tangent.
"""

from typing import Any, NamedTuple

from .._names import lookup as _lookup
from .._rustgrad import Tensor, is_grad_enabled
from .._rustgrad.torch import zeros_like
from ..grad_mode import enable_grad
from .function import Function

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class UnpackedDualTensor(NamedTuple):
    """A tensor without its tangent, and the tangent, or None."""

    primal: Tensor
    tangent: Tensor | None


# For each level its dual tensors: the leaf that stands for a tangent, and the tangent.
_levels: list[list[tuple[Tensor, Tensor]]] = []


class _Dual(Function):
    """`x`, and a leaf of zeros whose gradient is that of `x`."""

    @staticmethod
    def forward(ctx, x, leaf):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, *grads):
        return grads[0], grads[0]


def enter_dual_level() -> int:
    """Begin a level, and return its number. RuntimeError within another: levels do not nest, as in PyTorch."""
    if _levels:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _levels.append([])
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End a level: its dual tensors have no tangents any more. RuntimeError where it is not the last one."""
    level = len(_levels) - 1 if level is None else level
    if level < 0:
        raise RuntimeError("Dual level must be a positive number.")
    if level != len(_levels) - 1:
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    _levels.pop()


class dual_level:
    """A `with` block that is a level."""

    def __enter__(self) -> int:
        self.level = enter_dual_level()
        return self.level

    def __exit__(self, *_) -> bool:
        exit_dual_level(level=self.level)
        return False


def _check_recording(what: str) -> None:
    if not is_grad_enabled():
        raise NotImplementedError(
            f"{what}: tangents are found from what is recorded for backward, and gradients are off here\n"
            "hint: leave no_grad() out where dual tensors are used, or wrap it in enable_grad()"
        )


def _leaves(x: Tensor) -> list[Tensor]:
    """The leaves that `x` was computed from."""
    if x.grad_fn is None:
        return [x] if x.requires_grad else []
    found, seen, todo = [], set(), [x.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (leaf := getattr(node, "variable", None)) is not None:
            found.append(leaf)
        todo.extend(following for following, _ in node.next_functions)
    return found


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A view of `tensor` with `tangent`, of the same shape, as its tangent.

    Raises ValueError for tensors that are neither real nor complex floats; RuntimeError outside of a level, for another
    shape, and for a tensor that has a tangent; NotImplementedError where gradients are off.
    """
    level = len(_levels) - 1 if level is None else level
    if level < 0:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for name, x in (("primal", tensor), ("tangent", tangent)):
        if not (x.is_floating_point() or x.is_complex()):
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {x.dtype}")
    _check_recording("make_dual")
    if tensor.shape != tangent.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {[*tensor.shape]} while the given forward gradient is of size "
            f"{[*tangent.shape]}."
        )
    seeds = _levels[level]
    known = {id(leaf) for leaf, _ in seeds}
    if any(id(leaf) in known for leaf in _leaves(tensor)):
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level "
            f"{level} is not supported."
        )
    leaf = zeros_like(tensor.detach()).requires_grad_()
    seeds.append((leaf, tangent))
    dual: Any = _Dual.apply(tensor, leaf)
    return dual


def _pushed(x: Tensor, seeds: list[tuple[Tensor, Tensor]], keep: bool) -> Tensor:
    """The Jacobian of `x` by the leaves of `seeds`, times their tangents; recorded if `keep`."""
    from . import grad

    with enable_grad():
        incoming = zeros_like(x.detach()).requires_grad_()
        found = grad(x, [leaf for leaf, _ in seeds], incoming, create_graph=True, allow_unused=True)
        pairs = [(g, t.to(g.dtype)) for g, (_, t) in zip(found, seeds) if g is not None and g.requires_grad]
        if not pairs:
            return zeros_like(x.detach())
        results, tangents = zip(*pairs)
        (pushed,) = grad(results, [incoming], tangents, retain_graph=True, create_graph=keep, allow_unused=True)
    return zeros_like(x.detach()) if pushed is None else pushed


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """`tensor` without its tangent, and the tangent: None outside of a level and for what no dual tensor led to.

    Both can be differentiated where `tensor` was computed from other tensors that require a gradient. Raises
    RuntimeError for another level, NotImplementedError where gradients are off.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"_unpack_dual(): argument 'dual' (position 1) must be Tensor, not {type(tensor).__name__}")
    level = len(_levels) - 1 if level is None else level
    if level < 0:
        return UnpackedDualTensor(tensor, None)
    _check_recording("unpack_dual")
    seeds = {id(leaf): (leaf, tangent) for known in _levels for leaf, tangent in known}
    leaves = _leaves(tensor)
    own = [seeds[id(leaf)] for leaf in leaves if id(leaf) in seeds]
    if not own:
        return UnpackedDualTensor(tensor, None)
    if level >= len(_levels):
        raise RuntimeError("Invalid level given to _fw_primal")
    keep = len(own) < len(leaves) or any(tangent.requires_grad for _, tangent in own)
    return UnpackedDualTensor(tensor.view_as(tensor) if keep else tensor.detach(), _pushed(tensor, own, keep))


__getattr__ = _lookup("torch.autograd.forward_ad")
