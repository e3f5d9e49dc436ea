"""What the recurrent layers share."""

import math
import numbers
import warnings

from ..._rustgrad.torch import empty, zeros
from .. import init
from ..functional import recurrent
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .module import Module
from .places import place

__all__ = ["RNNBase"]

_STEPS = {
    "RNN_TANH": recurrent.tanh_step,
    "RNN_RELU": recurrent.relu_step,
    "GRU": recurrent.gru_step,
    "LSTM": recurrent.lstm_step,
}
_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}


class RNNBase(Module):
    """The weights of each layer and direction, and the run over a batch or a packed one.

    The weights are drawn uniformly within 1 / sqrt(hidden_size). dropout: of the outputs of all layers but the last, in
    training. proj_size: the size that an LSTM's outputs are projected to; 0 for none.
    """

    def __init__(
        self,
        mode,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        proj_size=0,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_options(dropout)
        count = 2 if bidirectional else 1
        gates = _GATES[mode] * hidden_size
        output = proj_size if proj_size > 0 else hidden_size
        self._flat_weights_names, self._all_weights = [], []
        for layer in range(num_layers):
            for direction in range(count):
                features = input_size if layer == 0 else output * count
                shapes = {"weight_ih": (gates, features), "weight_hh": (gates, output)}
                if bias:
                    shapes.update(bias_ih=(gates,), bias_hh=(gates,))
                if proj_size > 0:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                names = [f"{name}_l{layer}{'_reverse' if direction else ''}" for name in shapes]
                for name, shape in zip(names, shapes.values()):
                    setattr(self, name, Parameter(empty(shape, device=device, dtype=dtype)))
                self._flat_weights_names += names
                self._all_weights.append(names)
        self.reset_parameters()

    def _check_options(self, dropout):
        if self.mode not in _GATES:
            raise ValueError(f"Unrecognized RNN mode: {self.mode}")
        if isinstance(dropout, bool) or not isinstance(dropout, numbers.Number) or not 0 <= self.dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        if dropout and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={self.num_layers}",
                stacklevel=4,
            )
        kinds = {"bias": bool, "batch_first": bool, "input_size": int, "hidden_size": int, "num_layers": None}
        for name, kind in kinds.items():
            value = getattr(self, name)
            if kind is not None and not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
            if kind is not bool and value <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")

    @property
    def _flat_weights(self):
        return [getattr(self, name, None) for name in self._flat_weights_names]

    @property
    def all_weights(self):
        """The weights of each layer and direction, as a list of lists."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self):
        """Nothing: weights need not lie in one piece of memory."""

    def reset_parameters(self):
        """Draw all weights uniformly within 1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _weights(self):
        """(w_ih, w_hh, b_ih, b_hh, w_hr) of each layer and direction."""
        found = []
        for w_ih, w_hh, *rest in self.all_weights:
            b_ih, b_hh = rest[:2] if self.bias else (None, None)
            found.append((w_ih, w_hh, b_ih, b_hh, rest[-1] if self.proj_size > 0 else None))
        return found

    # --- checks

    def check_input(self, input, batch_sizes):
        """Raises ValueError for another dtype, RuntimeError for another number of features."""
        weight = self._flat_weights[0]
        if weight is not None and input.dtype != weight.dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). Convert input: "
                f"input.to({weight.dtype}), or convert model: model.to({input.dtype})"
            )
        wanted = 2 if batch_sizes is not None else 3
        if input.ndim != wanted:
            raise RuntimeError(f"input must have {wanted} dimensions, got {input.ndim}")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )

    def _state_shapes(self, batch):
        """The shapes of the states for a batch of this size."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        output = self.proj_size if self.proj_size > 0 else self.hidden_size
        shapes = [(count, batch, output)]
        return [*shapes, (count, batch, self.hidden_size)] if self.mode == "LSTM" else shapes

    def check_hidden_size(self, hx, expected_hidden_size, msg="Expected hidden size {}, got {}"):
        """Raises RuntimeError where a state has another shape."""
        if tuple(hx.shape) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(tuple(expected_hidden_size), list(hx.shape)))

    def check_forward_args(self, input, hidden, batch_sizes):
        """Refuse an input and states that do not fit. `hidden` is a list of the states."""
        self.check_input(input, batch_sizes)
        batch = batch_sizes[0] if batch_sizes is not None else input.shape[1]
        message = (
            "Expected hidden[{}] size {{}}, got {{}}" if self.mode == "LSTM" else "Expected hidden size {}, got {}"
        )
        for index, (state, shape) in enumerate(zip(hidden, self._state_shapes(batch))):
            self.check_hidden_size(state, shape, message.format(index) if self.mode == "LSTM" else message)

    def _check_ranks(self, hx, batched):
        ranks = [state.ndim for state in hx]
        wanted, case = (3, "batched 3-D") if batched else (2, "unbatched 2-D")
        if all(rank == wanted for rank in ranks):
            return
        if self.mode == "LSTM":
            raise RuntimeError(
                f"For {case} input, hx and cx should also be {wanted}-D but got ({ranks[0]}-D, {ranks[1]}-D) tensors"
            )
        raise RuntimeError(f"For {case} input, hx should also be {wanted}-D but got {ranks[0]}-D tensor")

    # --- the run

    def _run(self, input, hx):
        """Outputs and the tuple of final states. `hx`: the tuple of states, or None for zeros."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, hx)
        name = type(self).__name__
        if input.ndim not in (2, 3):
            tail = " tensor instead" if self.mode.startswith("RNN") else " instead"
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.ndim}D{tail}")
        batched = input.ndim == 3
        if hx is not None:
            self._check_ranks(hx, batched)
        if not batched:
            input = input.unsqueeze(1)
            hx = None if hx is None else tuple(state.unsqueeze(1) for state in hx)
        elif self.batch_first:
            input = input.transpose(0, 1)
        states = self._zeros(input, input.shape[1]) if hx is None else hx
        self.check_forward_args(input, states, None)
        if input.shape[0] == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        output, final = self._over(input, None, states)
        if not batched:
            return output.squeeze(1), tuple(state.squeeze(1) for state in final)
        return output.transpose(0, 1) if self.batch_first else output, final

    def _run_packed(self, packed, hx):
        data, batch_sizes, order, back = packed
        sizes = batch_sizes.tolist()
        if hx is None:
            states = self._zeros(data, sizes[0])
        else:
            states = hx if order is None else tuple(state.index_select(1, order) for state in hx)
        self.check_forward_args(data, states, sizes)
        output, final = self._over(data, sizes, states)
        if back is not None:
            final = tuple(state.index_select(1, back) for state in final)
        return PackedSequence(output, batch_sizes, order, back), final

    def _zeros(self, input, batch):
        return tuple(zeros(shape, dtype=input.dtype, device=input.device) for shape in self._state_shapes(batch))

    def _over(self, input, batch_sizes, states):
        return recurrent.run(
            _STEPS[self.mode],
            input,
            batch_sizes,
            states,
            self._weights(),
            dropout=self.dropout,
            training=self.training,
            bidirectional=self.bidirectional,
        )

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            text += f", proj_size={self.proj_size}"
        defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False}
        for name, default in defaults.items():
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text


place(__all__, globals(), "rnn")
