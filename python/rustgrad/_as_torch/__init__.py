"""Making a process a PyTorch program, in which `torch` means rustgrad. `rustgrad.as_torch` is the way in."""

import sys

import rustgrad

from .. import _rustgrad
from .._rustgrad import _call_library_torch, _return_types
from . import finder

__all__ = ["VERSION", "activate"]

# The version of PyTorch whose names and numbers are followed, as programs read it.
VERSION = "2.13.0+rustgrad"


def activate() -> None:
    """From here on `import torch` gives rustgrad, and reprs say torch. There is no way back within a process.

    Raises RuntimeError where PyTorch itself has been imported already.
    """
    present = sys.modules.get("torch")
    if present is rustgrad:
        return
    if present is not None:
        raise RuntimeError(
            "as_torch: another torch is imported already\n"
            "hint: call rustgrad.as_torch() before the first import of torch, or of a package that imports it"
        )
    _call_library_torch(True)
    sys.meta_path.insert(0, finder.Finder())
    for name, module in list(sys.modules.items()):
        if name == "rustgrad" or (name.startswith("rustgrad.") and not name.startswith("rustgrad._rustgrad")):
            finder.adopt(module)
    finder.speak(_rustgrad.RemovableHandle, "torch.utils.hooks")
    for kind, place in (("Generator", "_C"), ("_LinAlgError", "_C"), ("UntypedStorage", "storage")):
        getattr(_rustgrad, kind).__module__ = finder.Spoken(f"torch.{place}", f"rustgrad.{place}")
    for kind in _return_types().values():
        finder.speak(kind, "torch.return_types")
    from ..torch_version import TorchVersion

    rustgrad.__version__ = TorchVersion(VERSION)
    spawn = sys.modules.get("multiprocessing.spawn")
    if spawn is not None:
        from .children import extend

        extend(spawn)
    from .._names import tensor

    tensor.mark()
