"""Sequences of several lengths as one tensor: padded to the longest, or packed step by step without gaps."""

from collections import namedtuple
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from ..._rustgrad import Tensor, int64, tensor
from ..._rustgrad.torch import cat, stack

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

_Fields = namedtuple("_Fields", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"])


class PackedSequence(_Fields):
    """Sequences of several lengths: `data` holds the first step of all, then the second of those that have one, etc.

    batch_sizes: how many sequences have each step, int64 on the CPU. sorted_indices: which sequence of the batch stands
    where in `data`, the longest first; None where the batch was sorted. unsorted_indices: its inverse. Made by
    `pack_padded_sequence`, not by hand.
    """

    __slots__ = ()

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if batch_sizes is None:
            # An older form gives the first two as a pair.
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. "
                "They should be instantiated by functions like pack_sequence and pack_padded_sequences in "
                f"nn.utils.rnn, but got batch_sizes on {batch_sizes.device}"
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def __repr__(self):
        return "PackedSequence(" + ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self)) + ")"

    def __reduce__(self):
        return PackedSequence, tuple(self)

    def to(self, *args, **kwargs):
        """The sequence on another device or with another dtype, as `Tensor.to`; itself where nothing changes."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        moved = [None if x is None else x.to(data.device) for x in self[2:]]
        return PackedSequence(data, self.batch_sizes, *moved)

    def pin_memory(self):
        """Itself: no memory is pinned."""
        return self

    def cpu(self):
        """The sequence on the CPU."""
        return self.to("cpu")

    def cuda(self, *args, **kwargs):
        """The sequence on a CUDA device, which rustgrad has none of; the GPU is `to("gpu")`."""
        return self.to("cuda", *args, **kwargs)

    def double(self):
        """The sequence in float64."""
        return self._cast("double")

    def float(self):
        """The sequence in float32."""
        return self._cast("float")

    def half(self):
        """The sequence in float16."""
        return self._cast("half")

    def long(self):
        """The sequence in int64."""
        return self._cast("long")

    def int(self):
        """The sequence in int32."""
        return self._cast("int")

    def short(self):
        """The sequence in int16."""
        return self._cast("short")

    def char(self):
        """The sequence in int8."""
        return self._cast("char")

    def byte(self):
        """The sequence in uint8."""
        return self._cast("byte")

    def _cast(self, name):
        data = getattr(self.data, name)()
        return self if data is self.data else PackedSequence(data, *self[1:])

    @property
    def is_cuda(self) -> bool:
        """Whether `data` is on a CUDA device."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """False: no memory is pinned."""
        return self.data.is_pinned()


def invert_permutation(permutation):
    """The permutation that undoes another one; None for None."""
    if permutation is None:
        return None
    inverse: list[Any] = [0] * len(permutation)
    for place, number in enumerate(permutation.tolist()):
        inverse[number] = place
    return tensor(inverse, dtype=permutation.dtype, device=permutation.device)


def _lengths(lengths) -> list[int]:
    if isinstance(lengths, Tensor):
        if lengths.ndim != 1 or lengths.device.type != "cpu":
            raise RuntimeError(
                "'lengths' argument should be a 1D CPU int64 tensor, but got "
                f"{lengths.ndim}D {lengths.device.type} tensor"
            )
        lengths = lengths.tolist()
    return [int(n) for n in lengths]


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Pack a padded batch: (T, B, ...), or (B, T, ...) with batch_first, of which sequence b has `lengths[b]` steps.

    lengths: a list or a tensor of one dim on the CPU. enforce_sorted: refuse lengths that do not fall; without it the
    batch is sorted here. Raises RuntimeError for lengths that do not fit. Same as torch's.
    """
    sizes = _lengths(lengths)
    if not isinstance(input, Tensor):
        raise TypeError(
            f"pack_padded_sequence(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )
    if input.ndim < 2:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)")
    order = None
    if not enforce_sorted:
        order = sorted(range(len(sizes)), key=lambda b: -sizes[b])
        sizes = [sizes[b] for b in order]
    steps, batch = (input.shape[1], input.shape[0]) if batch_first else (input.shape[0], input.shape[1])
    if input.numel() == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    if len(sizes) != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} (batch_size={batch})"
        )
    if min(sizes) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if any(a < b for a, b in pairwise(sizes)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
            "do not need ONNX exportability."
        )
    if sizes[0] > steps:
        raise RuntimeError(f"pack_padded_sequence: a length is {sizes[0]}, but the input has {steps} steps")
    counts, alive = [], batch
    for step in range(sizes[0]):
        while sizes[alive - 1] <= step:
            alive -= 1
        counts.append(alive)
    owner = range(batch) if order is None else order
    # Rows of the input, with time and batch as one dim, in the order of the steps.
    stride_t, stride_b = (1, steps) if batch_first else (batch, 1)
    rows = [step * stride_t + owner[b] * stride_b for step, count in enumerate(counts) for b in range(count)]
    data = input.reshape(steps * batch, *input.shape[2:]).index_select(0, tensor(rows, device=input.device))
    indices = None if order is None else tensor(order, dtype=int64, device=input.device)
    return PackedSequence(data, tensor(counts, dtype=int64), indices)


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """Undo `pack_padded_sequence`: the padded batch (T, B, ...), or (B, T, ...), and the lengths, in the batch's order.

    total_length: T, if it should be more than the longest. Raises ValueError where that is too little.
    """
    counts = sequence.batch_sizes.tolist()
    steps, batch, data = len(counts), counts[0], sequence.data
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    starts = [0]
    for count in counts:
        starts.append(starts[-1] + count)
    ends = [0] * batch  # the length of the sequence at each place
    for step, (count, after) in enumerate(zip(counts, [*counts[1:], 0]), 1):
        ends[after:count] = [step] * (count - after)
    places = list(range(batch)) if sequence.unsorted_indices is None else sequence.unsorted_indices.tolist()
    lengths = [ends[place] for place in places]
    gap = data.shape[0]  # the row of padding, behind all others
    table = [
        [starts[step] + place if step < len(counts) and place < counts[step] else gap for place in places]
        for step in range(steps)
    ]
    if batch_first:
        table = [list(column) for column in zip(*table)]
    rows = tensor([row for line in table for row in line], dtype=int64, device=data.device)
    padded = cat([data, data.new_full((1, *data.shape[1:]), padding_value)]).index_select(0, rows)
    shape = (batch, steps) if batch_first else (steps, batch)
    return padded.view(*shape, *data.shape[1:]), tensor(lengths, dtype=int64)


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Tensors (L_i, ...) of the same other dims as one tensor (T, B, ...), or (B, T, ...), T the largest L_i.

    padding_side: "right" or "left", where shorter ones are filled with `padding_value`. The dtype is the first one's.
    Raises RuntimeError for an empty list, an unknown side, or other dims that differ.
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    sequences = list(sequences)
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    for index, one in enumerate(sequences):
        if not isinstance(one, Tensor):
            raise TypeError(f"expected Tensor as element {index} in argument 0, but got {type(one).__name__}")
        if one.ndim == 0:
            raise RuntimeError(f"pad_sequence: expected tensors of at least one dim, but element {index} has none")
    first = sequences[0]
    longest = max(one.shape[0] for one in sequences)
    padded = []
    for one in sequences:
        for dim, (a, b) in enumerate(zip(first.shape[1:], one.shape[1:]), 1):
            if a != b:
                raise RuntimeError(
                    f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension {dim}"
                )
        gap = first.new_full((longest - one.shape[0], *first.shape[1:]), padding_value)
        parts = [one.to(first.dtype), gap]
        padded.append(cat(parts if padding_side == "right" else parts[::-1]))
    return stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """Undo `pad_sequence`: a list of tensors of the given lengths, which are a tensor or a list."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [one[:length] for one, length in zip(padded_sequences.unbind(0), _lengths(lengths), strict=True)]


def pack_sequence(sequences, enforce_sorted=True):
    """Pack a list of tensors (L_i, ...): `pad_sequence` and `pack_padded_sequence` in one."""
    sequences = list(sequences)
    lengths = [one.shape[0] for one in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """Undo `pack_sequence`: the list of tensors."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
