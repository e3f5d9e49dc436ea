"""What sparse tensors of all layouts have in common: they are tensors on `meta` whose elements are in dense parts."""

from .._parts import OfParts
from .._rustgrad import Tensor, get_default_dtype, int64
from .._rustgrad import bool as _bool
from .._tensor_str import _add_suffixes, _tensor_str

__all__ = ["PLAIN", "OfElements", "name_of", "shown"]

# What such a tensor answers as the tensor on `meta` does that it is.
PLAIN = frozenset(
    "__len__ __hash__ __dir__ __init__ dim element_size has_names is_complex is_conj is_floating_point is_inference "
    "is_neg is_same_size is_signed is_shared is_pinned ndimension nelement numel size storage_offset".split()
)


def name_of(func) -> str:
    """The name of the op that `__torch_function__` is asked for: `add` also for `x + y`."""
    name = func.__name__
    if name == "__get__":
        return getattr(func.__self__, "__name__", name)
    if name.startswith("__") and name.endswith("__"):
        return {"__radd__": "add", "__rmul__": "mul"}.get(name, name if name in PLAIN else name.strip("_"))
    return name


def shown(x: "OfElements", parts: dict[str, Tensor], newline: bool) -> str:
    """The text of a sparse tensor with these parts."""
    indent = len("tensor(")
    texts = []
    for name, part in parts.items():
        prefix = f"{name}=tensor("
        text = _tensor_str(part, indent + len(prefix)) if part.numel() else "[]"
        texts.append(prefix + text + (")" if part.numel() else f", size={tuple(part.shape)})"))
    suffixes = [f"size={tuple(x.shape)}", f"nnz={x._nnz()}"]
    if x.device.type != "cpu":
        suffixes.insert(0, f"device='{x.device}'")
    if x.dtype not in (get_default_dtype(), int64, _bool):
        suffixes.append(f"dtype={x.dtype}")
    suffixes.append(f"layout={x.layout}")
    if x._v.grad_fn is not None:
        suffixes.append(f"grad_fn=<{x._v.grad_fn.name()}>")
    elif x._v.requires_grad:
        suffixes.append("requires_grad=True")
    return _add_suffixes("tensor(" + (",\n" + " " * indent).join(texts), suffixes, indent, newline)


class OfElements(OfParts):
    """A sparse tensor: its parts are elements, and where they are."""

    def _nnz(self) -> int:
        """How many elements there are."""
        raise NotImplementedError

    def _set_gradient(self, value) -> None:
        if value is not None:
            raise NotImplementedError("grad: a sparse tensor's gradient may only be set to None")
        self._v.grad = None
