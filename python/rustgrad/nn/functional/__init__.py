"""Functions of neural networks.

Most are the extension's ops themselves, not wrappers around them. The files of this folder hold those that are
written in Python over other ops. The extension's names come last: an op takes the place of the Python function of its
name.
"""

# isort: skip_file
from ..._names import lookup as _lookup
from .activation import *
from .adaptive import *
from .attention import *
from .conv import *
from .conv_transpose import *
from .embedding import *
from .fractional import *
from .grid import *
from .linear_loss import *
from .margin import *
from .norm import *
from .max_pooling import *
from .pooling import *
from .random import *
from .resizing import *
from .shape import *
from ..._rustgrad.nn import *

# Names that PyTorch's module has from elsewhere, and that programs find there.
from ...overrides import handle_torch_function as handle_torch_function
from ...overrides import has_torch_function as has_torch_function

# What max_norm asks for is done in Python, before the extension's op.
from .embedding import embedding

TYPE_CHECKING = False
if not TYPE_CHECKING:
    __getattr__ = _lookup("torch.nn.functional")
    __all__ = sorted(name for name in globals() if not name.startswith("_") and name != "TYPE_CHECKING")
    del TYPE_CHECKING
