"""The older names for weights from the net; `torch.hub` has them."""

from .. import hub
from .._names import lookup as _lookup
from ..hub import load_state_dict_from_url as load_url

__all__ = ["load_url"]

_missing = _lookup("torch.utils.model_zoo")


def __getattr__(name: str):
    return hub.__getattr__(name) if name == "tqdm" else _missing(name)
