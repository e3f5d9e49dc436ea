"""The graph of a model for TensorBoard: which layers ran, and where each found its input."""

from typing import Any

from ..._rustgrad import Tensor
from ...grad_mode import enable_grad
from .._pytree import tree_leaves, tree_map
from .proto import field, integer

__all__ = ["model_graph"]


class _Recorder:
    """Watches one run of a model through hooks, and writes a node for each call of a layer.

    A tensor that no layer gave came out of functions between layers. The graph of autograd leads from it back to the
    layers and inputs it was made of.
    """

    def __init__(self, model):
        self.nodes: list[bytes] = []
        self._tensors: dict[int, str] = {}  # by id, which `_alive` keeps from being used anew
        self._origins: dict[Any, str] = {}  # by node of the graph
        self._alive: list[Any] = []
        self._calls: dict[str, int] = {}
        self._scopes = {model: type(model).__name__}
        for path, module in model.named_modules():
            if path:
                owner, _, last = path.rpartition(".")
                above = self._scopes[model.get_submodule(owner)]
                self._scopes.setdefault(module, f"{above}/{type(module).__name__}[{last}]")

    def write(self, name: str, op: str, inputs, shapes, text: str = "") -> None:
        """One node. `shapes` are those of its outputs."""
        sizes = [b"".join(field(2, integer(1, n)) for n in shape) for shape in shapes]
        attributes = {"attr": field(2, text), "_output_shapes": field(1, b"".join(field(7, size) for size in sizes))}
        body = field(1, name) + field(2, op) + b"".join(field(3, one) for one in inputs)
        body += b"".join(field(5, field(1, key) + field(2, value)) for key, value in attributes.items())
        self.nodes.append(field(1, body))

    def made(self, tensors, name: str) -> None:
        """Remember that node `name` gave these tensors."""
        for t in tensors:
            self._alive.append(t)
            self._tensors[id(t)] = name
            if t.grad_fn is not None:
                self._alive.append(t.grad_fn)
                self._origins[t.grad_fn] = name

    def sources(self, tensors) -> list[str]:
        """The nodes that these tensors come from, each once."""
        found: dict[str, None] = {}
        for t in tensors:
            if id(t) in self._tensors:
                found[self._tensors[id(t)]] = None
                continue
            waiting, seen = [t.grad_fn], set()
            while waiting:
                node = waiting.pop()
                if node is None or node in seen:
                    continue
                seen.add(node)
                if node in self._origins:
                    found[self._origins[node]] = None
                    continue
                leaf = getattr(node, "variable", None)
                if leaf is not None and id(leaf) in self._tensors:
                    found[self._tensors[id(leaf)]] = None
                waiting += [before for before, _ in reversed(node.next_functions)]
        return list(found)

    def _named(self, module) -> str:
        scope = self._scopes[module]
        calls = self._calls[scope] = self._calls.get(scope, 0) + 1
        return scope if calls == 1 else f"{scope}_{calls - 1}"

    def watch(self, module):
        """Hooks a module without children, which becomes a node. Returns the hook's handle."""

        def called(module, args, kwargs, output):
            results = _tensors_of(output)
            name = self._named(module)
            shapes = [t.shape for t in results]
            self.write(
                name, type(module).__name__, self.sources(_tensors_of((args, kwargs))), shapes, module.extra_repr()
            )
            self.made(results, name)

        return module.register_forward_hook(called, with_kwargs=True)


def _tensors_of(values) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def _for_graph(t):
    """An input that its functions are recorded from."""
    if not isinstance(t, Tensor):
        return t
    t = t.detach()
    return t.requires_grad_() if t.is_floating_point() or t.is_complex() else t


def model_graph(model, inputs) -> bytes:
    """A GraphDef: nodes for the inputs, for each call of a layer, in folders as the modules are, and for the outputs.

    inputs: the model's argument, or a tuple of its arguments. The model runs once, in evaluation mode.
    """
    args = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    args = tree_map(_for_graph, args)
    recorder = _Recorder(model)
    for i, t in enumerate(_tensors_of(args)):
        recorder.write(f"input/{i}", "IO Node", [], [t.shape])
        recorder.made([t], f"input/{i}")
    layers = [module for module in model.modules() if next(module.children(), None) is None]
    handles = [recorder.watch(module) for module in layers]
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        with enable_grad():
            outputs = _tensors_of(model(*args))
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    for i, t in enumerate(outputs):
        recorder.write(f"output/{i}", "IO Node", recorder.sources([t]), [t.shape])
    return b"".join(recorder.nodes) + field(4, integer(1, 22))
