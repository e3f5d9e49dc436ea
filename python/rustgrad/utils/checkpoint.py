"""Checkpoints: a part of a model keeps nothing for backward, and is computed again when backward comes to it."""

import contextlib
import itertools
import warnings
from weakref import WeakKeyDictionary, ref

from .._names import lookup as _lookup
from .._rustgrad import Tensor, _current_graph_task_id, _graph_task_is_limited, _library
from .._rustgrad.torch import is_grad_enabled
from ..amp import autocast
from ..amp.state import get_autocast_dtype, is_autocast_enabled
from ..autograd import Function, backward
from ..autograd.graph import saved_tensors_hooks
from ..grad_mode import enable_grad, no_grad
from ..random import fork_rng, get_rng_state, set_rng_state
from ._selective import CheckpointPolicy, SelectiveCheckpointContext, create_selective_checkpoint_contexts

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "CheckpointPolicy",
    "DefaultDeviceType",
    "SelectiveCheckpointContext",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "create_selective_checkpoint_contexts",
    "detach_variable",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
    "set_device_states",
]

_DEFAULT_DETERMINISM_MODE = "default"
_early_stop = True
_debug: bool | None = None


class CheckpointError(RuntimeError):
    """Raised where computing again saves other tensors than the first time."""


class DefaultDeviceType:
    """The device type of checkpoints whose tensors are all on the CPU."""

    _default_device_type = "cuda"

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        """Set it."""
        DefaultDeviceType._default_device_type = device

    @staticmethod
    def get_device_type() -> str:
        """What was set last."""
        return DefaultDeviceType._default_device_type


def detach_variable(inputs: tuple) -> tuple:
    """The tensors of a tuple cut off from their graphs, with the same `requires_grad`. RuntimeError for no tuple."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}")
    return tuple(x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs)


def check_backward_validity(inputs) -> None:
    """Warn where no input requires a gradient: a checkpoint of the reentrant kind then gives none."""
    if not any(x.requires_grad for x in inputs if isinstance(x, Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


def get_device_states(*args) -> tuple[list[int], list[Tensor]]:
    """The states of the generators of the devices that tensors are on, other than the CPU's: there are none."""
    return [], []


def set_device_states(devices, states, *, device_type=None) -> None:
    """Nothing: all devices draw from the CPU's generator."""


def noop_context_fn():
    """Two contexts that do nothing: the default of `context_fn`."""
    return contextlib.nullcontext(), contextlib.nullcontext()


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool):
    """A `with` block in which computing again ends as soon as all is there that backward needs, or does not."""
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None):
    """A `with` block that sets `debug` of the checkpoints in it: recorded only."""
    global _debug
    before, _debug = _debug, enabled
    try:
        yield
    finally:
        _debug = before


def _autocasts() -> list:
    """Autocast as it is now, to be entered again."""
    states = [(device, is_autocast_enabled(device), get_autocast_dtype(device)) for device in ("cpu", "gpu")]
    return [lambda d=d, e=e, t=t: autocast(d, enabled=e, dtype=t) for d, e, t in states if e] or [
        contextlib.nullcontext
    ]


@contextlib.contextmanager
def _as_then(autocasts, rng_state):
    """Autocast and the random numbers of the first time."""
    with contextlib.ExitStack() as stack:
        if rng_state is not None:
            stack.enter_context(fork_rng(devices=[]))
            set_rng_state(rng_state)
        for made in autocasts:
            stack.enter_context(made())
        yield


class CheckpointFunction(Function):
    """The reentrant kind: one node, whose backward computes the function again and runs backward through it."""

    @staticmethod
    def forward(ctx, run_function, preserve_rng_state, *args):
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.autocasts = _autocasts()
        ctx.rng_state = get_rng_state() if preserve_rng_state else None
        ctx.inputs = [None if isinstance(x, Tensor) else x for x in args]
        ctx.tensor_indices = [i for i, x in enumerate(args) if isinstance(x, Tensor)]
        ctx.save_for_backward(*(args[i] for i in ctx.tensor_indices))
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx, *grads):
        if _graph_task_is_limited():
            raise RuntimeError(
                f"When use_reentrant=True, {_library()}.utils.checkpoint is incompatible with .grad() or passing an "
                "`inputs` "
                "parameter to .backward(). To resolve this error, you can either set use_reentrant=False, or call "
                ".backward() without passing the `inputs` argument."
            )
        inputs = list(ctx.inputs)
        for i, x in zip(ctx.tensor_indices, ctx.saved_tensors):
            inputs[i] = x
        given = detach_variable(tuple(inputs))
        with _as_then(ctx.autocasts, ctx.rng_state), enable_grad():
            outputs = ctx.run_function(*given)
        if isinstance(outputs, Tensor):
            outputs = (outputs,)
        pairs = [(x, g) for x, g in zip(outputs, grads) if isinstance(x, Tensor) and x.requires_grad]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([x for x, _ in pairs], [g for _, g in pairs])
        return (None, None, *(x.grad if isinstance(x, Tensor) else None for x in given))


class _StopRecomputation(Exception):
    pass


_looks = itertools.count(-2, -1)


class _Holder:
    """Stands for one tensor that was not saved."""

    __slots__ = ("__weakref__", "handles")

    def __init__(self):
        self.handles = {}


class _Handle:
    """The key of one recomputed tensor; it lives as long as its holder."""

    __slots__ = ("__weakref__",)


class _Frame:
    """One call of a checkpointed function: what it would have saved, and what computing again found."""

    def __init__(self, recompute, early_stop, metadata_of):
        self.recompute = recompute
        self.early_stop = early_stop
        self.metadata_of = metadata_of
        self.holders: list = []  # weak references, in the order of saving
        self.metadata: list = []
        self.found: dict[int, WeakKeyDictionary] = {}  # by the run of backward
        self.counted: dict[int, int] = {}
        self.complete: set[int] = set()
        self.forward_done = False


class _forward_hooks(saved_tensors_hooks):
    """In the first call nothing is saved but a holder."""

    def __init__(self, frame: _Frame):
        def pack(x):
            holder = _Holder()
            frame.holders.append(ref(holder))
            if frame.metadata_of is not None:
                with no_grad():
                    frame.metadata.append(frame.metadata_of(x))
            return holder

        def unpack(holder):
            run = _current_graph_task_id()
            if run == -1:
                run = next(
                    _looks
                )  # somebody looks at saved tensors outside of backward: each time it is computed again
            if run not in frame.complete:
                with contextlib.suppress(_StopRecomputation), _recomputation_hooks(frame, run):
                    frame.recompute()
                frame.complete.add(run)
                _check_recomputed(frame, run)
            handle = holder.handles.pop(run, None)
            if handle is None:
                raise CheckpointError(
                    f"{_library()}.utils.checkpoint: Unpack is being triggered for a tensor that was already unpacked "
                    "once. If "
                    "you are calling ctx.saved_tensors in backward, make sure to do so only once. Otherwise please "
                    "open an "
                    "issue with details on your use case."
                )
            return frame.found[run].pop(handle)

        super().__init__(pack, unpack)


class _recomputation_hooks(saved_tensors_hooks):
    """While computing again, the tensors that are saved are those that the holders stand for."""

    def __init__(self, frame: _Frame, run: int):
        weak = ref(frame)

        def pack(x):
            frame = weak()
            assert frame is not None
            place = frame.counted.get(run, 0)
            frame.counted[run] = place + 1
            if place >= len(frame.holders):
                if not frame.early_stop:
                    raise CheckpointError(
                        f"{_library()}.utils.checkpoint: trying to save more tensors during recomputation than during "
                        "the original "
                        "forward pass."
                    )
                raise _StopRecomputation
            holder = frame.holders[place]()
            if holder is not None:
                holder.handles[run] = handle = _Handle()
                frame.found.setdefault(run, WeakKeyDictionary())[handle] = x.detach()
            if frame.early_stop and frame.counted[run] == len(frame.holders):
                raise _StopRecomputation
            return x.detach()

        super().__init__(pack, lambda x: x)


def _check_recomputed(frame: _Frame, run: int) -> None:
    counted = frame.counted.get(run, 0)
    if counted != len(frame.holders):
        raise CheckpointError(
            f"{_library()}.utils.checkpoint: A different number of tensors was saved during the original forward and "
            f"recomputation.\nNumber of tensors saved during forward: {len(frame.holders)}\n"
            f"Number of tensors saved during recomputation: {counted}."
        )
    differing = []
    found = frame.found.get(run, {})
    for i, weak in enumerate(frame.holders):
        holder = weak()
        handle = None if holder is None else holder.handles.get(run)
        if handle is None or frame.metadata_of is None:
            continue
        with no_grad():
            now = frame.metadata_of(found[handle])
        if now != frame.metadata[i]:
            differing.append(
                f"tensor at position {i}:\nsaved metadata: {frame.metadata[i]}\nrecomputed metadata: {now}"
            )
    if differing:
        raise CheckpointError(
            f"{_library()}.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
            "during the "
            "forward pass.\n" + "\n".join(differing)
        )


def _metadata(x: Tensor) -> dict:
    return {"shape": x.shape, "dtype": x.dtype, "device": x.device}


def _metadata_of(determinism_check: str):
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    return _metadata if determinism_check == "default" else None


def checkpoint(
    function,
    *args,
    use_reentrant: bool | None = None,
    context_fn=noop_context_fn,
    determinism_check: str = _DEFAULT_DETERMINISM_MODE,
    debug: bool = False,
    early_stop: bool = True,
    **kwargs,
):
    """`function(*args, **kwargs)` without keeping what its backward needs: it is computed again in backward.

    use_reentrant: False is the kind to use; None is True with a warning. The older kind takes no keyword arguments, and
    gives gradients only where an input requires one. preserve_rng_state=True: the same random numbers are drawn again.
    context_fn: gives two contexts, for the first time and for computing again. determinism_check: "default" compares
    shapes, dtypes and devices, CheckpointError where they differ. Same as torch.utils.checkpoint.checkpoint.
    """
    if use_reentrant is None:
        warnings.warn(
            f"{_library()}.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in "
            "PyTorch 2.9, "
            "calling checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended, "
            "but if "
            "you need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for "
            "more "
            "details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs and use_reentrant:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if use_reentrant:
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    first_context, again_context = context_fn()
    autocasts, rng_state = _autocasts(), get_rng_state() if preserve else None

    def recompute():
        with _as_then(autocasts, rng_state), again_context, enable_grad():
            function(*args, **kwargs)

    if not is_grad_enabled():
        with first_context:
            return function(*args, **kwargs)
    frame = _Frame(recompute, early_stop and _early_stop, _metadata_of(determinism_check))
    with _forward_hooks(frame), first_context:
        result = function(*args, **kwargs)
    frame.forward_done = True
    return result


def checkpoint_sequential(functions, segments, input, use_reentrant: bool | None = None, **kwargs):
    """A Sequential, or a list of functions, as `segments` checkpoints one after the other; the last runs as it is."""
    if use_reentrant is None:
        warnings.warn(
            f"{_library()}.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed "
            "explicitly. In "
            "version 2.9 we will raise an exception if use_reentrant is not passed. use_reentrant=False is "
            "recommended, "
            "but if you need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs "
            "for "
            "more details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))

    def runner(start, end, functions):
        def forward(input):
            for i in range(start, end + 1):
                input = functions[i](input)
            return input

        return forward

    if hasattr(functions, "children"):
        functions = list(functions.children())
    size = len(functions) // segments
    end = -1
    for start in range(0, size * (segments - 1), size):
        end = start + size - 1
        input = checkpoint(
            runner(start, end, functions), input, use_reentrant=use_reentrant, preserve_rng_state=preserve
        )
    return runner(end + 1, len(functions) - 1, functions)(input)


__getattr__ = _lookup("torch.utils.checkpoint")
