"""The parts of the loader, under the names that PyTorch has for them."""

# Seconds between two looks at whether the workers are still alive, and most seconds that the end of them may take.
MP_STATUS_CHECK_INTERVAL = 5.0

from . import collate, fetch, worker  # noqa: E402
from .worker import ExceptionWrapper  # noqa: E402

__all__ = ["MP_STATUS_CHECK_INTERVAL", "ExceptionWrapper", "collate", "fetch", "worker"]
