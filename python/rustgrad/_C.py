"""Names of PyTorch's extension that programs use directly: types, and flags of TorchScript's compiler."""

from . import _rustgrad
from ._names import lookup as _lookup
from ._rustgrad import Generator, OutOfMemoryError, Size, Tensor, _LinAlgError, device, dtype, layout, memory_format
from .overrides import DisableTorchFunction as DisableTorchFunction
from .overrides import DisableTorchFunctionSubclass as DisableTorchFunctionSubclass
from .overrides import _disabled_torch_function_impl as _disabled_torch_function_impl

__all__ = [
    "Generator",
    "OutOfMemoryError",
    "Size",
    "Tensor",
    "_LinAlgError",
    "device",
    "dtype",
    "layout",
    "memory_format",
]

_TensorMeta = type(Tensor)  # the class of classes of tensors

# Factorizations are always there.
has_lapack = True

_flags: dict[str, bool] = {}


def _flag(name: str):
    def switch(enabled: bool = True) -> bool:
        before, _flags[name] = _flags.get(name, False), bool(enabled)
        return before

    switch.__name__ = switch.__qualname__ = name
    switch.__doc__ = "A flag of TorchScript's compiler: recorded only. Returns what it was."
    return switch


_jit_set_profiling_executor = _flag("_jit_set_profiling_executor")
_jit_set_profiling_mode = _flag("_jit_set_profiling_mode")
_jit_override_can_fuse_on_cpu = _flag("_jit_override_can_fuse_on_cpu")
_jit_override_can_fuse_on_gpu = _flag("_jit_override_can_fuse_on_gpu")
_jit_set_texpr_fuser_enabled = _flag("_jit_set_texpr_fuser_enabled")
_jit_set_nvfuser_enabled = _flag("_jit_set_nvfuser_enabled")
_jit_set_nvfuser_guard_mode = _flag("_jit_set_nvfuser_guard_mode")


def _jit_can_fuse_on_cpu() -> bool:
    """False: TorchScript is not compiled."""
    return False


def _jit_can_fuse_on_gpu() -> bool:
    """False: TorchScript is not compiled."""
    return False


def _get_privateuse1_backend_name() -> str:
    """The name of a backend that others may add: none has been."""
    return "privateuseone"


def _get_tracing_state():
    """None: nothing is being traced."""
    return None


def _log_api_usage_once(event: str) -> None:
    """Nothing is logged."""


class _Layers:
    """Functions of layers under the place where PyTorch's extension keeps its own: those of rustgrad's extension."""

    def _parse_to(self, *args, **kwargs):
        """(device, dtype, non_blocking, memory format) of a call of `Module.to`. TypeError for what `to` refuses."""
        from .nn.conversion import parse_to

        where, kind, non_blocking, form = parse_to(args, kwargs)
        return None if where is None else device(where), kind, non_blocking, form

    def __getattr__(self, name: str):
        from ._rustgrad import nn

        if (function := getattr(nn, name, None)) is None:
            raise AttributeError(f"module 'torch._C._nn' has no attribute {name!r}")
        return function


_nn = _Layers()
# What hooks and modes ask; the extension answers.
_questions = ("_current_graph_task_id", "_will_engine_execute_node", "is_grad_enabled", "is_inference_mode_enabled")
has_lapack = True
_missing = _lookup("torch._C")


def __getattr__(name: str):
    if name in ("DispatchKey", "DispatchKeySet", "_AutoDispatchBelowAutograd", "_ExcludeDispatchKeyGuard"):
        from .library import keys

        return getattr(keys, name)
    if name in ("PyTorchFileReader", "PyTorchFileWriter"):
        from .serialization import reader

        return getattr(reader, name)
    if name == "_VariableFunctions":
        return _rustgrad.torch
    if name in ("_set_fwd_grad_enabled", "_is_fwd_grad_enabled"):
        from .autograd import forward_ad

        return _rustgrad._set_forward_mode if name[1] == "s" else forward_ad._is_fwd_grad_enabled
    if name in ("_is_multithreading_enabled", "_set_multithreading_enabled"):
        from . import grad_mode

        return grad_mode.is_multithreading_enabled if name[1] == "i" else grad_mode.set_multithreading_enabled
    if name == "_autograd":
        from . import autograd

        return autograd
    if name in _questions:
        return getattr(_rustgrad, name, None) or getattr(_rustgrad.torch, name)
    return _missing(name)
