"""rustgrad: PyTorch's API and numbers in one small wheel. `import rustgrad as torch` is how most programs start.

Every op comes from the extension by star import; this file adds what is written in Python. Subpackages and numpy are
imported when first used, so that importing the package stays cheap.
"""

from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi

from . import _rustgrad
from ._names.tensor import install as _install
from ._rustgrad import *
from ._rustgrad import __version__ as __version__
from ._rustgrad.torch import *
from .functional import einsum as einsum
from .functional import tensordot as tensordot
from .grad_mode import enable_grad as enable_grad
from .grad_mode import inference_mode as inference_mode
from .grad_mode import no_grad as no_grad
from .grad_mode import set_grad_enabled as set_grad_enabled
from .random import get_rng_state as get_rng_state
from .random import initial_seed as initial_seed
from .random import manual_seed as manual_seed
from .random import seed as seed
from .random import set_rng_state as set_rng_state
from .serialization import load as load
from .serialization import save as save

newaxis = None
_install()


def __getattr__(name: str):
    if name.startswith("__") and name != "__config__":  # asked by the import machinery, before relative imports work
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from ._lazy import FUNCTIONS, MODULES

    if name in MODULES:
        return import_module(f"rustgrad.{name}")
    if name.startswith("_foreach_"):
        return getattr(import_module("rustgrad.foreach"), name)
    if name in FUNCTIONS:
        value = getattr(import_module(f"rustgrad.{FUNCTIONS[name]}"), name)
        globals()[name] = value
        return value
    from ._names import attribute

    return attribute("torch", name)


def __dir__():
    from ._lazy import FUNCTIONS, MODULES

    return sorted({*globals(), *MODULES, *FUNCTIONS})


def broadcast_shapes(*shapes) -> "Size":
    """The shape that all shapes (sequences of sizes, or numbers) broadcast to."""
    from ._rustgrad.torch import _broadcast_shapes

    return _broadcast_shapes(shapes)


def typename(obj) -> str:
    """The qualified name of an object's type, or of a type: `rustgrad.FloatTensor` for a float32 tensor."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
