"""Differentiation: `backward` and `grad`, and the switches for recording."""

from .. import _rustgrad
from .._names import lookup as _lookup
from .._rustgrad import Tensor
from .._rustgrad.torch import zeros_like
from ..grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from .variable import Variable

__all__ = ["Variable", "backward", "enable_grad", "grad", "inference_mode", "no_grad", "set_grad_enabled"]


def backward(
    tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None
) -> None:
    """Add the gradients of `tensors` to `.grad` of the leaves they were made from, or of `inputs` only.

    grad_tensors: one for each tensor, None standing for 1 where it has one element. create_graph: the gradients can be
    differentiated themselves. The graph is freed unless retain_graph, which follows create_graph if not given.
    """
    if inputs is not None and not isinstance(inputs, Tensor) and len(inputs) == 0:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    grads = grad_variables if grad_tensors is None else grad_tensors
    _rustgrad.torch._backward(tensors, grads, retain_graph, create_graph, inputs)


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
    The other arguments are those of `backward`.
    """
    if is_grads_batched:
        raise NotImplementedError("grad: is_grads_batched=True is not built yet; call grad once for each vector")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    unused = materialize_grads if allow_unused is None else allow_unused
    grads = _rustgrad.torch._grad(outputs, inputs, grad_outputs, retain_graph, create_graph, unused)
    if materialize_grads:
        wanted = [inputs] if isinstance(inputs, Tensor) else inputs
        grads = tuple(zeros_like(x) if g is None else g for g, x in zip(grads, wanted))
    return grads


__getattr__ = _lookup("torch.autograd")
