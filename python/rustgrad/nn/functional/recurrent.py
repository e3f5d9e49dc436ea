"""Recurrent layers: cells, and the run of a cell over time, layers and directions.

The products with the inputs of all steps are one product per layer and direction; a step adds that of the state. All
steps of an LSTM are one op on the CPU.
States and their parts are in PyTorch's order: i, f, g, o of an LSTM, r, z, n of a GRU.
"""

from typing import Any

from ..._rustgrad import float32, float64
from ..._rustgrad.nn import dropout as drop
from ..._rustgrad.nn import linear
from ..._rustgrad.torch import _autocast_enabled, _lstm, cat, stack

__all__ = ["gru_step", "lstm_step", "relu_step", "run", "tanh_step"]


def tanh_step(gates, state, weights):
    """One step of an RNN: tanh(W x + b + V h + c). `gates` holds W x + b."""
    (hidden,), (w_hh, b_hh, _) = state, weights
    hidden = (gates + linear(hidden, w_hh, b_hh)).tanh()
    return hidden, (hidden,)


def relu_step(gates, state, weights):
    """One step of an RNN with ReLU in the place of tanh."""
    (hidden,), (w_hh, b_hh, _) = state, weights
    hidden = (gates + linear(hidden, w_hh, b_hh)).relu()
    return hidden, (hidden,)


def gru_step(gates, state, weights):
    """One step of a GRU: h = (h - n) z + n, with n = tanh(W_n x + b + r (V_n h + c)). Cho et al. 2014."""
    (hidden,), (w_hh, b_hh, _) = state, weights
    reset_x, update_x, new_x = gates.chunk(3, -1)
    reset_h, update_h, new_h = linear(hidden, w_hh, b_hh).chunk(3, -1)
    reset, update = (reset_x + reset_h).sigmoid(), (update_x + update_h).sigmoid()
    new = (new_x + reset * new_h).tanh()
    hidden = (hidden - new) * update + new
    return hidden, (hidden,)


def lstm_step(gates, state, weights):
    """One step of an LSTM: c = f c + i g, h = o tanh(c), projected if there is a weight for it. Sak et al. 2014."""
    (hidden, cell), (w_hh, b_hh, w_hr) = state, weights
    i, f, g, o = (gates + linear(hidden, w_hh, b_hh)).chunk(4, -1)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    hidden = o.sigmoid() * cell.tanh()
    if w_hr is not None:
        hidden = linear(hidden, w_hr)
    return hidden, (hidden, cell)


def run(step, input, batch_sizes, states, weights, *, dropout, training, bidirectional):
    """Run a cell over all steps, layers and directions.

    input: (T, B, features), or packed (rows, features) with the list `batch_sizes`. states: tensors (layers *
    directions, B, features). weights: for each layer and direction (w_ih, w_hh, b_ih, b_hh, w_hr), with None for what
    is not there. Returns the outputs, in the input's form, and the final states.
    """
    directions = 2 if bidirectional else 1
    final: list[Any] = []
    for index in range(0, len(weights), directions):
        outputs = []
        for direction in range(directions):
            w_ih, w_hh, b_ih, b_hh, w_hr = weights[index + direction]
            state = tuple(s[index + direction] for s in states)
            if step is lstm_step and w_hr is None and batch_sizes is None and _in_one(input, state):
                gates = linear(input, w_ih, None if b_ih is None else b_ih + b_hh)
                hidden, cells = _lstm(gates, w_hh, state[0], state[1], direction == 1)
                last = 0 if direction == 1 else -1
                outputs.append(hidden)
                final.append((hidden[last], cells[last]))
                continue
            gates = linear(input, w_ih, b_ih)
            steps = gates.unbind(0) if batch_sizes is None else gates.split(batch_sizes)
            run_one = _run if batch_sizes is None else _run_packed
            found, state = run_one(step, list(steps), state, (w_hh, b_hh, w_hr), direction == 1)
            outputs.append(stack(found) if batch_sizes is None else cat(found))
            final.append(state)
        input = cat(outputs, -1) if bidirectional else outputs[0]
        if dropout and training and index + directions < len(weights):
            input = drop(input, dropout, True)
    return input, tuple(stack(parts) for parts in zip(*final))


def _in_one(input, state):
    """Whether all steps of an LSTM may be one op: on the CPU, in one dtype that its kernel has."""
    if input.is_gpu or _autocast_enabled(0):
        return False
    return input.dtype in (float32, float64) and all(s.dtype == input.dtype for s in state)


def _run(step, gates, state, weights, reverse):
    """All steps of a batch without gaps, from the first or from the last one on."""
    outputs = []
    for now in reversed(gates) if reverse else gates:
        output, state = step(now, state, weights)
        outputs.append(output)
    return outputs[::-1] if reverse else outputs, state


def _run_packed(step, gates, state, weights, reverse):
    """All steps of a packed batch: sequences end, or in reverse begin, on the way; the longest come first."""
    outputs, begin = [], state
    if reverse:
        state = tuple(s[: gates[-1].shape[0]] for s in begin)
        for now in reversed(gates):
            had, have = state[0].shape[0], now.shape[0]
            if have > had:
                state = tuple(cat([s, b[had:have]]) for s, b in zip(state, begin))
            output, state = step(now, state, weights)
            outputs.append(output)
        return outputs[::-1], state
    ended: list[tuple] = []
    for now in gates:
        had, have = state[0].shape[0], now.shape[0]
        if have < had:
            ended.append(tuple(s[have:] for s in state))
            state = tuple(s[:have] for s in state)
        output, state = step(now, state, weights)
        outputs.append(output)
    parts: list[tuple] = [state, *reversed(ended)]
    return outputs, tuple(cat([part[i] for part in parts]) for i in range(len(state)))
