"""Functions of PyTorch's `torch._utils` that programs import: many tensors as one, and back."""

from ._names import lookup as _lookup
from ._rustgrad import Tensor, torch

__all__: list[str] = []


def _flatten_dense_tensors(tensors) -> Tensor:
    """One tensor with the elements of all, behind each other."""
    tensors = list(tensors)
    return torch.cat([x.contiguous().view(-1) for x in tensors]) if len(tensors) != 1 else tensors[0].reshape(-1)


def _unflatten_dense_tensors(flat, tensors) -> tuple:
    """Pieces of `flat` with the sizes of `tensors`: views."""
    found, first = [], 0
    for x in tensors:
        found.append(flat.narrow(0, first, x.numel()).view_as(x))
        first += x.numel()
    return tuple(found)


def _reorder_tensors_as(tensors, ordered_tensors) -> tuple:
    """`tensors` in the order of `ordered_tensors`, by dtype: those of one dtype keep their order."""
    kinds: dict = {}
    for x in tensors:
        kinds.setdefault(x.dtype, []).append(x)
    left = {kind: iter(found) for kind, found in kinds.items()}
    return tuple(next(left[x.dtype]) for x in ordered_tensors)


def _take_tensors(tensors, size_limit: int):
    """Lists of tensors of one dtype, each of at most `size_limit` bytes where more than one fits."""
    kinds: dict = {}
    for x in tensors:
        held, room = kinds.setdefault(x.dtype, ([], 0))
        taken = x.numel() * x.element_size()
        if room + taken > size_limit and room > 0:
            yield held
            held, room = [], 0
        held.append(x)
        kinds[x.dtype] = (held, room + taken)
    for held, _ in kinds.values():
        if held:
            yield held


def _rebuild_sparse_tensor(layout, data):
    """The sparse tensor of a layout and its parts, as files hold it: indices, values, size, whether coalesced."""
    from .sparse.coo import sparse_coo_tensor

    if str(layout).rpartition(".")[2] in ("sparse_csr", "sparse_csc"):
        from .sparse.compressed import sparse_compressed_tensor

        first, second, values, size = data
        return sparse_compressed_tensor(first, second, values, size, layout=layout)
    if str(layout).rpartition(".")[2] != "sparse_coo":
        raise NotImplementedError(f"rebuilding sparse tensor for layout {layout}")
    indices, values, size, *coalesced = data
    return sparse_coo_tensor(indices, values, size, is_coalesced=coalesced[0] if coalesced else None)


def _rebuild_nested_tensor(buffer, sizes, strides, storage_offsets):
    """The nested tensor of layout strided of its buffer, and sizes, strides and first elements of its parts."""
    from .nested.strided import made

    shapes, steps = ([tuple(row) for row in x.tolist()] for x in (sizes, strides))
    return made(buffer, shapes, steps, storage_offsets.tolist())


def _element_size(dtype) -> int:
    """The bytes of one element of a dtype."""
    return dtype.itemsize


_missing = _lookup("torch._utils")


def __getattr__(name: str):
    if name == "ExceptionWrapper":
        from .utils.data._utils.worker import ExceptionWrapper

        return ExceptionWrapper
    return _missing(name)
