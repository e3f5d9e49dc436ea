"""A linear layer and the cross entropy of its results."""

import dataclasses
import math
from typing import Any, Literal

from ..._rustgrad import Tensor, bfloat16, dtype, float16, float32, float64
from .. import functional as F
from ..functional.linear_loss import chunk_ratio
from .linear import Linear
from .module import Module
from .places import place

__all__ = ["LinearCrossEntropyLoss", "LinearCrossEntropyOptions"]


@dataclasses.dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How many rows of the logits `linear_cross_entropy` computes at a time.

    batch_chunk_size: that many; else by chunking_method: "aspect_ratio:n" keeps a chunk of logits about n times as
    large as a chunk of inputs, "auto" is "aspect_ratio:2", None takes all rows. The others choose the precision of
    sums, and whether backward may run twice: both are the best here in any case. Raises ValueError for other values.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: Literal["accurate", "balanced", "compact", "auto"] = "auto"
    acc_dtype: dtype | None = None

    def __post_init__(self):
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size}")
        if self.chunking_method not in (None, "auto") and chunk_ratio(self.chunking_method) is None:
            raise ValueError(f"invalid chunking_method: {self.chunking_method!r}")
        if self.acc_policy not in ("accurate", "balanced", "compact", "auto"):
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if self.acc_dtype not in (None, float16, bfloat16, float32, float64):
            known = ", ".join(map(str, (None, float16, bfloat16, float32, float64)))
            raise ValueError(
                f"acc_dtype must be one of {{{known}}}, got {self.acc_dtype!r}. Pass acc_dtype=None to let the op pick "
                "automatically."
            )


class LinearCrossEntropyLoss(Module):
    """`linear_cross_entropy` with a linear layer of its own.

    in_features, num_classes: sizes of the layer, whose results have the shape (num_classes, *out_features) for each
    example; bias: whether it adds one. weight, reduction, ignore_index, label_smoothing: as of CrossEntropyLoss.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ):
        super().__init__()
        self.in_features, self.num_classes = in_features, num_classes
        self.out_features = tuple(out_features)
        self.reduction = reduction
        self.register_buffer("weight", weight)
        self.linear = Linear(
            in_features, num_classes * math.prod(self.out_features), bias=bias, device=device, dtype=dtype
        )
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.options = options

    def forward(self, input, target):
        bias, shape = self.linear.bias, (self.num_classes, *self.out_features)
        return F.linear_cross_entropy(
            input,
            self.linear.weight.view(*shape, self.in_features),
            target,
            linear_bias=None if bias is None else bias.view(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self):
        return (
            f"in_features={self.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )


place(["LinearCrossEntropyLoss"], globals(), "loss")
place(["LinearCrossEntropyOptions"], globals(), "linear_cross_entropy_options")
