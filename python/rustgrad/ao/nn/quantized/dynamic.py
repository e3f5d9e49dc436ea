"""`torch.ao.nn.quantized.dynamic`: layers with integer weights whose inputs are rounded as they come.

They take and give float32, without gradients. Numbers are those of PyTorch's fbgemm kernels: inputs of 7 bits, one
scale for all that a call is given.
"""

from typing import Any

from ...._names import lookup as _lookup
from ...._quantized.dtypes import qint8
from ...._quantized.tensor import Quantized, quantize_per_tensor
from ...._rustgrad import float16, float32
from ...._rustgrad.torch import cat, randn, stack, zeros
from ....nn import functional as F
from ....nn.utils.rnn import PackedSequence
from .kernels import dynamic_linear, quantized_weight
from .packed import LinearPackedParams, QuantizedModule, copied

__all__ = ["GRU", "LSTM", "Linear"]


def _observed(weight, dtype, qconfig=None):
    """The weight as integers of one scale, or rounded to float16."""
    if dtype == float16:
        return weight.detach().half().float()
    if dtype is not qint8:
        raise RuntimeError(f"Unsupported dtype specified for dynamic quantized layers: {dtype}")
    from ...quantization.qconfig import default_dynamic_qconfig

    observer = (qconfig or default_dynamic_qconfig).weight()
    observer(weight)
    return quantized_weight(weight, observer)


def _applied(x, weight, bias):
    if isinstance(weight, Quantized):
        return dynamic_linear(x, weight, bias)
    return F.linear(x.detach(), weight, None if bias is None else bias.detach())


class Linear(QuantizedModule):
    """A linear layer with a weight of 8 bits (`qint8`), or of float16."""

    _name = "DynamicQuantizedLinear"

    def __init__(self, in_features, out_features, bias_=True, dtype=qint8):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        weight = zeros(out_features, in_features)
        packed = quantize_per_tensor(weight, 1.0, 0, qint8) if dtype is qint8 else weight
        self._packed_params = LinearPackedParams(packed, zeros(out_features) if bias_ else None, dtype)

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """The layer with the rounded weight of an nn.Linear, by its `qconfig`."""
        qconfig = getattr(mod, "qconfig", None)
        dtype = qconfig.weight().dtype if qconfig is not None else qint8
        made = cls(mod.in_features, mod.out_features, mod.bias is not None, dtype)
        weight = _observed(mod.weight, dtype, qconfig)
        made._packed_params.set_weight_bias(weight, mod.bias)
        return made

    def forward(self, x):
        return _applied(x, *self._packed_params._weight_bias()).to(x.dtype)

    def weight(self) -> Any:
        """(out_features, in_features), quantized."""
        return self._packed_params._weight_bias()[0]

    def bias(self):
        """(out_features,) or None."""
        return self._packed_params._weight_bias()[1]

    def set_weight_bias(self, w, b):
        """Take another quantized weight, and a bias."""
        self._packed_params.set_weight_bias(w, b)

    def extra_repr(self) -> str:
        text = f"in_features={self.in_features}, out_features={self.out_features}, dtype={self._packed_params.dtype}"
        return f"{text}, qscheme={self.weight().qscheme()}" if self._packed_params.dtype is qint8 else text


class _Cell(QuantizedModule):
    """The weights of one layer in one direction."""

    def __init__(self, param):
        super().__init__()
        self.param = param

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        destination[f"{prefix}param"] = self.param

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        if f"{prefix}param" in state_dict:
            self.param = state_dict[f"{prefix}param"]
        elif strict:
            missing_keys.append(f"{prefix}param")


class _Recurrent(QuantizedModule):
    """The base of LSTM and GRU. Inputs, states and results are as those of the layers in `nn`."""

    _gates: int

    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        dtype=qint8,
    ):
        super().__init__()
        from ....nn import ModuleList

        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.dtype = bidirectional, dtype
        rows, both = self._gates * hidden_size, 1 + bidirectional
        cells = []
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size * both
            for _ in range(both):
                # Drawn, as in PyTorch, so that what is drawn later is the same.
                weights = [_observed(randn(rows, n), dtype) for n in (width, hidden_size)]
                drawn = [randn(rows) for _ in range(2)]
                biases = drawn if bias else [None, None]
                cells.append(_Cell((*weights, *biases)))
        self._all_weight_values = ModuleList(cells)

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """The layer with the rounded weights of one of `nn`, by its `qconfig`."""
        qconfig = getattr(mod, "qconfig", None)
        dtype = qconfig.weight().dtype if qconfig is not None else qint8
        if getattr(mod, "proj_size", 0):
            raise NotImplementedError(f"{cls._name}: proj_size must be 0\nhint: leave such layers out of the set")
        made = cls(
            mod.input_size,
            mod.hidden_size,
            mod.num_layers,
            mod.bias,
            mod.batch_first,
            mod.dropout,
            mod.bidirectional,
            dtype,
        )
        names = [f"l{k}{side}" for k in range(mod.num_layers) for side in ["", "_reverse"][: 1 + mod.bidirectional]]
        for cell, name in zip(made._all_weight_values, names):
            weights = [_observed(getattr(mod, f"weight_{kind}_{name}"), dtype, qconfig) for kind in ("ih", "hh")]
            biases = [copied(getattr(mod, f"bias_{kind}_{name}")) if mod.bias else None for kind in ("ih", "hh")]
            setattr(cell, "param", (*weights, *biases))  # noqa: B010
        return made

    def _state(self, parts):
        """The state of one direction from its tensors (batch, hidden), of which the first is what the layer gives."""
        raise NotImplementedError

    def _step(self, from_input, state, cell):
        raise NotImplementedError

    def _direction(self, x, state, cell, reverse):
        inputs = _applied(x, cell.param[0], cell.param[2]).unbind(0)
        outputs = []
        for one in reversed(inputs) if reverse else inputs:
            state = self._step(one, state, cell)
            outputs.append(state[0])
        return stack(outputs[::-1] if reverse else outputs), state

    def _packed_direction(self, data, sizes, state, cell, reverse):
        """As `_direction`, of sequences of falling lengths: `sizes` of them go on in each step."""
        inputs = _applied(data, cell.param[0], cell.param[2]).split(sizes)
        first, outputs, ended = state, [], []
        order = range(len(sizes) - 1, -1, -1) if reverse else range(len(sizes))
        running = sizes[-1] if reverse else sizes[0]
        state = tuple(s[:running] for s in first)
        for step in order:
            n = sizes[step]
            if n > running:  # further sequences begin with their own state
                state = tuple(cat([s, f[running:n]]) for s, f in zip(state, first))
            elif n < running:  # some have ended
                ended.append(tuple(s[n:] for s in state))
                state = tuple(s[:n] for s in state)
            running = n
            state = self._step(inputs[step], state, cell)
            outputs.append(state[0])
        finals = tuple(cat([s, *(e[k] for e in reversed(ended))]) for k, s in enumerate(state))
        return cat(outputs[::-1] if reverse else outputs), finals

    def _run(self, x, states, sizes=None):
        both, finals = 1 + self.bidirectional, []
        for layer in range(self.num_layers):
            found = []
            for side in range(both):
                k = layer * both + side
                given, cell = tuple(s[k] for s in states), self._all_weight_values[k]
                if sizes is None:
                    y, state = self._direction(x, given, cell, side == 1)
                else:
                    y, state = self._packed_direction(x, sizes, given, cell, side == 1)
                found.append(y)
                finals.append(state)
            x = cat(found, -1) if both == 2 else found[0]
            if self.dropout and self.training and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, True)
        return x, tuple(stack(parts) for parts in zip(*finals))

    def _begin(self, states, count, batch, order, device):
        """The given states, in the order of packed sequences, or zeros."""
        if states is None:
            shape = (self.num_layers * (1 + self.bidirectional), batch, self.hidden_size)
            return tuple(zeros(shape, dtype=float32, device=device) for _ in range(count))
        return states if order is None else tuple(s.index_select(1, order) for s in states)

    def _called(self, input, states, count):
        if isinstance(input, PackedSequence):
            sizes = input.batch_sizes.tolist()
            states = self._begin(states, count, sizes[0], input.sorted_indices, input.data.device)
            y, finals = self._run(input.data.detach(), states, sizes)
            if input.unsorted_indices is not None:
                finals = tuple(s.index_select(1, input.unsorted_indices) for s in finals)
            return PackedSequence(y, input.batch_sizes, input.sorted_indices, input.unsorted_indices), finals
        x = input.detach()
        flat = x.dim() == 2
        if flat:
            x, states = x.unsqueeze(1), None if states is None else tuple(s.unsqueeze(1) for s in states)
        elif self.batch_first:
            x = x.transpose(0, 1)
        y, finals = self._run(x, self._begin(states, count, x.shape[1], None, x.device))
        if flat:
            return y.squeeze(1), tuple(s.squeeze(1) for s in finals)
        return (y.transpose(0, 1) if self.batch_first else y), finals

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        for name, usual in defaults.items():
            if (value := getattr(self, name)) != usual:
                text += f", {name}={value}"
        return text

    def get_weight(self):
        """The quantized weights by the names that they have in `nn`."""
        return self._by_name("weight", 0)

    def get_bias(self):
        """The biases by the names that they have in `nn`."""
        return self._by_name("bias", 2)

    def _by_name(self, word, first):
        found = {}
        for k, cell in enumerate(self._all_weight_values):
            layer, side = divmod(k, 1 + self.bidirectional)
            for place, kind in enumerate(("ih", "hh")):
                found[f"{word}_{kind}_l{layer}{'_reverse' * side}"] = cell.param[first + place]
        return found

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        pass

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        pass


class LSTM(_Recurrent):
    """nn.LSTM with weights of 8 bits."""

    _name, _gates = "DynamicQuantizedLSTM", 4

    def _step(self, from_input, state, cell):
        gates = from_input + _applied(state[0], cell.param[1], cell.param[3])
        i, f, g, o = gates.chunk(4, -1)
        c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    def forward(self, input, hx=None):
        """Results (length, batch, directions * hidden), and the states (h, c) after the last step."""
        return self._called(input, hx, 2)


class GRU(_Recurrent):
    """nn.GRU with weights of 8 bits."""

    _name, _gates = "DynamicQuantizedGRU", 3

    def _step(self, from_input, state, cell):
        from_state = _applied(state[0], cell.param[1], cell.param[3])
        r, z, n = ((a, b) for a, b in zip(from_input.chunk(3, -1), from_state.chunk(3, -1)))
        reset, update = (r[0] + r[1]).sigmoid(), (z[0] + z[1]).sigmoid()
        new = (n[0] + reset * n[1]).tanh()
        return (new + update * (state[0] - new),)

    def forward(self, input, hx=None):
        """Results (length, batch, directions * hidden), and the state after the last step."""
        y, states = self._called(input, None if hx is None else (hx,), 1)
        return y, states[0]


__getattr__ = _lookup("torch.ao.nn.quantized.dynamic")
