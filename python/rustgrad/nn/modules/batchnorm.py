"""Batch normalisation, and what it shares with instance normalisation."""

from ..._rustgrad import int64
from ..._rustgrad.torch import empty, ones, tensor, zeros
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module
from .places import forward

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "SyncBatchNorm",
]


class _NormBase(Module):
    """Weight, bias and running statistics of `num_features` channels.

    affine: have weight and bias; bias=False leaves out the latter. track_running_stats: keep running_mean, running_var
    and num_batches_tracked.
    """

    _version = 2

    def __init__(
        self,
        num_features,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine=True,
        track_running_stats=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(
                name, Parameter(empty(num_features, device=device, dtype=dtype)) if wanted else None
            )
        mean = zeros(num_features, device=device, dtype=dtype) if track_running_stats else None
        self.register_buffer("running_mean", mean)
        variance = ones(num_features, device=device, dtype=dtype) if track_running_stats else None
        self.register_buffer("running_var", variance)
        count = tensor(0, dtype=int64, device=device) if track_running_stats else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self):
        """Mean 0, variance 1, no batches seen."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self):
        """Weight 1, bias 0, and the running statistics from the start."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input):
        raise NotImplementedError

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None if self.affine else False}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        version = local_metadata.get("version")
        if (version is None or version < 2) and self.track_running_stats:
            # Version 2 brought num_batches_tracked.
            key = prefix + "num_batches_tracked"
            if key not in state_dict:
                count = self.num_batches_tracked
                state_dict[key] = count if count is not None else tensor(0, dtype=int64)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class _BatchNorm(_NormBase):
    def forward(self, input):
        self._check_input_dim(input)
        part = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # the mean over all batches
                part = 1.0 / float(self.num_batches_tracked)
        # Without running statistics those of the batch are taken in evaluation too.
        training = self.training or (self.running_mean is None and self.running_var is None)
        tracked = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if tracked else None,
            self.running_var if tracked else None,
            self.weight,
            self.bias,
            training,
            part,
            self.eps,
        )


def expect_dims(input, *allowed):
    """Raises ValueError for an input of another number of dims."""
    if input.ndim not in allowed:
        wanted = " or ".join(f"{n}D" for n in allowed)
        raise ValueError(f"expected {wanted} input (got {input.ndim}D input)")


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L): each channel to mean 0, variance 1, then scaled and shifted."""

    def _check_input_dim(self, input):
        expect_dims(input, 2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (N, C, H, W): each channel to mean 0, variance 1, then scaled and shifted."""

    def _check_input_dim(self, input):
        expect_dims(input, 4)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes (N, C, D, H, W): each channel to mean 0, variance 1, then scaled and shifted."""

    def _check_input_dim(self, input):
        expect_dims(input, 5)


class SyncBatchNorm(_BatchNorm):
    """BatchNorm over all processes of a group; there is one process, so it is the BatchNorm of any number of dims.

    process_group is accepted and changes nothing.
    """

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum: float | None = 0.1,
        affine=True,
        track_running_stats=True,
        process_group=None,
        device=None,
        dtype=None,
        *,
        bias=True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input):
        if input.ndim < 2:
            raise ValueError(f"expected at least 2D input (got {input.ndim}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module, process_group=None):
        """`module` with each BatchNorm in it replaced by a SyncBatchNorm of the same parameters and buffers."""
        new = module
        if isinstance(module, _BatchNorm):
            tracked = module.track_running_stats
            new = cls(module.num_features, module.eps, module.momentum, module.affine, tracked, process_group)
            for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                setattr(new, name, getattr(module, name))
            new.training = module.training
        for name, child in module.named_children():
            new.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return new


_ELSEWHERE = ("LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d")
__getattr__ = forward(__name__, _ELSEWHERE, "lazy_norm")
