"""Names of `torch.fx` under the file where PyTorch keeps them."""

from .._names import lookup as _lookup
from . import Node, has_side_effect, map_arg

__all__ = ["Node", "has_side_effect", "map_arg"]

__getattr__ = _lookup("torch.fx.node")
