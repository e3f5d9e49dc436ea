"""Forward mode: tensors that carry a tangent, and what functions make of it, the product of their Jacobian with it.

There is no second engine. What is computed from a dual tensor is recorded as for backward, and `unpack_dual` finds the
tangent by differentiating backward itself, which is linear in what comes in: its transpose is the product asked for
(Townsend 2017, "A new trick for calculating Jacobian vector products"). So results require a gradient, unlike
PyTorch's, a function must be differentiable twice, and what is computed under `no_grad` has no tangent. Only the `jvp`
of an `autograd.Function` is called where it is written, and its result is a dual tensor of its own.
"""

from typing import Any, NamedTuple

from .._names import lookup as _lookup
from .._rustgrad import Tensor, is_grad_enabled
from .._rustgrad.torch import zeros_like
from ..grad_mode import enable_grad
from .function import Function
from .function import dual_levels as _levels

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class UnpackedDualTensor(NamedTuple):
    """A tensor without its tangent, and the tangent, or None."""

    primal: Tensor
    tangent: Tensor | None


class _Dual(Function):
    """A copy of `x`, and a leaf of zeros whose gradient is that of `x`."""

    @staticmethod
    def forward(ctx, x, leaf):
        return x.clone()  # no view: it may be written over

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
    """A copy of `tensor` with `tangent`, of the same shape, as its tangent. (PyTorch's is a view.)

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


def through_jvp(cls, ctx, args, output):
    """The outputs of a custom function's `forward`, as dual tensors whose tangents its `jvp` gives.

    None where no argument has a tangent, and where backward finds the tangents: for functions that are differentiated
    by tensors without tangents, too, or that write over an argument. NotImplementedError for a function without jvp,
    RuntimeError where jvp gives what does not fit the outputs.
    """
    if not any(_has_tangent(x) for x in args if isinstance(x, Tensor)):
        return None
    if cls.jvp is Function.jvp:
        if cls.__module__.partition(".")[0] == Function.__module__.partition(".")[0]:
            return None
        cls.jvp(ctx)
    duals = [unpack_dual(x) if isinstance(x, Tensor) else None for x in args]
    mixed = any(d is not None and d.primal.requires_grad for d in duals)
    backward = cls.backward is not Function.backward or cls.vjp is not Function.vjp
    if (mixed and backward) or ctx.__dict__.get("dirty_tensors"):
        return None
    fill = ctx.__dict__.get("materialize_grads", True)
    tangents = cls.jvp(ctx, *(_tangent_of(x, d, fill) for x, d in zip(args, duals)))
    tangents = tangents if isinstance(tangents, tuple) else (tangents,)
    outputs = list(output) if isinstance(output, tuple) else [output]
    if len(tangents) != len(outputs):
        raise RuntimeError(
            f"{cls.__name__}.jvp: expected {len(outputs)} tangents, one for each output of forward, got {len(tangents)}"
        )
    constant = ctx.__dict__.get("non_differentiable", ())
    for i, (y, t) in enumerate(zip(outputs, tangents)):
        fixed = not isinstance(y, Tensor) or any(y is c for c in constant) or not _differentiable(y)
        if fixed and t is not None:
            raise RuntimeError(
                f"{cls.__name__}.jvp returned a tangent for output {i}, which has none: it is no tensor, was marked "
                "non-differentiable, or has an integer dtype. You should return None at that position instead"
            )
        if not fixed:
            outputs[i] = y.detach() if t is None else make_dual(y.detach(), t)
    if not isinstance(output, tuple):
        return outputs[0]
    return type(output)(*outputs) if hasattr(output, "_fields") else tuple(outputs)


def _differentiable(x: Tensor) -> bool:
    return x.is_floating_point() or x.is_complex()


def _has_tangent(x: Tensor) -> bool:
    seeds = {id(leaf) for known in _levels for leaf, _ in known}
    return any(id(leaf) in seeds for leaf in _leaves(x))


def _tangent_of(x, dual, fill: bool):
    if dual is None:
        return None
    if dual.tangent is None and fill and _differentiable(x):
        return zeros_like(x.detach())
    return dual.tangent


_missing = _lookup("torch.autograd.forward_ad")


def __getattr__(name: str):
    if name == "_current_level":
        return len(_levels) - 1
    return _missing(name)
