"""Names of `torch.fx` under the file where PyTorch keeps them."""

from .._names import lookup as _lookup
from . import Graph, map_arg

__all__ = ["Graph", "map_arg"]

__getattr__ = _lookup("torch.fx.graph")
