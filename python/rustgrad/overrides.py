"""Questions about `__torch_function__`, by which classes take over calls of ops: rustgrad does not ask for it."""

from ._names import lookup as _lookup
from ._rustgrad import Tensor

__all__ = [
    "TorchFunctionMode",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "resolve_name",
    "wrap_torch_function",
]


def is_tensor_like(inp) -> bool:
    """Whether `inp` is a tensor, or of a class that has `__torch_function__`."""
    return isinstance(inp, Tensor) or hasattr(type(inp), "__torch_function__")


def has_torch_function(relevant_args) -> bool:
    """False: no op asks its arguments for `__torch_function__`."""
    return False


def has_torch_function_unary(obj) -> bool:
    """False."""
    return False


def has_torch_function_variadic(*args) -> bool:
    """False."""
    return False


def handle_torch_function(public_api, relevant_args, *args, **kwargs):
    """The result of `__torch_function__` of the first argument that has it.

    Raises TypeError where none has, or where all return NotImplemented.
    """
    kinds = tuple({type(x): None for x in relevant_args if hasattr(type(x), "__torch_function__")})
    for x in relevant_args:
        if hasattr(type(x), "__torch_function__"):
            result = x.__torch_function__(public_api, kinds, args, kwargs)
            if result is not NotImplemented:
                return result
    raise TypeError(
        f"no implementation found for '{resolve_name(public_api)}' on types that implement __torch_function__: "
        f"{list(kinds)}"
    )


def wrap_torch_function(dispatcher):
    """A decorator: the function first asks those arguments that `dispatcher` returns for `__torch_function__`."""
    from functools import wraps

    def decorate(fn):
        @wraps(fn)
        def wrapped(*args, **kwargs):
            relevant = dispatcher(*args, **kwargs)
            if any(hasattr(type(x), "__torch_function__") for x in relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return fn(*args, **kwargs)

        return wrapped

    return decorate


def resolve_name(f) -> str:
    """The dotted name of a function or method."""
    if hasattr(f, "__objclass__"):
        return f"{f.__objclass__.__module__}.{f.__qualname__}"
    return f"{f.__module__}.{getattr(f, '__qualname__', f.__name__)}"


def is_tensor_method_or_property(func) -> bool:
    """Whether `func` is a method of Tensor, or reads one of its attributes."""
    return getattr(Tensor, getattr(func, "__name__", ""), None) is func or getattr(func, "__name__", "") == "__get__"


class TorchFunctionMode:
    """A `with` block that takes over calls of ops: entering one raises NotImplementedError."""

    def __enter__(self):
        raise NotImplementedError("TorchFunctionMode: rustgrad does not call __torch_function__ yet")

    def __exit__(self, *_):
        return False


__getattr__ = _lookup("torch.overrides")
