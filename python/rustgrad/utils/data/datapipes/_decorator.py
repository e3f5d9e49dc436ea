"""Names for pipes as methods of others, and the promise that an order does not change."""

from typing import Any

from .datapipe import IterDataPipe, MapDataPipe

__all__ = ["functional_datapipe", "guaranteed_datapipes_determinism", "non_deterministic"]


class functional_datapipe:
    """A decorator: `pipe.name(...)` makes a pipe of the class, which reads `pipe`."""

    name: str

    def __init__(self, name: str, enable_df_api_tracing=False) -> None:
        self.name = name
        self.enable_df_api_tracing = enable_df_api_tracing

    def __call__(self, cls):
        made = cls.cls if isinstance(cls, non_deterministic) else getattr(cls, "__self__", cls)
        made = made.cls if isinstance(made, non_deterministic) else made
        if not isinstance(made, type):
            raise TypeError("`functional_datapipe` can only decorate IterDataPipe")
        if issubclass(made, IterDataPipe):
            IterDataPipe.register_datapipe_as_function(self.name, cls, self.enable_df_api_tracing)
        elif issubclass(made, MapDataPipe):
            MapDataPipe.register_datapipe_as_function(self.name, cls)
        return cls


_promised = False


class guaranteed_datapipes_determinism:
    """Within it, pipes that are said to be `non_deterministic` raise TypeError when they are made."""

    def __init__(self) -> None:
        global _promised
        self.prev, _promised = _promised, True

    def __enter__(self) -> None:
        pass

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        global _promised
        _promised = self.prev


class non_deterministic:
    """A decorator for pipes whose order may change; given a function of their arguments, where that gives True."""

    cls: type | None = None

    def __init__(self, arg) -> None:
        self.deterministic_fn = None
        if isinstance(arg, type):
            self.cls = self._checked(arg, "can be decorated with `non_deterministic`, but")
        elif callable(arg):
            self.deterministic_fn = arg
        else:
            raise TypeError(f"{arg} can not be decorated by non_deterministic")

    @staticmethod
    def _checked(kind, words: str):
        if not (isinstance(kind, type) and issubclass(kind, IterDataPipe)):
            raise TypeError(f"Only `IterDataPipe` {words} {kind.__name__} is found")
        return kind

    def __call__(self, *args, **kwargs):
        if self.cls is None:
            self.cls = self._checked(args[0], "can be decorated, but")
            return self.deterministic_wrapper_fn
        if _promised:
            raise TypeError(
                f"{self.cls.__name__} is non-deterministic, but you set 'guaranteed_datapipes_determinism'. You can "
                "turn off determinism for this DataPipe if that is acceptable for your application"
            )
        return self.cls(*args, **kwargs)

    def deterministic_wrapper_fn(self, *args, **kwargs):
        """Make the pipe. TypeError where determinism was promised and the function says that the order may change."""
        cls: Any = self.cls
        changes = self.deterministic_fn(*args, **kwargs) if self.deterministic_fn else False
        if not isinstance(changes, bool):
            raise TypeError(
                "deterministic_fn of `non_deterministic` decorator is required to return a boolean value, but "
                f"{type(changes)} is found"
            )
        if _promised and changes:
            raise TypeError(
                f"{cls.__name__} is non-deterministic with the inputs, but you set 'guaranteed_datapipes_determinism'. "
                "You can turn off determinism for this DataPipe if that is acceptable for your application"
            )
        return cls(*args, **kwargs)
