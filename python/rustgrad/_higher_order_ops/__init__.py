"""Control flow as functions, which PyTorch's compiler keeps in its graphs; here they run at once."""

from .._names import lookup as _lookup
from .associative_scan import associative_scan
from .cond import cond
from .map import map
from .scan import scan
from .while_loop import while_loop

__all__ = ["associative_scan", "cond", "map", "scan", "while_loop"]

__getattr__ = _lookup("torch._higher_order_ops")
