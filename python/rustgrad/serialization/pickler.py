"""The pickler of `save`: tensors become storages beside the pickle, and the library's classes have PyTorch's names.

It is Python's own pickler in its Python form, because the one in C writes a class only under a name that can be
imported. Which part of a storage is written, and under which key, is known only when all tensors have been met: until
then the pickle has gaps, which `finish` fills.
"""

import codecs
import copyreg
import pickle
from collections import OrderedDict
from types import SimpleNamespace
from typing import Any

from .. import _rustgrad
from .._rustgrad import Tensor
from ..nn import Module
from ..nn.parameter import Buffer, Parameter
from ..storage import TypedStorage, UntypedStorage
from .locations import location_tag
from .modules import module_state
from .names import _STORAGES, outward, storage_name

__all__ = ["Pickler"]

# Items whose pickles need no memo, so that a long list of them may be written by the pickler in C.
_NUMBERS = frozenset((int, float, bool, type(None)))
_MANY = 100


class _Name:
    """A global in a pickle."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name

    def __call__(self):
        """Picklers ask that what makes an object is callable."""
        raise TypeError("a name in a pickle is not called while it is written")


def _util(name: str) -> _Name:
    return _Name("torch._utils", name)


_TENSOR_V2, _TENSOR_V3 = _util("_rebuild_tensor_v2"), _util("_rebuild_tensor_v3")
_PARAMETER, _PARAMETER_WITH_STATE = _util("_rebuild_parameter"), _util("_rebuild_parameter_with_state")
_FROM_TYPE = _Name("torch._tensor", "_rebuild_from_type_v2")
_META = _util("_rebuild_meta_tensor_no_storage")
_GET_LAYOUT = _Name("torch.serialization", "_get_layout")
_GENERATOR = _Name("torch._C", "Generator")
_UNTYPED = _Name("torch.storage", "UntypedStorage")
_TYPED = {name: _Name("torch", name) for name in _STORAGES.values()}


class Span:
    """The bytes from `begin` to `end` of a storage, which some tensor shows. dtype: None for bytes without one."""

    def __init__(self, memory: UntypedStorage, dtype, begin: int, end: int):
        self.memory, self.dtype, self.begin, self.end = memory, dtype, begin, end
        self.kind = None if dtype is None else storage_name(dtype)
        self.block: Block | None = None

    @property
    def written(self) -> "Block":
        """The block that holds these bytes; known when all spans are."""
        if self.block is None:
            raise RuntimeError("internal error: a span of a storage that was not laid out")
        return self.block


class Block:
    """The bytes of a storage that are written: those that the saved tensors show, and what lies between."""

    def __init__(self, key: str, span: Span, begin: int, end: int):
        self.key = key
        self.memory = span.memory
        self.begin, self.end = begin, end
        # The number of elements; of bytes, where PyTorch has no storage class for the dtype.
        self.count = (end - begin) // (1 if span.kind is None else span.dtype.itemsize)

    def data(self) -> memoryview:
        """The bytes."""
        return memoryview(self.memory.cpu())[self.begin : self.end]


class _Offset:
    """Where a tensor begins in the block that holds it, in elements of its dtype."""

    __slots__ = ("begin", "span")

    def __init__(self, span: Span, begin: int):
        self.span, self.begin = span, begin


def _extent(t: Tensor) -> tuple[int, int]:
    """The first element of a tensor in its storage, and one past the last."""
    if t.numel() == 0:
        return t.storage_offset(), t.storage_offset()
    reach = sum((n - 1) * s for n, s in zip(t.shape, t.stride(), strict=True))
    return t.storage_offset(), t.storage_offset() + reach + 1


_Base: Any = pickle._Pickler  # pyright: ignore[reportAttributeAccessIssue]


class Pickler(_Base):
    """Pickles one object. `legacy`: in the id form of the old format."""

    dispatch: Any = dict(_Base.dispatch)

    def __init__(self, protocol: int, legacy: bool):
        self._parts: list[Any] = []
        self._legacy = legacy
        self._spans: list[Span] = []
        super().__init__(SimpleNamespace(write=self._parts.append), protocol)
        self.dispatch_table = _Reducers(self)
        # Gaps cannot stand in frames, which begin with their length; pickles without frames are whole.
        self.framer.start_framing = lambda: None

    # --- names

    def _write_name(self, module: str, name: str) -> None:
        if self.proto >= 4:
            self.save(module)
            self.save(name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode("utf-8" if self.proto == 3 else "ascii"))

    def _save_name(self, obj) -> None:
        self._write_name(obj.module, obj.name)
        self.memoize(obj)

    dispatch[_Name] = _save_name

    def save_global(self, obj, name=None):
        pair = outward(obj, name)
        if pair is None:
            super().save_global(obj, name)
            return
        self._write_name(*pair)
        self.memoize(obj)

    for kind in (type(outward), type(len)):
        dispatch[kind] = save_global
    del kind

    # --- numbers

    def save_list(self, obj):
        if self.proto == 0 or len(obj) < _MANY or not all(type(item) in _NUMBERS for item in obj):
            super().save_list(obj)
            return
        self.write(pickle.EMPTY_LIST)
        self.memoize(obj)
        quick = pickle.dumps(obj, min(self.proto, 3))
        start = quick.index(b"]q\0") + 3
        self.write(quick[start:-1])

    dispatch[list] = save_list

    def save_bytes(self, obj):
        if obj or self.proto >= 3:
            super().save_bytes(obj)
        else:  # what Python writes here, PyTorch's safe reader refuses
            self.save_reduce(codecs.encode, ("", "latin1"), obj=obj)

    dispatch[bytes] = save_bytes

    # --- storages

    def _save_span(self, span: Span) -> None:
        """The persistent id of the storage that will hold a span."""
        if span.memory.device.type == "meta":
            raise NotImplementedError("Cannot copy out of meta tensor; no data!")
        self.write(pickle.MARK)
        self.save("storage")
        self.save(_UNTYPED if span.kind is None else _TYPED[span.kind])
        self._parts.append(lambda: _text(span.written.key))
        self.save(location_tag(span.memory))
        self._parts.append(lambda: _number(span.written.count))
        if self._legacy:
            self.save(None)
        self.write(pickle.TUPLE + pickle.BINPERSID)

    dispatch[Span] = _save_span

    def _save_offset(self, offset: _Offset) -> None:
        def number():
            # A tensor without elements may begin anywhere; others do not begin in front of their block.
            return _number(max(offset.begin - offset.span.written.begin, 0) // offset.span.dtype.itemsize)

        self._parts.append(number)

    dispatch[_Offset] = _save_offset

    def span(self, memory: UntypedStorage, dtype, begin: int, end: int) -> Span:
        """Note that bytes of a storage are to be written."""
        made = Span(memory, dtype, begin, end)
        self._spans.append(made)
        return made

    def _save_untyped(self, storage: UntypedStorage) -> None:
        self._save_span(self.span(storage, None, 0, storage.nbytes()))

    dispatch[UntypedStorage] = _save_untyped

    def _save_typed(self, storage: TypedStorage) -> None:
        begin = storage._offset * storage.dtype.itemsize
        self._save_span(self.span(storage.untyped(), storage.dtype, begin, begin + storage.nbytes()))

    dispatch[TypedStorage] = _save_typed

    # --- the end

    def finish(self) -> tuple[bytes, list[Block]]:
        """The pickle, and what to write beside it, in the order of the keys."""
        blocks = _laid_out(self._spans)
        filled: list[Any] = [part() if callable(part) else part for part in self._parts]
        return b"".join(filled), blocks


def _text(text: str) -> bytes:
    data = text.encode()
    return pickle.BINUNICODE + len(data).to_bytes(4, "little") + data


def _number(n: int) -> bytes:
    if n < 256:
        return pickle.BININT1 + n.to_bytes(1, "little")
    if n < 1 << 31:
        return pickle.BININT + n.to_bytes(4, "little")
    return pickle.LONG1 + b"\x09" + n.to_bytes(9, "little")


def _laid_out(spans: list[Span]) -> list[Block]:
    """The blocks that hold all spans, one for each storage: from the first byte that any span shows to the last."""
    by_memory: dict[Any, list[Span]] = {}
    for span in spans:
        # An empty storage has no bytes that two dtypes could disagree about.
        empty = span.dtype if span.memory.nbytes() == 0 else None
        by_memory.setdefault((id(span.memory), empty), []).append(span)
    blocks = []
    for key, shared in enumerate(by_memory.values()):
        if any(span.dtype != shared[0].dtype for span in shared):
            raise RuntimeError("Cannot save multiple tensors or storages that view the same data as different types")
        shown = [span for span in shared if span.end > span.begin]
        begin, end = min((s.begin for s in shown), default=0), max((s.end for s in shown), default=0)
        block = Block(str(key), shared[0], begin, end)
        blocks.append(block)
        for span in shared:
            span.block = block
    return blocks


class _Reducers:
    """How the pickler takes apart objects of each class, where that is not their own way."""

    def __init__(self, pickler: Pickler):
        self._pickler = pickler

    def get(self, cls, default=None):
        """The function that takes apart instances of `cls`."""
        if issubclass(cls, Tensor):
            own = cls.__reduce_ex__ in (Tensor.__reduce_ex__, Parameter.__reduce_ex__)
            return self._tensor if own else default
        if (
            issubclass(cls, Module)
            and cls.__reduce_ex__ is object.__reduce_ex__
            and cls.__reduce__ is object.__reduce__
        ):
            own = cls.__getstate__ in (object.__getstate__, getattr(Module, "__getstate__", None))
            return _module if own else default
        if cls is _rustgrad.layout:
            return lambda layout: (_GET_LAYOUT, ("torch." + str(layout).rpartition(".")[2],))
        if cls is _rustgrad.Generator:
            return lambda g: (_GENERATOR, (g.device,), (g.initial_seed(), None, g.get_state()))
        if outward(cls) == ("collections", "OrderedDict"):
            return _ordered_dict
        return copyreg.dispatch_table.get(cls, default)

    def _tensor(self, t):
        cls, state = type(t), t.__getstate__() or {}
        if cls is Parameter:
            plain = (t.detach(), t.requires_grad, OrderedDict())
            return (_PARAMETER_WITH_STATE, (*plain, state)) if state else (_PARAMETER, plain)
        if cls is Buffer:  # a plain tensor in PyTorch
            cls, state = Tensor, {**state, "_is_buffer": True}
        rebuild, args = self._rebuilt(t)
        return (_FROM_TYPE, (rebuild, cls, args, state)) if state or cls is not Tensor else (rebuild, args)

    def _rebuilt(self, t):
        """The function that makes a tensor, and its arguments."""
        plain = t.detach()
        if plain.is_meta:
            return _META, (plain.dtype, tuple(plain.shape), plain.stride(), t.requires_grad)
        dtype, size = plain.dtype, plain.dtype.itemsize
        begin, end = _extent(plain)
        span = self._pickler.span(plain.untyped_storage(), dtype, begin * size, end * size)
        args = [span, _Offset(span, begin * size), tuple(plain.shape), plain.stride(), t.requires_grad, OrderedDict()]
        if span.kind is None:
            args.append(dtype)
        metadata = {name: True for name in ("conj", "neg") if getattr(plain, f"is_{name}", bool)()}
        if metadata:
            args.append(metadata)
        return _TENSOR_V3 if span.kind is None else _TENSOR_V2, tuple(args)


def _module(module):
    return copyreg.__newobj__, (type(module),), module_state(module)  # pyright: ignore[reportAttributeAccessIssue]


def _ordered_dict(items):
    """A dict of the library that is an OrderedDict in PyTorch."""
    return OrderedDict, (), dict(items.__dict__) or None, None, iter(items.items())
