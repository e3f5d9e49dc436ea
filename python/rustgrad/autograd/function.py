"""Functions with a derivative of their own: subclasses of `Function` with `forward` and `backward`.

A class `F` has a companion class `FBackward`, whose objects are the contexts that `forward` and `backward` are given,
and
at the same time the nodes of the graph: `y.grad_fn` of a result `y`. The attributes of a context live in one dict,
which
the extension keeps with the node.
"""

import functools
import warnings

from .. import _rustgrad
from .._names import lookup as _lookup
from .._rustgrad import Node, Tensor
from .._rustgrad.torch import is_grad_enabled, zeros
from ..grad_mode import no_grad

__all__ = [
    "BackwardCFunction",
    "Function",
    "FunctionCtx",
    "FunctionMeta",
    "InplaceFunction",
    "NestedIOFunction",
    "once_differentiable",
]

# What forward's outputs are, as the extension numbers them.
_FRESH, _INPUT, _DIRTY, _CONSTANT = range(4)


class FunctionCtx:
    """What `forward` tells `backward`: tensors by `save_for_backward`, anything else as an attribute."""

    def save_for_backward(self, *tensors):
        """Keep tensors, or None, for `saved_tensors` in backward. Inputs and outputs must be kept this way."""
        self.to_save = tensors

    def save_for_forward(self, *tensors):
        """Keep tensors for `jvp`. TypeError for what is neither a tensor nor None."""
        for tensor in tensors:
            if not (isinstance(tensor, Tensor) or tensor is None):
                raise TypeError(
                    "save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes "
                    "on ctx."
                )
        self.saved_for_forward = tensors

    def mark_dirty(self, *args):
        """Say which inputs forward has written over. They must be among its outputs."""
        self.dirty_tensors = args

    def mark_shared_storage(self, *pairs):
        """Nothing: views are found without being told."""
        warnings.warn(
            "`mark_shared_storage` is deprecated. Tensors with shared storages are automatically tracked. Note that "
            "calls to `set_()` are not tracked",
            FutureWarning,
            stacklevel=2,
        )

    def mark_non_differentiable(self, *args):
        """Say which outputs have no gradient."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool):
        """Whether backward is given zeros, rather than None, for outputs that no gradient came to. True at first."""
        if not isinstance(value, bool):
            raise TypeError(f"set_materialize_grads expects a bool, but got {type(value).__name__}")
        self.materialize_grads = value


class BackwardCFunction(Node, FunctionCtx):
    """A node of the graph whose backward is the user's."""

    _forward_cls: type

    @property
    def saved_tensors(self) -> tuple:
        """What `save_for_backward` was given. RuntimeError where it was freed, or written over since."""
        if (forward := self.__dict__.get("saved_for_forward")) is not None:
            return forward
        places = self.__dict__.get("_places")
        if places is None:
            return ()
        kept = self._kept()
        return tuple(None if i < 0 else kept[i] for i in places)

    @property
    def _raw_saved_tensors(self) -> tuple:
        """What was saved, as `SavedTensor` objects."""
        places = self.__dict__.get("_places")
        raw = self._raw()
        return () if places is None else tuple(self._raw_none() if i < 0 else raw[i] for i in places)

    @property
    def saved_variables(self) -> tuple:
        """`saved_tensors`, which is what to write today."""
        warnings.warn("'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning, stacklevel=2)
        return self.saved_tensors

    def apply(self, *args):
        """Run the user's backward, or vjp. RuntimeError where there are both."""
        return self._user_function()(self, *args)

    def _user_function(self):
        forward = self._forward_cls
        backward, vjp = forward.backward, forward.vjp  # pyright: ignore[reportAttributeAccessIssue]
        if backward is not Function.backward and vjp is not Function.vjp:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only "
                "implement "
                "one of them."
            )
        return vjp if vjp is not Function.vjp else backward

    def _run_backward(self, grads):
        """The gradients of forward's tensors, from those of its outputs; called by the extension."""
        if self.__dict__.get("materialize_grads", True):
            grads = [
                zeros(meta[0], dtype=meta[1], device=meta[2]) if g is None else g
                for g, meta in zip(grads, self.__dict__["_outputs"])
            ]
        given = [None] * self.__dict__["_count"]  # also for outputs that are no tensors
        for place, grad in zip(self.__dict__["_output_places"], grads):
            given[place] = grad
        result = self._user_function()(self, *given)
        return self._checked(result if isinstance(result, tuple) else (result,))

    def _checked(self, result):
        name, inputs = type(self).__name__, self.__dict__["_inputs"]
        count = len(inputs)
        if len(result) > count and all(g is None for g in result[count:]):
            result = result[:count]
        if len(result) != count:
            raise RuntimeError(
                f"function {name} returned an incorrect number of gradients (expected {count}, got {len(result)})"
            )
        out = []
        for i, (grad, meta) in enumerate(zip(result, inputs)):
            if meta is None:
                if grad is not None:
                    raise RuntimeError(
                        f"function {name} returned a gradient different than None at position {i + 1}, but the "
                        "corresponding forward input was not a Variable"
                    )
                continue
            if grad is None or not meta[3]:
                out.append(None)
                continue
            if not isinstance(grad, Tensor):
                raise RuntimeError(f"expected Variable or None (got {type(grad).__name__})")
            out.append(_fitted(grad, meta, name, len(out)))
        return out


def _fitted(grad, meta, name, index):
    """A gradient in its input's shape and dtype. RuntimeError where it cannot be summed to that shape."""
    shape, dtype, device, _ = meta
    if grad.shape != shape:
        lead = grad.ndim - len(shape)
        fits = lead >= 0 and all(a in (1, b) for a, b in zip(shape, grad.shape[lead:]))
        if not fits:
            raise RuntimeError(
                f"Function {name} returned an invalid gradient at index {index} - got {list(grad.shape)} but expected "
                f"shape compatible with {list(shape)}"
            )
        over = [*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1 and grad.shape[lead + i] != 1)]
        grad = grad.sum(over, keepdim=True).reshape(shape)
    if grad.dtype != dtype:
        grad = grad.to(dtype)
    if grad.device != device:
        if grad.ndim > 0:
            raise RuntimeError(
                f"Function {name} returned an invalid gradient at index {index} - expected device {device} but got "
                f"{grad.device}"
            )
        grad = grad.to(device)
    return grad


class FunctionMeta(type):
    """Gives each custom function its class of contexts."""

    def __init__(cls, name, bases, attrs):
        backward = type(
            name + "Backward", (BackwardCFunction,), {"_forward_cls": cls, "__module__": BackwardCFunction.__module__}
        )
        cls._backward_cls = backward
        super().__init__(name, bases, attrs)


class Function(FunctionCtx, metaclass=FunctionMeta):
    """A function with a derivative of its own: subclass it, write `forward` and `backward`, call `apply`.

    `forward(ctx, *args)`, or `forward(*args)` with `setup_context(ctx, inputs, output)`, computes with tensors outside
    of any graph. `backward(ctx, *grads)` gets one gradient for each output and returns one for each argument, None for
    what is no tensor. Same as torch.autograd.Function.
    """

    generate_vmap_rule = False
    # Read by tools that ask any node.
    saved_tensors = BackwardCFunction.saved_tensors

    def __init__(self, *args, **kwargs):
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should "
            "invoke them on the class itself. Instantiating an autograd function will raise an error in a future "
            "version "
            "of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
            "function with static forward method. (Example: "
            "https://pytorch.org/docs/stable/autograd.html#torch.autograd"
            ".Function)"
        )

    @staticmethod
    def forward(*args, **kwargs):
        """Compute the outputs; to be written by the subclass."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Keep what backward needs, where `forward` takes no context."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """Compute the gradients of the arguments; to be written by the subclass."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    # Another name of `backward`: a subclass writes one of the two.
    vjp = backward

    @staticmethod
    def jvp(ctx, *grad_inputs):
        """The derivative in forward mode; to be written by the subclass."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info, in_dims, *args):
        """The function over a batch; to be written by the subclass."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set "
            "generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args, **kwargs):
        """Call the function on `args`, recorded as one node. Returns what `forward` returns."""
        ctx = cls._backward_cls()
        inputs = [x for x in args if isinstance(x, Tensor)]
        records = is_grad_enabled() and not _rustgrad.is_inference_mode_enabled()
        ctx.needs_input_grad = tuple(isinstance(x, Tensor) and x.requires_grad and records for x in args)
        records = any(ctx.needs_input_grad)
        with_context = cls.setup_context is Function.setup_context
        dual = _rustgrad._forward_mode()
        if dual:
            _rustgrad._set_forward_mode(False)
        try:
            with no_grad():
                if with_context:
                    output = cls.forward(ctx, *args, **kwargs)
                else:
                    if kwargs:
                        args = _bound(cls.forward, args, kwargs)
                        inputs = [x for x in args if isinstance(x, Tensor)]
                    output = cls.forward(*args)
                    cls.setup_context(ctx, args, output)
            made = _wrapped(ctx, args, inputs, output, records)
        finally:
            if dual:
                _rustgrad._set_forward_mode(True)
        if dual:
            _with_tangents(cls, ctx, args, made)
        return made


def _with_tangents(cls, ctx, args, output) -> None:
    """Tangents of the outputs, by `cls.jvp`; none where no argument has one."""
    from .forward_ad import through_jvp

    through_jvp(cls, ctx, args, output)
    ctx.__dict__.pop("saved_for_forward", None)


def _bound(forward, args, kwargs):
    """The arguments by position, with defaults, where forward takes no context."""
    import inspect

    bound = inspect.signature(forward).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.args


def _list_of(ctx, name, word):
    """What a `mark_` function was given. RuntimeError where something is no tensor."""
    marked = ctx.__dict__.get(name, ())
    for i, x in enumerate(marked):
        if not isinstance(x, Tensor):
            raise RuntimeError(f"{word} variables, but argument {i} is of type {type(x).__name__}")
    return marked


def _wrapped(ctx, args, inputs, output, records):
    """forward's output, with its tensors made the results of `ctx`."""
    outputs = list(output) if isinstance(output, tuple) else [output]
    places = [i for i, x in enumerate(outputs) if isinstance(x, Tensor)]
    tensors = [outputs[i] for i in places]
    dirty = _list_of(ctx, "dirty_tensors", "mark_dirty can only accept")
    constant = _list_of(ctx, "non_differentiable", "mark_non_differentiable only accepts")
    if any(not any(d is x for x in tensors) for d in dirty):
        raise RuntimeError(
            "Some elements marked as dirty during the forward method were not returned as output. The inputs that are "
            "modified inplace must all be outputs of the Function."
        )
    if any(not any(d is x for x in inputs) for d in dirty):
        warnings.warn(
            "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated "
            "should be passed to ctx.mark_dirty().",
            stacklevel=3,
        )
    if len(tensors) > 1 and records and any(d._is_view() for d in dirty):
        raise RuntimeError(
            "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return "
            "more than one Tensor. This is not supported by the current autograd engine. You should either make sure "
            "the input is not a view (using .clone() for example) or make your Function only return one Tensor "
            "(potentially splitting it into two Functions: one doing the inplace that returns a single Tensor and a "
            "second one "
            "that does the other operations)."
        )
    saved = _to_save(ctx)
    is_input = [any(x is given for given in inputs) for x in tensors]
    is_dirty = [any(x is d for d in dirty) for x in tensors]
    if not records:
        made = [_rustgrad._alias(x) if i and not d else x for x, i, d in zip(tensors, is_input, is_dirty)]
    else:
        kinds = [_kind(x, i, d, constant) for x, i, d in zip(tensors, is_input, is_dirty)]
        ctx._inputs = [(x.shape, x.dtype, x.device, x.requires_grad) if isinstance(x, Tensor) else None for x in args]
        ctx._outputs = [(x.shape, x.dtype, x.device) for x in tensors]
        ctx._output_places, ctx._count = places, len(outputs)
        made = _rustgrad._record_function(ctx, inputs, tensors, bytes(kinds), saved)
    if constant:
        ctx._constants = [i for i, x in zip(places, tensors) if any(x is c for c in constant)]
    for name in ("to_save", "dirty_tensors", "non_differentiable"):
        ctx.__dict__.pop(name, None)
    for i, x in zip(places, made):
        outputs[i] = x
    if not isinstance(output, tuple):
        return outputs[0]
    return type(output)(*outputs) if hasattr(output, "_fields") else tuple(outputs)


def _kind(x, is_input, is_dirty, constant):
    if any(x is c for c in constant) or not (x.is_floating_point() or x.is_complex()):
        return _CONSTANT
    if is_dirty:
        return _DIRTY
    return _INPUT if is_input else _FRESH


def _to_save(ctx) -> list:
    """The tensors to keep; `ctx._places` says where they and the Nones stand."""
    given = ctx.__dict__.get("to_save")
    if given is None:
        return []
    saved, places = [], []
    for i, x in enumerate(given):
        if x is None:
            places.append(-1)
        elif isinstance(x, Tensor):
            places.append(len(saved))
            saved.append(x)
        else:
            raise TypeError(
                f"save_for_backward can only save variables, but argument {i} is of type {type(x).__name__}"
            )
    ctx._places = places
    return saved


class _DelayedError(Function):
    """Passes tensors on; backward through them raises the error that says why they cannot be differentiated."""

    @staticmethod
    def forward(ctx, message, *tensors):
        ctx.message = message
        made = tuple(x.detach() for x in tensors)
        return made

    @staticmethod
    def backward(ctx, *grads):
        raise RuntimeError(ctx.message)


def once_differentiable(fn):
    """Decorate a `backward` whose own computation cannot be differentiated: it runs without recording.

    A second derivative through its result raises RuntimeError.
    """

    @functools.wraps(fn)
    def wrapper(ctx, *args):
        with no_grad():
            outputs = fn(ctx, *args)
        if not is_grad_enabled():
            return outputs
        if not any(isinstance(x, Tensor) and x.requires_grad for x in args):
            return outputs
        made = list(outputs) if isinstance(outputs, tuple) else [outputs]
        places = [i for i, x in enumerate(made) if isinstance(x, Tensor) and x.is_floating_point()]
        # Fresh leaves that require a gradient: so that the error comes where someone differentiates the results.
        leaves = [made[i].detach().requires_grad_() for i in places]
        text = "trying to differentiate twice a function that was marked with @once_differentiable"
        for i, x in zip(places, _DelayedError.apply(text, *leaves)):
            made[i] = x
        return tuple(made) if isinstance(outputs, tuple) else made[0]

    return wrapper


class InplaceFunction(Function):
    """A function that may write over its input; `Function` and `mark_dirty` are what to write today."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace


class NestedIOFunction(Function):
    """A function over containers of tensors: an older form. Raises NotImplementedError."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(
            "NestedIOFunction: rustgrad has none\nhint: write a Function whose apply takes and returns the tensors "
            "themselves"
        )


__getattr__ = _lookup("torch.autograd.function")
