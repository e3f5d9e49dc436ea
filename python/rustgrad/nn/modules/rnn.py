"""Recurrent layers: RNN, LSTM and GRU, over sequences and, as cells, over one step."""

from typing import Any

from .places import forward as _forward
from .rnn_base import RNNBase

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]


class RNN(RNNBase):
    """The layer h_t = tanh(W x_t + b + V h_(t-1) + c), over time, `num_layers` times; nonlinearity "tanh" or "relu".

    input: (T, B, input_size), (B, T, input_size) with batch_first, (T, input_size), or a PackedSequence; hx: (layers *
    directions, B, hidden_size), zeros by default. Returns the outputs and the final states.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        nonlinearity = args[3] if len(args) > 3 else kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", *args[:3], *args[4:], **kwargs)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        output, (hidden,) = self._run(input, None if hx is None else (hx,))
        return output, hidden


class LSTM(RNNBase):
    """Long short-term memory over time, `num_layers` times. Hochreiter and Schmidhuber 1997.

    input: (T, B, input_size), (B, T, input_size) with batch_first, (T, input_size), or a PackedSequence; hx: (h, c),
    each (layers * directions, B, size), zeros by default. Returns the outputs and the final (h, c).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def forward(self, input, hx=None):
        return self._run(input, hx)


class GRU(RNNBase):
    """Gated recurrent units over time, `num_layers` times. Cho et al. 2014.

    input: (T, B, input_size), (B, T, input_size) with batch_first, (T, input_size), or a PackedSequence; hx: (layers *
    directions, B, hidden_size), zeros by default. Returns the outputs and the final states.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input, hx=None):
        output, (hidden,) = self._run(input, None if hx is None else (hx,))
        return output, hidden


_ELSEWHERE = ("GRUCell", "LSTMCell", "RNNCell", "RNNCellBase")
__getattr__ = _forward(__name__, _ELSEWHERE, "rnn_cells")
