"""`torch.utils.deterministic`: what `use_deterministic_algorithms(True)` does to memory that nothing was written to."""

import sys
from types import ModuleType

from .. import switches
from .._names import lookup as _lookup

__all__: list[str] = []


class _Settings(ModuleType):
    """This module. Its setting is kept in `switches`, beside what else decides."""

    @property
    def fill_uninitialized_memory(self) -> bool:
        """Whether `empty` and kin fill with NaN, or the largest integers, while deterministic algorithms are asked for.

        Raises TypeError for what is no bool.
        """
        return switches.fills()

    @fill_uninitialized_memory.setter
    def fill_uninitialized_memory(self, mode):
        if not isinstance(mode, bool):
            raise TypeError(f"expected a bool, but got {type(mode).__name__}")
        switches.set_fills(mode)


sys.modules[__name__].__class__ = _Settings
__getattr__ = _lookup("torch.utils.deterministic")
