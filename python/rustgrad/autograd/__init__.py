"""Differentiation: `backward` and `grad`, functions with derivatives of their own, and the switches for recording."""

import warnings
from typing import Any

from .. import _rustgrad
from .._names import lookup as _lookup
from .._rustgrad import SavedTensor as SavedTensor
from .._rustgrad import Tensor
from .._rustgrad.torch import empty, ones_like, stack, zeros_like
from ..grad_mode import (
    enable_grad,
    inference_mode,
    is_multithreading_enabled,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function, NestedIOFunction
from .gradcheck import gradcheck, gradgradcheck
from .variable import Variable

__all__ = [
    "Function",
    "NestedIOFunction",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_multithreading_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]


def _is_edge(x) -> bool:
    return isinstance(x, tuple) and hasattr(x, "output_nr")


def _listed(tensors) -> list:
    return [tensors] if isinstance(tensors, Tensor) or _is_edge(tensors) else list(tensors)


def _root(x: Any, grad):
    """A tensor that stands for an output, and the gradient that it begins with."""
    if isinstance(x, Tensor):
        if grad is None or isinstance(grad, Tensor):
            return (x, grad) if not x.is_nested else (_leaf(x), None if grad is None else _leaf(grad))
        raise TypeError(f"gradients can be either Tensors or None, but got {type(grad).__name__}")
    if not _is_edge(x):
        raise AssertionError(f"Expected output to be a torch.Tensor or a GradientEdge, but got {type(x).__name__}")
    if grad is None:
        if (like := getattr(x, "_like", None)) is None or like.numel() != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        grad = ones_like(like)
    return _rustgrad._edge_tensor(x.node, x.output_nr, grad), grad


def _roots(tensors, grads):
    """Tensors, with stand-ins for edges, and one gradient for each."""
    if isinstance(tensors, Tensor) and not tensors.is_nested and (grads is None or isinstance(grads, Tensor)):
        return tensors, grads
    tensors = _listed(tensors)
    grads = [None] * len(tensors) if grads is None else _listed(grads)
    if len(grads) != len(tensors):
        return tensors, grads
    pairs = [_root(x, g) for x, g in zip(tensors, grads)]
    return [x for x, _ in pairs], [g for _, g in pairs]


def _of_values(x: Any) -> bool:
    """Whether the gradients of a tensor are those of its values: of a sparse or a nested one."""
    return isinstance(x, Tensor) and (x.layout != _rustgrad.strided or x.is_nested)


def _leaf(x: Any):
    """A tensor that stands for an input: of an edge, and of a sparse or nested tensor its values."""
    if isinstance(x, Tensor):
        values: Any = x
        return values._v if _of_values(x) else x
    if not _is_edge(x):
        raise RuntimeError(f"all inputs have to be Tensors or GradientEdges, but got {type(x).__name__}")
    like = getattr(x, "_like", None)
    return _rustgrad._edge_tensor(x.node, x.output_nr, empty(0) if like is None else like)


def _leaves(inputs):
    return None if inputs is None else [_leaf(x) for x in _listed(inputs)]


def backward(
    tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None
) -> None:
    """Add the gradients of `tensors` to `.grad` of the leaves they were made from, or of `inputs` only.

    grad_tensors: one for each tensor, None standing for 1 where it has one element. create_graph: the gradients can be
    differentiated themselves. The graph is freed unless retain_graph, which follows create_graph if not given. Edges
    (`graph.GradientEdge`) may stand for tensors; they need a gradient.
    """
    if grad_variables is not None:
        warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only "
                "use "
                "`grad_tensors`."
            )
        grad_tensors = grad_variables
    if inputs is not None and not isinstance(inputs, Tensor) and len(inputs) == 0:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    tensors, grads = _roots(tensors, grad_tensors)
    if not isinstance(tensors, Tensor) and not tensors:
        return
    _rustgrad.torch._backward(tensors, grads, retain_graph, create_graph, _leaves(inputs))


class _shared:
    """How many loops of `vmap` are open before their last entries: each entry may differentiate the same graph."""

    graphs = 0


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    only_inputs=True,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
) -> "tuple[Tensor, ...]":
    """The gradients of `outputs` with respect to `inputs`, as a tuple; no `.grad` changes.

    allow_unused: an input that had no part gives None instead of an error; with materialize_grads it gives zeros.
    is_grads_batched: each of grad_outputs has one dim more in front, and so have the results: one pass for each entry.
    The other arguments are those of `backward`.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for "
            "other "
            f"parts of the graph, please use {_rustgrad._library()}.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    unused = materialize_grads if allow_unused is None else allow_unused
    wanted = _leaves(inputs)
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    if is_grads_batched:
        grads = _batched(outputs, wanted, grad_outputs, retain_graph, create_graph, unused)
    else:
        roots, given = _roots(outputs, grad_outputs)
        if isinstance(given, list) and isinstance(roots, list) and len(given) > len(roots):
            given = given[: len(roots)]
        if retain_graph is None and _shared.graphs:
            retain_graph = True
        grads = _rustgrad.torch._grad(roots, wanted, given, retain_graph, create_graph, unused)
    like = _listed(inputs)
    if materialize_grads:
        grads = tuple(zeros_like(x, requires_grad=create_graph) if g is None else g for g, x in zip(grads, like))
    if any(_of_values(x) for x in like):
        grads = tuple(x._gradient(g) if g is not None and _of_values(x) else g for g, x in zip(grads, like))
    return grads  # pyright: ignore[reportReturnType] - None only where the caller allows it


def _batched(outputs, inputs, grad_outputs, retain_graph, create_graph, unused):
    """One pass for each entry of the gradients; the results are stacked."""
    outputs = _listed(outputs)
    if grad_outputs is None:
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    given = _listed(grad_outputs)
    for out, g in zip(outputs, given):
        if g is not None and isinstance(out, Tensor) and g.shape[1:] != out.shape:
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch "
                "dimension. "
                "The sizes of the remaining dimensions are expected to match the shape of corresponding output, but a "
                f"mismatch was detected: grad_output[0] has a shape of {g.shape} and output[0] has a shape of "
                f"{out.shape}."
                " If you only want some tensors in `grad_output` to be considered batched, consider using vmap."
            )
    size = next(len(g) for g in given if g is not None)
    keep = create_graph if retain_graph is None else retain_graph
    rows = []
    for i in range(size):
        last = i == size - 1
        roots, one = _roots(outputs, [None if g is None else g[i] for g in given])
        rows.append(_rustgrad.torch._grad(roots, inputs, one, keep if last else True, create_graph, unused))
    if not rows:
        like = [inputs] if isinstance(inputs, Tensor) else inputs
        return tuple(x.new_zeros((0, *x.shape)) for x in like)
    return tuple(None if column[0] is None else stack(list(column)) for column in zip(*rows))


def variable(*args, **kwargs):
    """Raises RuntimeError: `torch.autograd.Variable` and plain tensors are what to write."""
    lib = _rustgrad._library()
    raise RuntimeError(f"{lib}.autograd.variable(...) is deprecated, use {lib}.tensor(...) instead")


def __getattr__(name: str):
    from importlib import import_module

    if name in ("forward_ad", "functional", "graph"):
        return import_module(f"{__name__}.{name}")
    return _lookup("torch.autograd")(name)
