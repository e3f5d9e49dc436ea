"""What a file may name, and what is made of it: tensors, containers, registered classes; on request the library's own.

Each constructor checks its arguments, which may be anything, before it takes memory.
"""

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import Counter, OrderedDict
from pickle import UnpicklingError
from typing import Any

from .. import _rustgrad
from . import rebuild
from .names import _DTYPES, _QUANTIZED, _STORAGE_DTYPES, StorageType, dtype_named, inward, outward
from .options import get_safe_globals
from .unpickler import Global, Unpickler, check_key, members

__all__ = ["Permissions"]

_BLOCKED = ("sys", "os", "posix", "nt")
# A file may make objects of so many bytes more than it has, by naming one part of itself often.
_SLACK = 1 << 20


class Permissions:
    """What one file may name.

    size: bytes of the file. everything: whether the library's classes and some plain ones of Python are allowed.
    """

    def __init__(self, size: int, everything: bool):
        self._everything = everything
        self._budget = 2 * size + _SLACK
        self._found: dict[tuple[str, str], Global] = {}
        self._registered = _registered()
        self.unpickler: Unpickler | None = None
        self._plain = {
            "collections.OrderedDict": Global(OrderedDict, self._ordered_dict),
            "collections.Counter": Global(Counter, self._counter),
            "builtins.set": Global(set, lambda items=(): set(self._members(items))),
            "builtins.frozenset": Global(frozenset, lambda items=(): frozenset(self._members(items))),
            "builtins.bytearray": Global(bytearray, self._bytearray),
            "builtins.bytes": Global(bytes, self._bytes),
            "builtins.complex": Global(complex, _complex),
            "builtins.object": Global(object),
            "_codecs.encode": Global(self._encode, self._encode),
            "copyreg._reconstructor": Global(self._reconstructor, self._reconstructor),
            "copyreg.__newobj__": Global(self._new_object, self._new_object),
        }

    def find(self, module: str, name: str, protocol: int) -> Global:
        """The permission for a name. UnpicklingError where there is none."""
        if protocol <= 2:
            module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
        found = self._found.get((module, name))
        if found is None:
            found = self._found[module, name] = self._look_up(module, name)
        return found

    def _look_up(self, module: str, name: str) -> Global:
        full = f"{module}.{name}"
        if module in _BLOCKED:
            raise UnpicklingError(f"Trying to load unsupported GLOBAL {full} whose module {module} is blocked.")
        if full in self._plain:
            return self._plain[full]
        if full in self._registered:
            return self._registered[full]
        own = module.split(".", 1)
        if own[0] in ("torch", "rustgrad"):
            found = _of_tensors(".".join(["torch", *own[1:]]), name)
            if found is not None:
                return found
        if self._everything:
            from .trusted import trusted

            found = trusted(module, name, self._charge)
            if found is not None:
                return found
        if not self._everything and inward(module, name) is not None:
            hint = "the library's own classes are made by load(..., weights_only=False)"
        else:
            hint = (
                "weights_only=False does not allow it either: rustgrad makes registered classes only, and runs nothing"
            )
        raise UnpicklingError(
            f"Unsupported global: GLOBAL {full} was not an allowed global by default. Please use "
            f"`torch.serialization.add_safe_globals([{full}])` or the `torch.serialization.safe_globals([{full}])` "
            f"context manager to allowlist this global if you trust this class/function.\nhint: {hint}"
        )

    # --- containers: each is charged for what it copies

    def _charge(self, what):
        self._budget -= len(what)
        if self._budget < 0:
            raise UnpicklingError("the pickle makes far more data than it holds")
        return what

    def _members(self, items):
        if not isinstance(items, (list, tuple)):
            raise UnpicklingError(f"a set is made from a {type(items).__name__}")
        return members(self._charge(items))

    def _ordered_dict(self, items=()):
        if not isinstance(items, (list, tuple)):
            raise UnpicklingError(f"an OrderedDict is made from a {type(items).__name__}")
        made = OrderedDict()
        for pair in self._charge(items):
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                raise UnpicklingError("an OrderedDict is made from something other than pairs")
            check_key(pair[0])
            made[pair[0]] = pair[1]
        return made

    def _counter(self, counts=None):
        if counts is not None and type(counts) is not dict:
            raise UnpicklingError(f"a Counter is made from a {type(counts).__name__}")
        return Counter(self._charge(counts or {}))

    def _bytearray(self, data=b"", encoding=None):
        if isinstance(data, str) and encoding is not None:
            data = self._encode(data, encoding)
        if not isinstance(data, (bytes, bytearray)):
            raise UnpicklingError(f"a bytearray is made from a {type(data).__name__}")
        return bytearray(self._charge(data))

    def _bytes(self, data=b""):
        if not isinstance(data, (bytes, bytearray)):
            raise UnpicklingError(f"bytes are made from a {type(data).__name__}")
        return bytes(self._charge(data))

    def _encode(self, text, encoding="utf-8"):
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "utf8", "ascii"):
            raise UnpicklingError("the pickle encodes something other than text, or in an unknown way")
        return self._charge(text).encode(encoding)

    def _reconstructor(self, cls, base=None, state=None):
        if self.unpickler is None:
            raise UnpicklingError("the pickle makes an object where none may be made")
        return self.unpickler.reconstructed(cls, base, state)

    def _new_object(self, cls):
        return self._reconstructor(cls, object, None)


def _complex(real=0.0, imag=0.0):
    if not all(type(part) in (int, float) for part in (real, imag)):
        raise UnpicklingError("a complex number is made from something other than numbers")
    return complex(real, imag)


# --- tensors

_REBUILD = {
    "torch._utils._rebuild_tensor": rebuild.tensor,
    "torch._utils._rebuild_tensor_v2": rebuild.tensor_v2,
    "torch._utils._rebuild_tensor_v3": rebuild.tensor_v3,
    "torch._utils._rebuild_meta_tensor_no_storage": rebuild.meta_tensor,
    "torch._utils._rebuild_sparse_tensor": rebuild.sparse,
    "torch._utils._rebuild_nested_tensor": rebuild.nested,
    "torch.nested._internal.nested_tensor._rebuild_njt": rebuild.jagged,
    "torch._quantized.dtypes._named": rebuild.quantized_name,
    "torch._quantized.tensor._rebuilt": rebuild.quantized,
    "torch._utils._rebuild_parameter": rebuild.parameter,
    "torch._utils._rebuild_parameter_with_state": rebuild.parameter_with_state,
    "torch._tensor._rebuild_from_type_v2": rebuild.from_type,
    "torch._tensor._rebuild_from_type": rebuild.from_type,
    "torch.Size": rebuild.size,
    "torch.device": rebuild.device,
    "torch.serialization._get_layout": rebuild.layout,
    **{
        f"torch._utils.{name}": rebuild.lacking(kind)
        for name, kind in {
            "_rebuild_sparse_csr_tensor": "sparse tensors in rows or columns",
            "_rebuild_qtensor": "quantized tensors",
            "_rebuild_wrapper_subclass": "wrapper subclasses of tensors",
            "_rebuild_device_tensor_from_numpy": "tensors of a device that rustgrad lacks",
            "_rebuild_device_tensor_from_cpu_tensor": "tensors of a device that rustgrad lacks",
        }.items()
    },
}
_CLASSES = {
    "torch.Size": _rustgrad.Size,
    "torch.device": _rustgrad.device,
    "torch.dtype": _rustgrad.dtype,
}


def _of_tensors(module: str, name: str) -> Global | None:
    """The permissions that every file has: what tensors are made of."""
    full = f"{module}.{name}"
    if full in _REBUILD:
        function = _REBUILD[full]
        return Global(_CLASSES.get(full, function), function)
    if full in _CLASSES:
        return Global(_CLASSES[full])
    if full == "torch.nested._internal.nested_tensor.NestedTensor":
        from ..nested.jagged import NestedTensor

        return Global(NestedTensor)
    if full == "torch._dynamo.decorators._DimRange":
        return Global(rebuild.DimRange, None, rebuild.DimRange, rebuild.DimRange.__setstate__)
    if full == "torch.Tensor":
        return Global(_rustgrad.Tensor, rebuild.old_tensor, build=rebuild.build_old_tensor)
    if module == "torch" and name.endswith("Tensor") and name.replace("Tensor", "Storage") in _STORAGE_DTYPES:
        return Global(StorageType(None), rebuild.old_tensor, build=rebuild.build_old_tensor)
    if full == "torch.nn.parameter.Parameter":
        from ..nn.parameter import Parameter

        return Global(Parameter)
    if module in ("torch", "torch.cuda") and name in _STORAGE_DTYPES:
        return Global(StorageType(_STORAGE_DTYPES[name]))
    if full in ("torch.storage.UntypedStorage", "torch.UntypedStorage", "torch.storage._UntypedStorage"):
        return Global(StorageType(None))
    if module == "torch" and name in _QUANTIZED:
        raise NotImplementedError(
            f"load: the file holds quantized tensors (torch.{name}), which rustgrad does not have"
        )
    if module == "torch" and name in _DTYPES:
        return Global(getattr(_rustgrad, name, None) or dtype_named(name))  # a name may stand without a tensor
    if module == "torch" and isinstance(
        found := getattr(_rustgrad, name, None), (_rustgrad.layout, _rustgrad.memory_format)
    ):
        return Global(found)
    if name.endswith("Tensor") and module in ("torch.cuda", "torch.sparse", "torch.cuda.sparse"):
        raise NotImplementedError(f"load: the file holds a {module}.{name}, which rustgrad does not have")
    return None


# --- registered classes


def _registered() -> dict[str, Global]:
    """The permissions that `add_safe_globals` gave, by full name in files."""
    found = {}
    for given in get_safe_globals():
        obj, name = given if isinstance(given, tuple) else (given, None)
        permission = _consented(obj)
        if name is not None:
            found[name] = permission
            continue
        found[f"{obj.__module__}.{obj.__qualname__}"] = permission
        pair = outward(obj)
        if pair is not None:
            found[".".join(pair)] = permission
    return found


def _consented(obj) -> Global:
    from .modules import restore_state

    if not isinstance(obj, type) or issubclass(obj, _rustgrad.Tensor):
        return Global(obj, obj)
    cls: Any = obj
    return Global(cls, cls, lambda: cls.__new__(cls), restore_state)


def plain_state(value, state) -> None:
    """Attributes from a dict, or from a pair of dicts: those of `__dict__`, and those of slots."""
    slots = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    for part in (state, slots):
        if part is not None and (type(part) not in (dict, OrderedDict) or not all(type(key) is str for key in part)):
            raise UnpicklingError(f"the state of a {type(value).__name__} is no dict of attributes")
    if state:
        value.__dict__.update(state)
    for key, item in (slots or {}).items():
        setattr(value, key, item)
