"""Lists of tensors sorted by device and dtype, as optimizers of other libraries ask for them."""

from .._rustgrad import Tensor, device

__all__ = []


def _get_foreach_kernels_supported_devices() -> list[str]:
    return ["cuda"]


def _get_fused_kernels_supported_devices() -> list[str]:
    return ["cuda", "cpu"]


def _device_has_foreach_support(device: device) -> bool:
    """Whether optimizers step over whole lists on a device: as in PyTorch they can on the CPU."""
    return device.type in (*_get_foreach_kernels_supported_devices(), "cpu")


def _has_foreach_support(tensors: list[Tensor], device: device) -> bool:
    return _device_has_foreach_support(device) and all(t is None or type(t) is Tensor for t in tensors)


def _group_tensors_by_device_and_dtype(tensorlistlist: list[list[Tensor | None]], with_indices: bool = False) -> dict:
    """Several lists of one length, apart by device and dtype of the first list's tensors.

    The result maps (device, dtype) to (lists, indices): each list's elements of this kind, and where they stood if
    `with_indices`, else none.
    """
    groups = {}
    for index, row in enumerate(zip(*tensorlistlist)):
        first = row[0]
        assert isinstance(first, Tensor)
        lists, indices = groups.setdefault((first.device, first.dtype), ([[] for _ in row], []))
        for parts, one in zip(lists, row):
            parts.append(one)
        if with_indices:
            indices.append(index)
    return groups
