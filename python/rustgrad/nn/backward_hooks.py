"""Backward hooks of one call of a module.

Full hooks see all gradients of the call at once, though each gradient travels alone. So inputs and outputs pass layers
of identity views. Backward runs nodes from the youngest to the oldest: every node of the middle layer, which collects
gradients, has run before the first of the inner layer, which lets the hooks see them and hands on what they return. A
gradient that never arrives stays None. The outer layer is what the program holds: hooks that it registers on these
tensors have run before the gradients are collected.
"""

import warnings

from .._rustgrad import Tensor
from .._rustgrad.torch import is_grad_enabled, zeros

__all__ = ["BackwardHooks", "hook_last_node"]


class BackwardHooks:
    """Puts the full backward hooks of `module` around one call: `on_inputs` before it, `on_output` after it."""

    def __init__(self, module, hooks, pre_hooks) -> None:
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.has_inputs = False  # whether an input takes part in differentiation
        self.inputs = []  # what is needed to make a gradient of zeros for each input; None for what is no tensor
        self.grad_output = None  # known from the arrival of the outputs' gradients until the hooks have run

    def on_inputs(self, args):
        """The positional arguments, with the hooks behind those tensors that require grad."""
        self.inputs = [(x.shape, x.dtype, x.device) if isinstance(x, Tensor) else None for x in args]
        args, self.has_inputs = _gate(args, self._inputs_arrived)
        return args

    def on_output(self, result):
        """The module's result, with the hooks before those tensors that require grad."""
        if isinstance(result, tuple):
            gated, _ = _gate(result, self._outputs_arrived)
            # A named tuple takes its items one by one.
            return type(result)(*gated) if hasattr(result, "_fields") else gated
        if not isinstance(result, Tensor):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                f"received {type(result)}",
                stacklevel=5,
            )
            return result
        (result,), _ = _gate((result,), self._outputs_arrived)
        return result

    def _outputs_arrived(self, grads):
        for hook in self.pre_hooks:
            grads = _checked(hook(self.module, grads), grads, "Backward pre hook", "grad_output")
        self.grad_output = grads
        if not self.has_inputs:
            self._run_without_inputs(grads)
        return grads

    def _run_without_inputs(self, grads):
        if self.hooks:
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module outputs since no "
                "inputs require gradients. Require a gradient of an input to have it fire for the inputs.",
                stacklevel=2,
            )
        for hook in self.hooks:
            changed = hook(self.module, (None,) * len(self.inputs), grads)
            if changed is not None and not (isinstance(changed, tuple) and all(g is None for g in changed)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None "
                    "for all gradients."
                )
        self.grad_output = None

    def _inputs_arrived(self, grads):
        if self.grad_output is None:  # these gradients did not come through the module's output
            return grads
        # The hooks see zeros for tensors that no gradient has come to, also for those that do not require one.
        grads = tuple(
            zeros(meta[0], dtype=meta[1], device=meta[2]) if g is None and meta else g
            for g, meta in zip(grads, self.inputs)
        )
        for hook in self.hooks:
            grads = _checked(hook(self.module, grads, self.grad_output), grads, "Backward hook", "grad_input")
        self.grad_output = None
        return grads


def _checked(changed, grads, hook, what):
    """What a hook returned, as a tuple of as many gradients as it was given."""
    if changed is None:
        return grads
    changed = changed if isinstance(changed, tuple) else (changed,)
    if len(changed) != len(grads):
        raise RuntimeError(
            f"{hook} returned an invalid number of {what}, got {len(changed)}, but expected {len(grads)}"
        )
    return changed


def _gate(values, arrived):
    """Tensors of `values` behind a gate: `arrived(grads)` sees all their gradients, and its result goes on.

    Returns the values, and whether any of them requires grad (else they are returned as they are).
    """
    places = [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.requires_grad]
    if not places or not is_grad_enabled():
        return values, False
    grads = [None] * len(values)
    state = {}

    def collect(i):
        def hook(grad):
            state.pop("changed", None)  # a later backward begins
            grads[i] = grad

        return hook

    def hand_on(i):
        def hook(grad):
            if "changed" not in state:
                state["changed"] = arrived(tuple(grads))
                grads[:] = [None] * len(grads)
            return state["changed"][i]

        return hook

    inner = {i: values[i].view_as(values[i]) for i in places}
    middle = {i: inner[i].view_as(inner[i]) for i in places}
    for i in places:
        inner[i].register_hook(hand_on(i))
        middle[i].register_hook(collect(i))
    return tuple(middle[i].view_as(x) if i in middle else x for i, x in enumerate(values)), True


def hook_last_node(module, hooks, args, result):
    """Hooks of the older kind: they see the gradients that enter and leave the last node of `result`."""
    first = result
    while not isinstance(first, Tensor):
        if isinstance(first, dict):
            first = next(x for x in first.values() if isinstance(x, Tensor))
        else:
            first = first[0]
    node = first.grad_fn
    if node is None:
        return
    for hook in hooks:
        node.register_hook(lambda grad_input, grad_output, hook=hook: hook(module, grad_input, grad_output))
    _warn_of_blind_spots(args, result, node)


def _warn_of_blind_spots(args, result, node):
    def tensors(values):
        return isinstance(values, Tensor) or (isinstance(values, tuple) and all(isinstance(x, Tensor) for x in values))

    advice = "Please use register_full_backward_hook to get the documented behavior."
    results = (result,) if isinstance(result, Tensor) else result
    if not tensors(result):
        text = (
            "Using non-full backward hooks on a Module that does not return a single Tensor or a tuple of Tensors is "
            "deprecated and will be removed in future versions. This hook will be missing some of the grad_output. "
            f"{advice}"
        )
    elif not tensors(args):
        text = (
            "Using non-full backward hooks on a Module that does not take as input a single Tensor or a tuple of "
            "Tensors is deprecated and will be removed in future versions. This hook will be missing some of the "
            f"grad_input. {advice}"
        )
    elif len({x.grad_fn for x in results} - {None}) > 1:
        text = (
            "Using a non-full backward hook when outputs are generated by different autograd Nodes is deprecated and "
            f"will be removed in future versions. This hook will be missing some grad_output. {advice}"
        )
    elif {x.grad_fn for x in args} - {None} != {n for n, _ in node.next_functions}:
        text = (
            "Using a non-full backward hook when the forward contains multiple autograd Nodes is deprecated and will "
            f"be removed in future versions. This hook will be missing some grad_input. {advice}"
        )
    else:
        return
    warnings.warn(text, FutureWarning, stacklevel=6)
