"""Weights and biases of quantized layers, as their state_dict holds them."""

from ...._quantized.dtypes import qint8
from ....nn import Module, Parameter

__all__ = ["QuantizedModule", "copied"]


def copied(bias):
    """A Parameter of its own with the numbers of `bias`, or None."""
    return None if bias is None else Parameter(bias.detach().clone())


class LinearPackedParams(Module):
    """A quantized weight and a bias, printed as the pair that they are."""

    def __init__(self, weight, bias, dtype=qint8):
        super().__init__()
        self.dtype = dtype
        self._packed_params = (weight, copied(bias))

    def _weight_bias(self):
        return self._packed_params

    def set_weight_bias(self, weight, bias):
        """Take another weight and bias."""
        self._packed_params = (weight, copied(bias))

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        destination[f"{prefix}dtype"] = self.dtype
        destination[f"{prefix}_packed_params"] = self._packed_params

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        for name in ("dtype", "_packed_params"):
            if f"{prefix}{name}" in state_dict:
                setattr(self, name, state_dict[f"{prefix}{name}"])
            elif strict:
                missing_keys.append(f"{prefix}{name}")

    def __repr__(self) -> str:
        return repr(self._packed_params)


class QuantizedModule(Module):
    """A layer with a quantized weight: `scale` and `zero_point` are those of what it gives."""

    scale: float
    zero_point: int
    _name: str

    def __init__(self):
        super().__init__()
        self.scale, self.zero_point = 1.0, 0

    def _get_name(self):
        return self._name

    def __repr__(self) -> str:
        return f"{self._get_name()}({self.extra_repr()})"

    def extra_repr(self) -> str:
        raise NotImplementedError

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        from ...._rustgrad.torch import tensor

        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination.update(self._parts(prefix))
        destination[f"{prefix}scale"] = tensor(self.scale)
        destination[f"{prefix}zero_point"] = tensor(self.zero_point)

    def _parts(self, prefix):
        """The entries of the state_dict before scale and zero."""
        return {}

    def _take_parts(self, state_dict, prefix):
        """Takes `_parts` from a state_dict; gives their names."""
        return []

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        for name, kind in (("scale", float), ("zero_point", int)):
            if f"{prefix}{name}" in state_dict:
                setattr(self, name, kind(state_dict[f"{prefix}{name}"]))
            elif strict:
                missing_keys.append(f"{prefix}{name}")
        missing_keys += [f"{prefix}{name}" for name in self._take_parts(state_dict, prefix) if strict]
