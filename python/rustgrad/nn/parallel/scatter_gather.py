"""`scatter` and `gather` under the name of the file where PyTorch keeps them."""

from .steps import gather, scatter

__all__ = ["gather", "is_namedtuple", "scatter", "scatter_kwargs"]


def is_namedtuple(obj) -> bool:
    """Whether `obj` is a tuple with named fields."""
    return isinstance(obj, tuple) and hasattr(obj, "_asdict") and hasattr(obj, "_fields")


def scatter_kwargs(inputs: tuple, kwargs: dict | None, target_gpus, dim: int = 0) -> tuple[tuple, tuple]:
    """Positional and keyword arguments for each device: for the only one, all of them, moved there."""
    return scatter(inputs, target_gpus, dim), scatter(kwargs or {}, target_gpus, dim)
