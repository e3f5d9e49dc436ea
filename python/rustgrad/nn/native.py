"""Functions of networks as they stand in the package itself: with the arguments of PyTorch's native functions.

Options that `nn.functional` takes by name stand in a row here, and words are numbers: a reduction is 0 (none, the
default), 1 (mean) or 2 (sum). They give what `nn.functional` gives.
"""

from typing import Any

from .._rustgrad import Tensor, int64, tensor
from .._rustgrad.nn import layer_norm, linear
from .._rustgrad.torch import stack
from . import functional as F
from ._autocast import cast_to_float32
from ._compose import norm_except_dim as norm_except_dim
from .functional import recurrent
from .functional.loss import reduced
from .functional.random import drop_features

__all__ = [
    "adaptive_max_pool1d",
    "affine_grid_generator",
    "alpha_dropout",
    "alpha_dropout_",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "conv_tbc",
    "convolution",
    "cosine_embedding_loss",
    "ctc_loss",
    "dropout_",
    "embedding_bag",
    "feature_alpha_dropout",
    "feature_alpha_dropout_",
    "feature_dropout",
    "feature_dropout_",
    "grid_sampler",
    "group_norm",
    "gru",
    "gru_cell",
    "hinge_embedding_loss",
    "instance_norm",
    "kl_div",
    "lstm",
    "lstm_cell",
    "margin_ranking_loss",
    "native_group_norm",
    "native_layer_norm",
    "norm_except_dim",
    "poisson_nll_loss",
    "rnn_relu",
    "rnn_relu_cell",
    "rnn_tanh",
    "rnn_tanh_cell",
    "triplet_margin_loss",
]

_REDUCTIONS = ("none", "mean", "sum")


def _reduction(number: int) -> str:
    if not 0 <= number < 3:
        raise ValueError(f"{number} is not a valid value for reduction")
    return _REDUCTIONS[number]


# --- convolutions and pools


def conv_tbc(input, weight, bias, pad: int = 0):
    """Convolution of sequences (T, N, C) with a kernel (k, C, O), `pad` zeros at both ends. Returns (T', N, O).

    Raises RuntimeError where sizes do not fit.
    """
    if input.ndim != 3:
        raise RuntimeError(f"Input must have 3 dims: time, batch, in_channel (got {input.ndim})")
    if weight.ndim != 3:
        raise RuntimeError(f"Weight tensor must have 3 dims: kernel_width, in_channels, out_channels ({weight.ndim})")
    if bias.ndim != 1:
        raise RuntimeError("Bias must be 1-D")
    if input.shape[2] != weight.shape[1]:
        raise RuntimeError("Input dim 2 (input channels) is not == dim 1 in the weight tensor (input channels)")
    if weight.shape[2] != bias.shape[0]:
        raise RuntimeError("Bias size must equal dim 2 in the weight tensor (output channels).")
    return F.conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, 1, pad).permute(2, 0, 1).contiguous()


def convolution(input, weight, bias, stride, padding, dilation, transposed: bool, output_padding, groups: int):
    """A convolution of one to three dims, or with `transposed` its transpose."""
    dims = weight.ndim - 2
    if transposed:
        call = getattr(F, f"conv_transpose{dims}d")
        return call(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return getattr(F, f"conv{dims}d")(input, weight, bias, stride, padding, dilation, groups)


def adaptive_max_pool1d(input, output_size: Any):
    """Maxima over `output_size` windows that cover (N, C, L) or (C, L), and their places."""
    return F.adaptive_max_pool1d(input, output_size, True)


def grid_sampler(input, grid, interpolation_mode: int, padding_mode: int, align_corners: bool):
    """`grid_sample`; modes are bilinear, nearest, bicubic, and zeros, border, reflection, counted from 0."""
    mode = ("bilinear", "nearest", "bicubic")[interpolation_mode]
    return F.grid_sample(input, grid, mode, ("zeros", "border", "reflection")[padding_mode], align_corners)


def affine_grid_generator(theta, size, align_corners: bool):
    """`affine_grid`."""
    return F.affine_grid(theta, size, align_corners)


# --- norms


def batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled):
    """`nn.functional.batch_norm`, its arguments in another order."""
    return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled):
    """`nn.functional.instance_norm`, its arguments in another order."""
    return F.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def group_norm(input, num_groups: int, weight=None, bias=None, eps=1e-5, cudnn_enabled=True):
    """`nn.functional.group_norm`."""
    return F.group_norm(input, num_groups, weight, bias, eps)


def native_layer_norm(input, normalized_shape, weight, bias, eps):
    """`layer_norm`, and the mean and the reciprocal of the deviation of each slice."""
    dims = tuple(range(-len(normalized_shape), 0))
    mean = input.mean(dims, keepdim=True)
    rstd = ((input - mean).square().mean(dims, keepdim=True) + eps).rsqrt()
    return layer_norm(input, normalized_shape, weight, bias, eps), mean, rstd


def native_group_norm(input, weight, bias, N, C, HxW, group, eps):
    """`group_norm`, and the mean and the reciprocal of the deviation of each group, (N, group)."""
    rows = input.reshape(N, group, -1)
    mean = rows.mean(-1)
    rstd = ((rows - mean.unsqueeze(-1)).square().mean(-1) + eps).rsqrt()
    return F.group_norm(input, group, weight, bias, eps), mean, rstd


# --- dropout


def dropout_(input, p: float, train: bool):
    """`dropout` in place."""
    return F.dropout(input, p, train, True)


def alpha_dropout(input, p: float, train: bool):
    """`nn.functional.alpha_dropout`."""
    return F.alpha_dropout(input, p, train)


def alpha_dropout_(input, p: float, train: bool):
    """`alpha_dropout` in place."""
    return F.alpha_dropout(input, p, train, True)


def feature_alpha_dropout(input, p: float, train: bool):
    """`nn.functional.feature_alpha_dropout`."""
    return F.feature_alpha_dropout(input, p, train)


def feature_alpha_dropout_(input, p: float, train: bool):
    """`feature_alpha_dropout` in place."""
    return F.feature_alpha_dropout(input, p, train, True)


def feature_dropout(input, p: float, train: bool):
    """Zeroes whole channels (dim 1) with probability `p`, and scales the others by 1 / (1 - p)."""
    return drop_features(input, p, train, False)


def feature_dropout_(input, p: float, train: bool):
    """`feature_dropout` in place."""
    return drop_features(input, p, train, True)


# --- losses


def binary_cross_entropy_with_logits(input, target, weight=None, pos_weight=None, reduction: int = 0):
    """`nn.functional.binary_cross_entropy_with_logits`."""
    how = _reduction(reduction)
    return F.binary_cross_entropy_with_logits(input, target, weight, reduction=how, pos_weight=pos_weight)


def cosine_embedding_loss(input1, input2, target, margin: float = 0.0, reduction: int = 0):
    """`nn.functional.cosine_embedding_loss`."""
    return F.cosine_embedding_loss(input1, input2, target, margin, reduction=_reduction(reduction))


def ctc_loss(
    log_probs, targets, input_lengths, target_lengths, blank: int = 0, reduction: int = 0, zero_infinity=False
):
    """`nn.functional.ctc_loss`."""
    how = _reduction(reduction)
    return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, how, zero_infinity)


def hinge_embedding_loss(input, target, margin: float = 1.0, reduction: int = 0):
    """`nn.functional.hinge_embedding_loss`."""
    return F.hinge_embedding_loss(input, target, margin, reduction=_reduction(reduction))


def kl_div(input, target, reduction: int = 0, *, log_target: bool = False):
    """`nn.functional.kl_div`; the mean is over all elements."""
    if reduction == 1:
        return F.kl_div(input, target, reduction="none", log_target=log_target).mean()
    return F.kl_div(input, target, reduction=_reduction(reduction), log_target=log_target)


@cast_to_float32
def margin_ranking_loss(input1, input2, target, margin: float = 0.0, reduction: int = 0):
    """`nn.functional.margin_ranking_loss`, of tensors of any shapes that broadcast."""
    loss = (-target * (input1 - input2) + margin).clamp_min(0)
    return reduced(loss, _reduction(reduction))


def poisson_nll_loss(input, target, log_input: bool, full: bool, eps: float, reduction: int):
    """`nn.functional.poisson_nll_loss`."""
    return F.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=_reduction(reduction))


def triplet_margin_loss(
    anchor, positive, negative, margin: float = 1.0, p: float = 2, eps: float = 1e-6, swap=False, reduction: int = 0
):
    """`nn.functional.triplet_margin_loss`."""
    how = _reduction(reduction)
    return F.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=how)


# --- tables


def embedding_bag(
    weight,
    indices,
    offsets,
    scale_grad_by_freq=False,
    mode: int = 0,
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx: int | None = None,
):
    """`nn.functional.embedding_bag`, then which bag each index belongs to, the bags' sizes, and the places of maxima.

    mode: 0 (sum), 1 (mean) or 2 (max).
    """
    word = ("sum", "mean", "max")[mode]
    out = F.embedding_bag(
        indices,
        weight,
        offsets,
        None,
        2.0,
        scale_grad_by_freq,
        word,
        sparse,
        per_sample_weights,
        include_last_offset,
        padding_idx,
    )
    starts = offsets.tolist()
    ends = starts[1:] if include_last_offset else [*starts[1:], indices.numel()]
    sizes = [end - start for start, end in zip(starts, ends)]
    made = {"dtype": int64, "device": weight.device}
    if mode == 0 and per_sample_weights is None and padding_idx is None:
        # Sums of whole rows need neither.
        zeros = tensor([0] * len(sizes), **made)
        return out, tensor([], **made), zeros, zeros.clone()
    owners = [bag for bag, size in enumerate(sizes) for _ in range(size)]
    counts = tensor(sizes, **made)
    places = counts.clone()
    if mode == 2:
        rows = weight.detach()[indices].split(sizes)
        largest = [part[rows_of.argmax(0)] for part, rows_of in zip(indices.split(sizes), rows) if rows_of.numel()]
        places = stack(largest) if len(largest) == len(sizes) and largest else out.new_zeros(out.shape, dtype=int64)
    return out, tensor(owners, **made), counts, places


# --- recurrent layers


def _cells(params, has_biases, states, bidirectional, num_layers):
    """(w_ih, w_hh, b_ih, b_hh, w_hr) of each layer and direction, from a flat list."""
    layers = num_layers * (2 if bidirectional else 1)
    size = len(params) // layers
    found = []
    for i in range(layers):
        own = list(params[i * size : (i + 1) * size])
        biases = own[2:4] if has_biases else [None, None]
        found.append((own[0], own[1], *biases, own[-1] if size in (3, 5) else None))
    return found


def _recurrent(step, args):
    if isinstance(args[1], Tensor) and len(args) == 9 and args[1].ndim == 1 and not isinstance(args[3], bool):
        data, sizes, hx, params, has_biases, layers, dropout, train, both = args
        batch_sizes, batch_first = sizes.tolist(), False
    else:
        data, hx, params, has_biases, layers, dropout, train, both, batch_first = args
        batch_sizes = None
    states = (hx,) if isinstance(hx, Tensor) else tuple(hx)
    data = data.transpose(0, 1) if batch_first else data
    weights = _cells(params, has_biases, states, both, layers)
    out, final = recurrent.run(
        step, data, batch_sizes, states, weights, dropout=dropout, training=train, bidirectional=both
    )
    return (out.transpose(0, 1) if batch_first else out, *final)


def lstm(*args):
    """An LSTM over (input, (h, c), weights, has_biases, layers, dropout, train, bidirectional, batch_first).

    Or over packed rows: (data, batch_sizes, (h, c), weights, has_biases, layers, dropout, train, bidirectional).
    Returns the outputs and the final h and c.
    """
    return _recurrent(recurrent.lstm_step, args)


def gru(*args):
    """A GRU: arguments as of `lstm`, with one state."""
    return _recurrent(recurrent.gru_step, args)


def rnn_tanh(*args):
    """An RNN with tanh: arguments as of `lstm`, with one state."""
    return _recurrent(recurrent.tanh_step, args)


def rnn_relu(*args):
    """An RNN with ReLU: arguments as of `lstm`, with one state."""
    return _recurrent(recurrent.relu_step, args)


def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an LSTM from the states hx = (h, c): the new h and c."""
    return recurrent.lstm_step(linear(input, w_ih, b_ih), tuple(hx), (w_hh, b_hh, None))[1]


def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of a GRU: the new state."""
    return recurrent.gru_step(linear(input, w_ih, b_ih), (hx,), (w_hh, b_hh, None))[0]


def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an RNN with tanh: the new state."""
    return recurrent.tanh_step(linear(input, w_ih, b_ih), (hx,), (w_hh, b_hh, None))[0]


def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an RNN with ReLU: the new state."""
    return recurrent.relu_step(linear(input, w_ih, b_ih), (hx,), (w_hh, b_hh, None))[0]
