"""The graph: its nodes, edges into it, and hooks on what it saves."""

import contextlib
import functools
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from .. import _rustgrad
from .._names import lookup as _lookup
from .._rustgrad import Node, Tensor
from ..utils.hooks import RemovableHandle

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class _Edge(NamedTuple):
    node: Any
    output_nr: int
    ownership_token: Any = None


class GradientEdge(_Edge):
    """Where the gradient of a tensor goes: a node and the number of its output. Stands for the tensor in `backward`
    and `grad`."""

    # One element that shows as many as the tensor has: what its gradient looks like. None for an edge made by hand.
    _like: Tensor | None = None


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge of a tensor that requires a gradient; RuntimeError for one that does not."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    edge = _rustgrad._gradient_edge(tensor)
    if edge is None:
        raise AssertionError("Expected gradient function to be set")
    made = GradientEdge(*edge)
    made._like = tensor.detach().new_zeros(()).expand(tensor.shape)
    return made


def increment_version(tensor) -> None:
    """Count a write to a tensor, or to each of several, that autograd has not seen."""
    for one in [tensor] if isinstance(tensor, Tensor) else tensor:
        _rustgrad._increment_version(one)


class saved_tensors_hooks:
    """A `with` block in which `pack_hook(tensor)` is called for each tensor that is saved for backward, and
    `unpack_hook(what it returned)` gives the tensor back when backward needs it.

    RuntimeError where pack_hook writes over its argument; TypeError where unpack_hook returns no tensor.
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        _rustgrad._push_saved_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *args: object) -> None:
        _rustgrad._pop_saved_hooks()


class save_on_cpu(saved_tensors_hooks):
    """A `with` block in which what is saved for backward is kept in main memory."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        def pack(tensor: Tensor):
            return tensor.device, tensor.cpu() if not tensor.is_cpu else tensor.clone()

        def unpack(packed) -> Tensor:
            device, tensor = packed
            return tensor.to(device)

        super().__init__(pack, unpack)


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """A `with` block in which hooks on saved tensors raise RuntimeError with this message."""
    before = _rustgrad._refuse_saved_hooks(error_message)
    try:
        yield
    finally:
        _rustgrad._refuse_saved_hooks(before)


class _MultiHandle(RemovableHandle):
    def __init__(self, handles):
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __getstate__(self):
        return self.handles

    def __setstate__(self, state):
        self.handles = state


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable, *, mode: str = "all"):
    """Call `fn` once in each backward: with the list of all gradients of `tensors` when all that will come have come
    (`mode="all"`, None for the others), or with the first of them (`mode="any"`).

    Returns a handle with `remove()`. ValueError for another mode.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    lock = threading.Lock()
    if mode == "all":
        return _MultiHandle(_hook_all(tensors, fn, lock))
    seen: set[int] = set()

    @functools.wraps(fn)
    def first(grad: Tensor) -> None:
        run = _rustgrad._current_graph_task_id()
        with lock:
            if run in seen:
                return
            seen.clear()
            seen.add(run)
        fn(grad)

    return _MultiHandle([tensor.register_hook(first) for tensor in tensors if tensor.requires_grad])


def _hook_all(tensors, fn, lock):
    counts: dict[int, int] = {}
    expected: dict[int, int] = {}
    grads: dict[int, list] = {}
    nodes = [get_gradient_edge(tensor).node for tensor in tensors]

    def hook_of(place):
        def hook(grad: Tensor) -> None:
            run = _rustgrad._current_graph_task_id()
            if run == -1:
                raise AssertionError("expected this hook to be called inside a backward call")
            with lock:
                if run not in counts:
                    counts[run] = 0
                    grads[run] = [None] * len(tensors)
                    expected[run] = sum(map(_rustgrad._will_engine_execute_node, nodes))
                counts[run] += 1
                grads[run][place] = grad
                found = grads.pop(run) if counts[run] == expected[run] else None
                if found is not None:
                    del counts[run], expected[run]
            if found is not None:
                fn(found)

        return hook

    return [tensor.register_hook(hook_of(i)) for i, tensor in enumerate(tensors)]


class _Kept:
    """A saved tensor, which is copied before its memory is written to."""

    __slots__ = ("__weakref__", "context", "tensor")

    def __init__(self, tensor: Tensor, context):
        self.tensor = tensor.detach()
        self.context = context


class _AllowMutationOnSavedContext:
    """What a block of `allow_mutation_on_saved_tensors` keeps: saved tensors by their memory."""

    def __init__(self) -> None:
        self._kept: dict[int, weakref.WeakSet] = {}
        self._open = True
        # Copies of the tensors that were written to after they had been saved.
        self.cloned: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()

    def clear(self) -> None:
        """Forget all saved tensors."""
        self._kept.clear()
        self.cloned.clear()
        self._open = False

    def _pack(self, tensor: Tensor) -> _Kept:
        kept = _Kept(tensor, self)
        self._kept.setdefault(tensor.untyped_storage()._cdata, weakref.WeakSet()).add(kept)
        return kept

    def _before_write(self, target: Tensor) -> None:
        """Copies what is saved of the memory that is about to be written; called by the extension."""
        for kept in self._kept.pop(target.untyped_storage()._cdata, ()):
            self.cloned[kept] = kept.tensor = kept.tensor.clone()

    @staticmethod
    def _unpack(kept: _Kept) -> Tensor:
        if not kept.context._open:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in which the graph was "
                "originally recorded."
            )
        return kept.tensor


@contextlib.contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_AllowMutationOnSavedContext]:
    """A `with` block in which tensors that were saved for backward may be written over: they are copied before.

    RuntimeError inside of another such block. Backward may run within the block only: AssertionError outside of it.
    """
    context = _AllowMutationOnSavedContext()
    with saved_tensors_hooks(context._pack, context._unpack):
        if not _rustgrad._before_write(context._before_write):
            raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
        try:
            yield context
        finally:
            _rustgrad._before_write(None)
            context.clear()


__getattr__ = _lookup("torch.autograd.graph")
