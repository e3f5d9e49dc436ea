"""`torch.compile` and what belongs to it. Nothing is captured yet: functions and modules are given back as they are."""

from types import SimpleNamespace

from ._names import lookup as _lookup

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "config",
    "cudagraph_mark_step_begin",
    "disable",
    "get_default_backend",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
    "set_default_backend",
    "set_stance",
    "wrap_numpy",
]

_MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
_BACKENDS = ["cudagraphs", "inductor", "openxla", "tvm"]
_DEBUG = ["aot_eager", "aot_eager_decomp_partition", "eager", "eager_debug", "onnxrt", "pre_dispatch_eager"]

config = SimpleNamespace(job_id=None, cache_key_tag="", dynamic_sources="", force_disable_caches=False)
"""Settings of PyTorch's compiler: kept, and without effect."""


def compile(
    model=None,
    *,
    fullgraph=False,
    dynamic=None,
    backend="inductor",
    mode=None,
    options=None,
    disable=False,
):
    """`model` itself, a function or a module; without one a decorator: `@compile`, `@compile(mode="default")`.

    Arguments are checked as PyTorch checks them and change nothing. Raises RuntimeError for an unknown mode or backend,
    AssertionError for what cannot be called.
    """
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if isinstance(backend, str) and backend not in _BACKENDS and backend not in _DEBUG:
        raise RuntimeError(
            f"Invalid backend: {backend!r}, see `torch._dynamo.list_backends()` for available backends.\n"
            "hint: rustgrad compiles nothing yet; leave backend out"
        )

    def unchanged(fn):
        if not callable(fn):
            raise AssertionError(f"A callable function is expected, but {type(fn)} is provided.")
        return fn

    return unchanged if model is None else unchanged(model)


def reset() -> None:
    """Forget what was compiled: nothing was."""


def allow_in_graph(fn):
    """`fn` itself."""
    return fn


def assume_constant_result(fn):
    """`fn` itself."""
    return fn


def disable(fn=None, recursive=True, *, reason=None):
    """`fn` itself, or a decorator that gives its function back: nothing is compiled."""
    return (lambda fn: fn) if fn is None else fn


def wrap_numpy(fn):
    """`fn` with NumPy arrays made of the tensors it is given, and tensors of the arrays it returns."""
    from functools import wraps

    from . import Tensor, from_numpy

    def out(value):
        if isinstance(value, (tuple, list)):
            return type(value)(map(out, value))
        return from_numpy(value) if type(value).__module__ == "numpy" and hasattr(value, "__array__") else value

    @wraps(fn)
    def wrapped(*args, **kwargs):
        args = [x.numpy() if isinstance(x, Tensor) else x for x in args]
        kwargs = {key: x.numpy() if isinstance(x, Tensor) else x for key, x in kwargs.items()}
        return out(fn(*args, **kwargs))

    return wrapped


def is_compiling() -> bool:
    """False."""
    return False


def is_dynamo_compiling() -> bool:
    """False."""
    return False


def is_exporting() -> bool:
    """False."""
    return False


def list_backends(exclude_tags=("debug", "experimental")) -> list[str]:
    """The words that `compile` accepts as its backend. All of them mean: run the function as it is."""
    return list(_BACKENDS) if "debug" in (exclude_tags or ()) else sorted(_BACKENDS + _DEBUG)


_default_backend = "inductor"


def set_default_backend(backend) -> None:
    """Recorded only."""
    global _default_backend
    _default_backend = "inductor" if backend is None else backend


def get_default_backend():
    """What `set_default_backend` was told last."""
    return _default_backend


class set_stance:
    """When compiled functions run compiled: called at once, in a `with` block, or as a decorator. Nothing is compiled.

    Raises RuntimeError for an unknown stance.
    """

    def __init__(self, stance="default", *, skip_guard_eval_unsafe=False, force_backend=None):
        stances = ("default", "force_eager", "eager_on_recompile", "fail_on_recompile", "eager_then_compile")
        if stance not in (*stances, "aot_eager_then_compile"):
            raise RuntimeError(f"invalid torch.compile stance '{stance}'")
        self.stance = stance

    def __enter__(self):
        return None

    def __exit__(self, *_):
        return False

    def __call__(self, fn):
        return fn


def cudagraph_mark_step_begin() -> None:
    """Nothing to mark: there are no CUDA graphs."""


__getattr__ = _lookup("torch.compiler")
