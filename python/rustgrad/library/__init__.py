"""`torch.library`: ops of a program's own, called as `torch.ops.ns.name`.

An op has kernels by device and the formula of its gradient.
"""

from typing import Any

from .. import _rustgrad, ops
from .._names import lookup as _lookup
from .op import Op, Packet, find, packets
from .schema import Schema, infer_schema

__all__ = [
    "CustomOpDef",
    "Library",
    "custom_op",
    "define",
    "fallthrough_kernel",
    "get_ctx",
    "get_kernel",
    "impl",
    "impl_abstract",
    "infer_schema",
    "opcheck",
    "register_autocast",
    "register_autograd",
    "register_fake",
    "register_kernel",
    "register_torch_dispatch",
    "register_vmap",
    "triton_op",
    "wrap_triton",
]

# Names that exist only to raise a clear error.
_LACKS = frozenset("get_ctx get_kernel opcheck register_torch_dispatch wrap_triton".split())

# The keys of PyTorch's dispatcher that choose a kernel here, with their names among an op's kernels.
_KEYS = {
    "": "CompositeImplicitAutograd",
    "CompositeImplicitAutograd": "CompositeImplicitAutograd",
    "CompositeExplicitAutograd": "default",
    "CompositeExplicitAutogradNonFunctional": "default",
    "CPU": "cpu",
    "CUDA": "cuda",
    "XPU": "xpu",
    "MPS": "mps",
    "Meta": "meta",
    "PrivateUse1": "privateuseone",
    "Autograd": "Autograd",
    "AutogradCPU": "AutogradCPU",
    "AutogradCUDA": "AutogradCUDA",
}
_kinds: dict[str, str] = {}  # namespaces that a Library of kind DEF has
# Registrations for ops that are not defined: torchvision describes its compiled ops without asking whether they
# could be loaded, and its Python part works without them.
_early: dict = {}


def _define(text: str, custom: str = "") -> Op:
    schema = Schema(text)
    packet = packets.get(schema.name)
    if packet is not None and schema.overload_name in packet._ops and not custom:
        raise RuntimeError(
            f"Tried to register an operator ({schema}) with the same name and overload name multiple times. "
            "Each overload's schema should only be registered with a single call to def()."
        )
    namespace, _, name = schema.name.partition("::")
    if packet is None:
        packet = packets[schema.name] = Packet(schema.name)
        setattr(getattr(ops, namespace), name, packet)
    op = packet._ops[schema.overload_name] = Op(schema, custom)
    op.fake = _early.get(op.name())
    return op


def _known(name, what: str) -> Op:
    op = find(name)
    if op is None:
        if isinstance(name, str) and name.startswith("aten::"):
            raise NotImplementedError(f"{what}: rustgrad does not replace the kernels of its own ops, {name!r}")
        raise RuntimeError(f"operator {name} does not exist")
    return op


def _parts(qualname: str) -> tuple[str, str]:
    namespace, mark, name = qualname.partition("::")
    if not mark or "::" in name:
        raise ValueError(f"Expected {qualname!r} to be of the form `namespace::name`: the op's name behind a namespace")
    return namespace, name


class Library:
    """Ops of one namespace, and kernels for ops: kind "DEF" owns the namespace, "FRAGMENT" adds to it, "IMPL" only
    brings kernels."""

    def __init__(self, ns: str, kind: str, dispatch_key: str = ""):
        if kind not in ("IMPL", "DEF", "FRAGMENT"):
            raise ValueError(f"Unsupported kind: {kind}")
        if ns in ("prim", "prims") or (kind == "DEF" and ns == "aten"):
            raise ValueError(f"{ns} is a reserved namespace. Please try creating a library with another name.")
        if kind == "DEF":
            if ns in _kinds:
                raise RuntimeError(
                    f"Only a single TORCH_LIBRARY can be used to register the namespace {ns}; please put all of your "
                    "definitions in a single TORCH_LIBRARY block."
                )
            _kinds[ns] = kind
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key
        self._defined: list[Op] = []

    def __repr__(self):
        return f"Library(kind={self.kind}, ns={self.ns}, dispatch_key={self.dispatch_key})>"

    def define(self, schema: str, alias_analysis: str = "", *, tags=()) -> str:
        """Define an op by its schema, `name(Tensor x) -> Tensor`. Returns its name."""
        if self.kind == "IMPL":
            raise RuntimeError("define(): an IMPL library only brings kernels; make a Library of kind DEF or FRAGMENT")
        op = _define(f"{self.ns}::{schema.strip()}")
        self._defined.append(op)
        return op.name().partition("::")[2]

    def impl(
        self, op_name, fn, dispatch_key: str = "", *, with_keyset: bool = False, allow_override: bool = False
    ) -> None:
        """Let `fn` be the op's kernel for a key such as "CPU" or "CompositeImplicitAutograd"."""
        if not callable(fn):
            raise TypeError(f"Input function is required to be a callable but found type {type(fn)}")
        key = dispatch_key or self.dispatch_key
        if key not in _KEYS:
            raise RuntimeError(f"could not parse dispatch key: {key}")
        if with_keyset:
            raise NotImplementedError("impl: rustgrad has no sets of dispatch keys to pass to a kernel")
        name = op_name if not isinstance(op_name, str) or "::" in op_name else f"{self.ns}::{op_name}"
        if fn is fallthrough_kernel:
            return
        _known(name, "impl").kernels[_KEYS[key]] = fn

    def fallback(self, fn, dispatch_key: str = "", *, with_keyset: bool = False) -> None:
        """Raises NotImplementedError."""
        raise NotImplementedError("Library.fallback: rustgrad has no kernel that stands for all ops")

    def _destroy(self) -> None:
        for op in self._defined:
            packets[op.schema.name]._ops.pop(op.schema.overload_name, None)
        if self.kind == "DEF":
            _kinds.pop(self.ns, None)


class CustomOpDef:
    """An op that `custom_op` made of a function. Calling it calls the op."""

    def __init__(self, namespace: str, name: str, schema: str, fn, tags=()):
        self._namespace, self._name = namespace, name
        self._init_fn = fn
        self._qualname = f"{namespace}::{name}"
        self.__name__, self.__doc__, self.__module__ = name, fn.__doc__, fn.__module__
        self._opoverload = _define(f"{self._qualname}{schema}", repr(self))
        self._opoverload.initial = fn

    def __repr__(self):
        return f"<CustomOpDef({self._qualname})>"

    def __call__(self, *args, **kwargs):
        return self._opoverload(*args, **kwargs)

    def register_kernel(self, device_types, fn=None, /):
        """Let a function be the kernel on some devices; None means all."""

        def register(fn):
            for kind in _device_types(device_types):
                self._opoverload.kernels[kind] = fn
            return fn

        return register if fn is None else register(fn)

    def set_kernel_enabled(self, device_type: str, enabled: bool = True):
        """Whether the kernel registered for a device is used, or the function that defines the op. Also for `with`."""
        from contextlib import contextmanager

        disabled = self._opoverload.disabled
        before = device_type in disabled
        (disabled.discard if enabled else disabled.add)(device_type)

        @contextmanager
        def restoring():
            try:
                yield
            finally:
                (disabled.add if before else disabled.discard)(device_type)

        return restoring()

    def register_fake(self, fn, /):
        """Registers the function that gives results of the right sizes on the device "meta"."""
        self._opoverload.fake = fn
        return fn

    def register_autograd(self, backward, /, *, setup_context=None) -> None:
        """The op's gradient: `backward(ctx, *grads)`; `setup_context(ctx, inputs, output)` keeps what it needs."""
        _set_formula(self._opoverload, backward, setup_context, repr(self))

    def register_vmap(self, func=None):
        """Accepted: `vmap` is a loop here, which needs no rule."""
        return (lambda fn: fn) if func is None else func

    def register_autocast(self, device_type: str, cast_inputs) -> None:
        """Under autocast, cast the op's floating tensors to a dtype first."""
        _set_autocast(self._opoverload, device_type, cast_inputs)

    def register_torch_dispatch(self, torch_dispatch_class, fn=None, /):
        """Raises NotImplementedError."""
        _refuse("register_torch_dispatch")


def _device_types(kinds) -> list[str]:
    if kinds is None:
        return ["default"]
    listed = [kinds] if isinstance(kinds, str) else list(kinds)
    for kind in listed:
        _rustgrad.device(kind)  # raises PyTorch's error for one that there is not
    return listed


def _set_formula(op: Op, backward, setup_context, name: str) -> None:
    if op.schema.is_mutable:
        raise RuntimeError(
            f"Cannot register autograd formula for non-functional operator {name} with schema {op.schema}. "
            "Please create a functional operator and register an autograd formula for that."
        )
    op.backward, op.setup_context, op.formula = backward, setup_context, True


def _set_autocast(op: Op, device_type: str, cast_inputs) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if device_type not in ("cpu", "cuda"):
        raise ValueError(f"Unknown device type: {device_type}")
    op.casts[device_type] = cast_inputs


def _refuse(what: str):
    raise NotImplementedError(f"torch.library.{what}: rustgrad has no dispatcher or compiler that this could speak to")


def custom_op(name: str, fn=None, /, *, mutates_args, device_types=None, schema=None, tags=None):
    """Make an op of a function: `@custom_op("ns::name", mutates_args=())`. Its type hints say its schema."""

    def make(fn):
        text = infer_schema(fn, mutates_args=mutates_args) if schema is None else schema
        namespace, rest = _parts(name)
        if schema is not None:
            wanted = {mutates_args} if isinstance(mutates_args, str) else set(mutates_args)
            written = {one.name for one in Schema(f"{name}{schema}").arguments if one.written}
            if written != wanted:
                raise ValueError(
                    f"Attempted to create a custom op with `mutates_args={mutates_args}` and `schema={schema}`. The "
                    f"schema suggests that the op mutates {written or 'no arguments'} which is different from what was "
                    "provided to us in `mutates_args`. Please make these consistent."
                )
        made = CustomOpDef(namespace, rest, text, fn, tags or ())
        made.register_kernel(device_types, fn)
        return made

    return make if fn is None else make(fn)


def triton_op(name: str, fn=None, /, *, mutates_args, schema=None):
    """Make an op of a function, as `custom_op` does: its body is ops, which are differentiated like any others."""

    def make(fn):
        made: Any = custom_op(name, fn, mutates_args=mutates_args, schema=schema)
        made._opoverload.kernels["CompositeImplicitAutograd"] = made._opoverload.kernels.pop("default")
        return made

    return make if fn is None else make(fn)


def define(qualname: str, schema, *, lib=None, tags=()):
    """Define an op: `define("ns::name", "(Tensor x) -> Tensor")`. The kernels are given to `impl`."""
    if not isinstance(qualname, str):
        raise ValueError(f"define(qualname, schema): expected qualname to be instance of str, got {type(qualname)}")
    if isinstance(schema, str):
        _parts(qualname)
        if not schema.lstrip().startswith("("):
            raise ValueError(
                f'define(qualname, schema, ...): expected schema to look like e.g. "(Tensor x) -> Tensor" but got '
                f'"{schema}"'
            )
        op = _define(f"{qualname}{schema}")
        if lib is not None:
            lib._defined.append(op)
        return None

    # The older form of a decorator: `@define(lib, "name(Tensor x) -> Tensor")` has the library first.
    raise ValueError(f"define(qualname, schema): expected schema to be instance of str, got {type(schema)}")


def impl(qualname, types, func=None, *, lib=None):
    """Give an op its kernel for devices: `impl("ns::name", "cpu", fn)`, or `@impl(lib, "name", "CPU")`."""
    if isinstance(qualname, Library):
        library, name, key = qualname, types, func or ""

        def older(fn):
            library.impl(name, fn, key)
            return fn

        return older
    kinds = (types,) if isinstance(types, str) else tuple(types)

    def register(fn):
        op = _known(qualname, "impl")
        for kind in kinds:
            if kind in _KEYS:
                op.kernels[_KEYS[kind]] = fn
            else:
                op.kernels[kind if kind == "default" else _device_types(kind)[0]] = fn
        return fn

    if func is None:
        return register
    register(func)
    return None


def register_kernel(op, device_types, func=None, /, *, lib=None):
    """Let a function be an op's kernel on some devices; None means all."""

    def register(fn):
        for kind in _device_types(device_types):
            _known(op, "register_kernel").kernels[kind] = fn
        return fn

    return register if func is None else register(func)


def register_fake(op, func=None, /, *, lib=None, _stacklevel: int = 1, allow_override: bool = False):
    """Registers the function that gives an op's results, of the right sizes, on the device "meta".

    The op may be defined later.
    """

    def register(fn):
        if isinstance(op, str) and find(op) is None:
            if op.startswith("aten::"):
                _known(op, "register_fake")
            _early[op] = fn
        else:
            _known(op, "register_fake").fake = fn
        return fn

    return register if func is None else register(func)


impl_abstract = register_fake


def register_autograd(op, backward, /, *, setup_context=None, lib=None) -> None:
    """An op's gradient: `backward(ctx, *grads)`, and `setup_context(ctx, inputs, output)` that keeps what it needs."""
    found = _known(op, "register_autograd")
    _set_formula(found, backward, setup_context, str(op))


def register_vmap(op, func=None, /, *, lib=None):
    """Accepted: `vmap` is a loop here, which needs no rule."""
    _known(op, "register_vmap")
    return (lambda fn: fn) if func is None else func


def register_autocast(op, device_type: str, cast_inputs, /, *, lib=None) -> None:
    """Under autocast, cast an op's floating tensors to a dtype first."""
    _set_autocast(_known(op, "register_autocast"), device_type, cast_inputs)


def fallthrough_kernel(*args, **kwargs):
    """A kernel that is none: the next one is taken."""
    raise NotImplementedError("fallthrough_kernel() should never be called.")


def register_torch_dispatch(op, torch_dispatch_class, func=None, /, *, lib=None):
    """Raises NotImplementedError."""
    _refuse("register_torch_dispatch")


def get_ctx():
    """Raises NotImplementedError."""
    _refuse("get_ctx")


def get_kernel(op, dispatch_key):
    """Raises NotImplementedError."""
    _refuse("get_kernel")


def opcheck(op, args, kwargs=None, **options):
    """Raises NotImplementedError."""
    _refuse("opcheck")


def wrap_triton(triton_kernel, /):
    """Raises NotImplementedError."""
    _refuse("wrap_triton")


__getattr__ = _lookup("torch.library")
