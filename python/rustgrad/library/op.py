"""An op that a program has defined: its kernels by device, its gradient, and which of them a call takes."""

import threading
from collections.abc import Callable

from .. import _rustgrad, float64
from ..autograd import Function
from ..autograd.graph import increment_version
from ..grad_mode import no_grad
from .schema import Schema

__all__ = ["Op", "Packet", "find", "packets"]

Tensor = _rustgrad.Tensor
packets: dict[str, "Packet"] = {}
# Called as `around(op, args, kwargs)` in place of an op, which it calls: set once operations were counted.
around: Callable | None = None
_below = threading.local()


class Packet:
    """The overloads of an op, `torch.ops.ns.name`. A call takes the first whose arguments fit."""

    def __init__(self, name: str):
        self._qualified_op_name = name
        self.__name__ = name.partition("::")[2]
        self._ops: dict[str, Op] = {}

    def __call__(self, *args, **kwargs):
        ops = list(self._ops.values())
        for op in ops[:-1]:
            try:
                op.schema.bind(args, kwargs)
            except RuntimeError:
                continue
            return op(*args, **kwargs)
        return ops[-1](*args, **kwargs)

    def overloads(self) -> list[str]:
        """The overloads' names."""
        return [name or "default" for name in self._ops]

    @property
    def _schemas(self) -> dict:
        return {name: op.schema for name, op in self._ops.items()}

    def __getattr__(self, name: str):
        op = vars(self).get("_ops", {}).get("" if name == "default" else name)
        if op is None:
            raise AttributeError(f"The underlying op of '{self}' has no overload name '{name}'")
        return op

    def __str__(self):
        return self._qualified_op_name.replace("::", ".")

    def __repr__(self):
        return f"<OpOverloadPacket(op='{self}')>"


class Op:
    """One overload of an op, `torch.ops.ns.name.default`."""

    def __init__(self, schema: Schema, custom: str = ""):
        self.schema = self._schema = schema
        self.custom = (
            custom  # how a custom op calls itself: such ops check what they give, and need a gradient's formula
        )
        self.kernels: dict = {}
        self.disabled: set[str] = set()
        self.fake = self.backward = self.setup_context = None
        self.casts: dict = {}
        self.formula = bool(custom)
        self.namespace, _, self.__name__ = schema.name.partition("::")
        self.initial = None
        self._lists = any(one.type.listed for one in [*schema.arguments, *schema.returns])
        self._only = any(one.kwarg_only for one in schema.arguments)
        self._places = [one for one in schema.arguments if not one.kwarg_only]
        self._function = None

    def name(self) -> str:
        """`ns::name`, with the overload's name behind a point."""
        overload = self.schema.overload_name
        return f"{self.schema.name}.{overload}" if overload else self.schema.name

    def __str__(self):
        return f"{self.schema.name.replace('::', '.')}.{self.schema.overload_name or 'default'}"

    def __repr__(self):
        overload = self.schema.overload_name or "default"
        return f"<OpOverload(op='{self.schema.name.replace('::', '.')}', overload='{overload}')>"

    def __call__(self, *args, **kwargs):
        return self._run(args, kwargs) if around is None else around(self, args, kwargs)

    def _run(self, args, kwargs):
        values = self.schema.bind(args, kwargs)
        tensors = [
            x for value in values for x in (value if isinstance(value, list) else (value,)) if isinstance(x, Tensor)
        ]
        kind = self._device(values, tensors)
        if self.casts:
            values = self._cast(values, kind)
        whole = self.kernels.get("CompositeImplicitAutograd")
        if whole is not None and kind not in self.kernels:
            args, kwargs = self.schema.split(values)
            return whole(*args, **kwargs)
        below = getattr(_below, "depth", 0)
        formula = self.kernels.get("Autograd") or self.kernels.get(f"Autograd{kind.upper()}")
        if formula is not None and not below and self not in getattr(_below, "ops", ()):
            args, kwargs = self.schema.split(values)
            return _without(self, formula, args, kwargs)
        if self.formula and not below and _rustgrad.torch.is_grad_enabled() and any(x.requires_grad for x in tensors):
            out = self._recorded(values, kind)
        elif self.formula:
            with no_grad():
                out = self._compute(values, kind, tensors)
        else:
            out = self._compute(values, kind, tensors)
        if self.custom:
            for argument, value in zip(self.schema.arguments, values):
                if argument.written and value is not None:
                    increment_version(value)
        return out

    def _device(self, values, tensors) -> str:
        for x in tensors:
            if x.device.type != "cpu" or x.ndim:
                return x.device.type
        if not tensors:
            for argument, value in zip(self.schema.arguments, values):
                if argument.type.base == "Device" and value is not None:
                    return value.type
        return "cpu"

    def _cast(self, values: list, kind: str) -> list:
        from ..amp.state import is_autocast_enabled

        dtype = self.casts.get(kind)
        if dtype is None or not is_autocast_enabled(kind):
            return values

        def cast(x):
            if isinstance(x, list):
                return [cast(one) for one in x]
            fits = isinstance(x, Tensor) and x.is_floating_point() and x.dtype != float64
            return x.to(dtype) if fits else x

        return [cast(value) for value in values]

    def _kernel(self, kind: str):
        found = self.kernels.get(kind) if kind not in self.disabled else self.initial
        found = found or self.kernels.get("default")
        if kind == "meta":
            found = self.kernels.get("meta") or self.fake
            if found is None and self.custom:
                raise RuntimeError(
                    f"There was no fake impl registered for {self.custom}. This is necessary for torch.compile/export/"
                    f"fx tracing to work. Please use `{self.__name__}.register_fake` to add an fake impl."
                )
        if found is None:
            have = ", ".join(name.upper() if name.islower() else name for name in self.kernels) or "none"
            raise NotImplementedError(
                f"Could not run '{self.name()}' with arguments from the '{kind.upper()}' backend. "
                f"'{self.name()}' is only available for these backends: [{have}]."
            )
        return found

    def _compute(self, values: list, kind: str, tensors):
        args, kwargs = self.schema.split(values)
        out = self._kernel(kind)(*args, **kwargs)
        if self.custom and kind != "meta":
            self._check_aliases(out, tensors)
        return out

    def _check_aliases(self, out, tensors) -> None:
        seen = {x.untyped_storage().data_ptr() for x in tensors if x.numel()}
        for x in out if isinstance(out, (list, tuple)) else (out,):
            if isinstance(x, Tensor) and x.numel():
                place = x.untyped_storage().data_ptr()
                if place in seen:
                    raise RuntimeError(
                        f"{self.__name__}: The output of this custom operator (1) must not also be an input to this "
                        "custom operator and (2) may not alias any inputs to this custom operator or other returns. "
                        "The most common way to trigger this error is if we have y = custom_op(x) and y and x are the "
                        "same Tensor. Please instead return a clone of the offending output tensor(s) (e.g. return "
                        "x.clone()) or refactor the custom operator to not return y."
                    )
                seen.add(place)

    def _recorded(self, values: list, kind: str):
        """The call as one node of the graph, whose backward is the op's formula."""
        if self._function is None:
            name = f"GeneratedBackwardFor_{self.namespace}_{self.__name__}_{self.schema.overload_name or 'default'}"
            self._function = type(name[: -len("Backward")] if name.endswith("Backward") else name, (_Node,), {})
        flat, shape = _flatten(values)
        call = _Call(self, kind, shape)
        out = self._function.apply(call, *flat)
        return call.whole(out)


class _Call:
    """How lists of tensors lie in the arguments and results of a call, which a node of the graph keeps beside them."""

    def __init__(self, op: Op, kind: str, shape: list):
        self.op, self.kind, self.shape = op, kind, shape
        self.returned: list = []
        self.sort: type | None = None

    def run(self, ctx, flat):
        op, values = self.op, _unflatten(flat, self.shape)
        tensors = [x for x in flat if isinstance(x, Tensor)]
        out = op._compute(values, self.kind, tensors)
        if op.setup_context:
            places = tuple(value for one, value in zip(op.schema.arguments, values) if not one.kwarg_only)
            if op._only:
                only = {one.name: value for one, value in zip(op.schema.arguments, values) if one.kwarg_only}
                op.setup_context(ctx=ctx, inputs=places, keyword_only_inputs=only, output=out)
            else:
                op.setup_context(ctx=ctx, inputs=places, output=out)
        if not isinstance(out, (list, tuple)):
            return out
        self.sort = type(out)
        flat_out, self.returned = _flatten(list(out))
        return tuple(flat_out)

    def whole(self, out):
        """The results as the kernel gave them."""
        if self.sort is None:
            return out
        return self.sort(_unflatten(list(out) if isinstance(out, tuple) else [out], self.returned))

    def gradients(self, ctx, grads):
        op = self.op
        if op.backward is None:
            raise RuntimeError(
                f"Trying to backward through {op} but no autograd formula was registered. "
                "Please use register_autograd to add one."
            )
        if self.sort is list and len(op.schema.returns) == 1 and op.schema.returns[0].type.listed:
            given = (list(grads),)
        else:
            given = tuple(_unflatten(list(grads), self.returned) if self.sort else grads)
        needs = ctx.needs_input_grad
        ctx.needs_input_grad = tuple(_unflatten(list(needs[1:]), self.shape))[: len(op._places)]
        try:
            found = op.backward(ctx, *given)
        finally:
            ctx.needs_input_grad = needs
        found = list(found) if isinstance(found, tuple) else [found]
        if len(found) > len(self.shape) and any(one is not None for one in found[len(self.shape) :]):
            raise RuntimeError(
                f"function {op}Backward returned an incorrect number of gradients "
                f"(expected {len(self.shape)}, got {len(found)})"
            )
        flat = []
        for i, length in enumerate(self.shape):
            one = found[i] if i < len(found) else None
            if length is None:
                flat.append(one)
            else:
                items = [None] * length if one is None else list(one)
                if len(items) != length:
                    raise RuntimeError(
                        "Expected the return from backward to be of the same structure as the inputs. "
                        f"Got: {len(items)} gradients for a list of {length} tensors"
                    )
                flat += items
        return (None, *flat)


class _Node(Function):
    @staticmethod
    def forward(ctx, call, *flat):
        ctx._call = call
        return call.run(ctx, list(flat))

    @staticmethod
    def backward(ctx, *grads):
        return ctx._call.gradients(ctx, grads)


def _flatten(values: list) -> tuple[list, list]:
    """All values in one list, and for each whether it was a list of tensors, and how long."""
    flat, shape = [], []
    for value in values:
        if isinstance(value, (list, tuple)) and any(isinstance(item, Tensor) for item in value):
            flat += value
            shape.append(len(value))
        else:
            flat.append(value)
            shape.append(None)
    return flat, shape


def _unflatten(flat: list, shape: list) -> list:
    values, i = [], 0
    for length in shape:
        values.append(flat[i] if length is None else list(flat[i : i + length]))
        i += 1 if length is None else length
    return values


def _without(op: Op, formula, args, kwargs):
    """Call an op's own autograd kernel; calls of the op in it go to the kernels below."""
    before = getattr(_below, "ops", ())
    _below.ops = (*before, op)
    try:
        return formula(*args, **kwargs)
    finally:
        _below.ops = before


def find(name) -> Op | None:
    """The op of a name such as `ns::name` or `ns::name.overload`, or of an object that stands for one."""
    if isinstance(name, Op):
        return name
    if isinstance(name, Packet):
        return next(iter(name._ops.values()))
    name = getattr(name, "_qualname", name)
    if not isinstance(name, str):
        raise ValueError(f"expected the name of an op or an op, but got {type(name).__name__}")
    place, _, overload = name.partition(".")
    packet = packets.get(place)
    return None if packet is None else packet._ops.get("" if overload == "default" else overload)
