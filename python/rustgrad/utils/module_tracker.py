"""Which modules run: by hooks on all modules in forward, and on the tensors between them in backward."""

import logging
import weakref

from .._names import lookup as _lookup
from .._rustgrad import Tensor, _current_graph_task_id, _queue_callback
from ..autograd.graph import register_multi_grad_hook
from ..nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from ._pytree import tree_leaves

__all__ = ["ModuleTracker"]

_log = logging.getLogger(__name__)


class ModuleTracker:
    """A `with` block that knows, at each moment, the modules whose forward or backward runs: `parents`.

    That is a set of names: `Global`, and for each module the class of the outermost one with the attributes that lead
    to it, such as `Net.encoder.0`. A module whose input needs no gradient has no end in backward: it stays until all of
    backward ends.
    """

    parents: set[str]

    def __init__(self) -> None:
        self.parents = {"Global"}
        self._names: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
        self._walked: weakref.WeakSet = weakref.WeakSet()
        self._hooks: list = []
        self._ends = False  # whether the backward that runs will tell when it ends

    @property
    def is_bw(self) -> bool:
        """Whether backward runs."""
        return _current_graph_task_id() != -1

    def _name(self, module) -> str:
        name = self._names.setdefault(module, type(module).__name__)
        if module not in self._walked:
            for key, child in module.named_children():
                self._names[child] = f"{name}.{key}"
                self._name(child)
            self._walked.add(module)
        return name

    def _change(self) -> None:
        """Called before `parents` changes."""

    def _enter(self, name: str) -> None:
        self._change()
        if name in self.parents:
            _log.info("The module %s was entered while it was running.", name)
        self.parents.add(name)

    def _leave(self, name: str) -> None:
        self._change()
        if name not in self.parents:
            _log.info("The module %s was left but had not been entered.", name)
        self.parents.discard(name)

    def _end(self) -> None:
        self._change()
        self.parents = {"Global"}
        self._ends = False

    def _enter_backward(self, name: str) -> None:
        if not self._ends:
            _queue_callback(self._end)
            self._ends = True
        self._enter(name)

    def _hook(self, values, act, name: str) -> None:
        tensors = [x for x in tree_leaves(values) if isinstance(x, Tensor) and x.requires_grad]
        if tensors:
            self._hooks.append(register_multi_grad_hook(tensors, lambda grads: act(name)))

    def _before(self, module, args) -> None:
        name = self._name(module)
        self._enter(name)
        self._hook(args, self._leave, name)

    def _after(self, module, args, output) -> None:
        name = self._name(module)
        self._leave(name)
        self._hook(output, self._enter_backward, name)

    def __enter__(self):
        self._handles = [register_module_forward_pre_hook(self._before), register_module_forward_hook(self._after)]
        return self

    def __exit__(self, *exception) -> None:
        for handle in [*self._handles, *self._hooks]:
            handle.remove()
        self._hooks.clear()


__getattr__ = _lookup("torch.utils.module_tracker")
