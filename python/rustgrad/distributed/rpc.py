"""Calls in other processes, of which there are none: every function raises a clear error."""

import sys

from .._names import lookup as _lookup

__all__ = [
    "RRef",
    "TensorPipeRpcBackendOptions",
    "get_worker_info",
    "init_rpc",
    "is_available",
    "remote",
    "rpc_async",
    "rpc_sync",
    "shutdown",
]

# What is here only to raise a clear error.
_LACKS = frozenset({"RRef", "get_worker_info", "init_rpc", "remote", "rpc_async", "rpc_sync", "shutdown"})


def is_available() -> bool:
    """False."""
    return False


def _refuse(what: str):
    raise NotImplementedError(
        f"torch.distributed.rpc.{what}: rustgrad works in one process so far\n"
        "hint: call the function itself; several processes are started with torch.multiprocessing"
    )


class TensorPipeRpcBackendOptions:
    """Options of `init_rpc`."""

    def __init__(
        self, *, num_worker_threads=16, rpc_timeout=60.0, init_method="env://", device_maps=None, devices=None
    ):
        self.num_worker_threads = num_worker_threads
        self.rpc_timeout = rpc_timeout
        self.init_method = init_method
        self.device_maps = device_maps or {}
        self.devices = devices or []


class RRef:
    """A value that lies in another process: NotImplementedError."""

    def __init__(self, value, type_hint=None):
        _refuse("RRef")


def init_rpc(name, backend=None, rank=-1, world_size=None, rpc_backend_options=None):
    """Raises NotImplementedError."""
    _refuse("init_rpc")


def shutdown(graceful=True, timeout=0):
    """Raises NotImplementedError."""
    _refuse("shutdown")


def remote(to, func, args=None, kwargs=None, timeout=-1.0):
    """Raises NotImplementedError."""
    _refuse("remote")


def rpc_sync(to, func, args=None, kwargs=None, timeout=-1.0):
    """Raises NotImplementedError."""
    _refuse("rpc_sync")


def rpc_async(to, func, args=None, kwargs=None, timeout=-1.0):
    """Raises NotImplementedError."""
    _refuse("rpc_async")


def get_worker_info(worker_name=None):
    """Raises NotImplementedError."""
    _refuse("get_worker_info")


# PyTorch's file of these names. Programs ask whether something is an instance of `rpc.api.RRef`: nothing is.
api = sys.modules[__name__]

__getattr__ = _lookup("torch.distributed.rpc")
