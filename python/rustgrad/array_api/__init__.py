"""The Python array API standard, version 2024.12, over Tensor: `x.__array_namespace__()` gives this module.

    def standardize(x):  # for arrays of any library that follows the standard
        xp = x.__array_namespace__()
        return (x - xp.mean(x, axis=0)) / xp.std(x, axis=0, correction=1)

Functions have the standard's names, arguments and promotion of dtypes, tensors without dims included; what they do is
PyTorch's, and gradients pass through them. Operators and methods of tensors stay as PyTorch has them: there, tensors
without dims promote as Python's numbers do, `x.size()` is a method, and uint16, uint32 and uint64 have no arithmetic.

https://data-apis.org/array-api/2024.12 describes each function.
"""

from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi

from . import fft as fft
from . import linalg as linalg
from ._creation import *
from ._dtypes import *
from ._elementwise import *
from ._info import __array_namespace_info__ as __array_namespace_info__
from ._order import *
from ._reductions import *
from ._shapes import *
from .linalg import matmul as matmul
from .linalg import matrix_transpose as matrix_transpose
from .linalg import tensordot as tensordot
from .linalg import vecdot as vecdot

newaxis = None
__array_api_version__ = "2024.12"

TYPE_CHECKING = False
if TYPE_CHECKING:

    def __getattr__(name: str): ...  # functions that stand in tables, for checkers
else:
    __all__ = sorted(name for name in globals() if not name.startswith("_") and name != "TYPE_CHECKING")
    del TYPE_CHECKING
