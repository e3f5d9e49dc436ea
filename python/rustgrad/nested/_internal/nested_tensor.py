"""`NestedTensor` under PyTorch's path, and how files hold one of layout jagged."""

from ..jagged import NestedTensor, packed

__all__ = ["NestedTensor"]


def _rebuild_njt(state):
    """The nested tensor of a dict of its parts: values, offsets, lengths, _ragged_idx, requires_grad."""
    return packed(*(state[key] for key in ("values", "offsets", "lengths", "_ragged_idx", "requires_grad")))
