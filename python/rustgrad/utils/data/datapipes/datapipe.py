"""The two kinds of pipes: what is iterated over, and what is asked for by index."""

import copy
import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, TypeVar

from ..dataset import Dataset, IterableDataset
from ._hook_iterator import _SnapshotState, watch

__all__ = ["DataChunk", "IterDataPipe", "MapDataPipe"]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


class DataChunk(list[_T]):
    """A batch of elements: a list that prints with `as_str`."""

    def __init__(self, items: Iterable[_T]) -> None:
        items = list(items)
        super().__init__(items)
        self.items = items

    def as_str(self, indent: str = "") -> str:
        """The elements, as `str` gives them, between brackets."""
        return f"{indent}[{', '.join(map(str, self))}]"

    def __iter__(self) -> Iterator[_T]:
        yield from super().__iter__()

    def raw_iterator(self) -> Iterator[_T]:
        """The elements, also where a subclass iterates over something else."""
        yield from self.items


class _Pipe:
    """What both kinds share: functions by name, pickling, printing."""

    functions: ClassVar[dict[str, Callable]] = {}
    reduce_ex_hook: ClassVar[Callable | None] = None
    getstate_hook: ClassVar[Callable | None] = None
    str_hook: ClassVar[Callable | None] = None
    repr_hook: ClassVar[Callable | None] = None
    # Attributes that a pickle leaves out, and what makes them anew.
    _unsaved: ClassVar[dict[str, Callable[[], Any]]] = {}

    def __getattr__(self, attribute_name):
        function = type(self).functions.get(attribute_name)
        if function is None:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{attribute_name}")
        bound = functools.partial(function, self)
        functools.update_wrapper(bound, function, assigned=("__doc__",))
        return bound

    @classmethod
    def register_function(cls, function_name, function) -> None:
        """Make `pipe.function_name(...)` call `function(pipe, ...)`."""
        cls.functions[function_name] = function

    @classmethod
    def register_datapipe_as_function(cls, function_name, cls_to_register, enable_df_api_tracing=False) -> None:
        """Make `pipe.function_name(...)` give `cls_to_register(pipe, ...)`. Raises Exception for a name in use."""
        if enable_df_api_tracing:
            raise NotImplementedError("register_datapipe_as_function: rustgrad has no pipes of data frames")
        if function_name in cls.functions:
            raise Exception(f"Unable to add DataPipe function name {function_name} as it is already taken")

        def function(source_dp, *args, **kwargs):
            return cls_to_register(source_dp, *args, **kwargs)

        functools.update_wrapper(function, cls_to_register, assigned=("__doc__",), updated=())
        cls.functions[function_name] = function

    def __getstate__(self) -> Any:
        state = {name: value for name, value in self.__dict__.items() if name not in self._unsaved}
        hook = self._kind().getstate_hook
        return state if hook is None else hook(state)

    def __setstate__(self, state) -> None:
        self.__dict__.update(state or {})
        for name, make in self._unsaved.items():
            self.__dict__[name] = make()

    def __reduce_ex__(self, protocol):
        hook = self._kind().reduce_ex_hook
        if hook is not None:
            try:
                return hook(self)
            except NotImplementedError:
                pass
        return super().__reduce_ex__(protocol)

    @classmethod
    def _kind(cls) -> Any:
        return next(base for base in cls.__mro__ if "functions" in vars(base) and base is not _Pipe)

    @classmethod
    def set_getstate_hook(cls, hook_fn) -> None:
        """What a pickle takes for the state of a pipe, of its dict; None for the dict."""
        kind = cls._kind()
        if kind.getstate_hook is not None and hook_fn is not None:
            raise RuntimeError("Attempt to override existing getstate_hook")
        kind.getstate_hook = None if hook_fn is None else staticmethod(hook_fn)

    @classmethod
    def set_reduce_ex_hook(cls, hook_fn) -> None:
        """What makes a pipe anew in a pickle; where it raises NotImplementedError, or for None, Python's own."""
        kind = cls._kind()
        if kind.reduce_ex_hook is not None and hook_fn is not None:
            raise RuntimeError("Attempt to override existing reduce_ex_hook")
        kind.reduce_ex_hook = None if hook_fn is None else staticmethod(hook_fn)

    def __repr__(self) -> str:
        return str(type(self).__qualname__) if self.repr_hook is None else self.repr_hook(self)

    def __str__(self) -> str:
        return str(type(self).__qualname__) if self.str_hook is None else self.str_hook(self)

    def __dir__(self):
        return [*super().__dir__(), *self.functions]

    def _copy_for_thread(self, memo: dict[int, Any]):
        """A copy of this pipe and of those that it reads, with buffers of their own; all else is shared."""
        if id(self) in memo:
            return memo[id(self)]
        twin = memo[id(self)] = object.__new__(type(self))
        for name, value in self.__dict__.items():
            make = self._unsaved.get(name)
            twin.__dict__[name] = _own(value, memo) if make is None else make()
        return twin


def _own(value, memo):
    from .._utils.worker import copy_for_thread

    if isinstance(value, _Pipe):
        return value._copy_for_thread(memo)
    if type(value) in (list, tuple, deque):
        return type(value)(_own(item, memo) for item in value)
    if type(value) is dict:
        return {key: _own(item, memo) for key, item in value.items()}
    if type(value).__module__ == "random":
        return copy.deepcopy(value)
    return copy_for_thread(value) if isinstance(value, Dataset) else value


class IterDataPipe(_Pipe, IterableDataset[_T_co]):
    """Elements one after another: subclasses define `__iter__`, and `reset` where they keep a state.

    Pipes are chained by calling one's class with another, or by the names that `functional_datapipe` gives them:
    `pipe.map(f)`. A pipe has one valid iterator at a time; a new one calls `reset` and ends the one before, which then
    raises RuntimeError.
    """

    functions: ClassVar[dict[str, Callable]] = {}
    reduce_ex_hook = getstate_hook = str_hook = repr_hook = None
    _valid_iterator_id: int | None = None
    _number_of_samples_yielded: int = 0
    _snapshot_state = _SnapshotState.NotStarted
    _fast_forward_iterator: Iterator | None = None
    _is_child_datapipe = False
    _unsaved: ClassVar[dict[str, Callable[[], Any]]] = {"_fast_forward_iterator": lambda: None}

    def __init_subclass__(cls, **kwargs) -> None:
        super().__init_subclass__(**kwargs)
        watch(cls)

    def __iter__(self) -> Iterator[_T_co]:
        return self  # pyright: ignore[reportReturnType]

    def reset(self) -> None:
        """Go back to the beginning: what an iterator calls before its first element."""


watch(IterDataPipe)


class MapDataPipe(_Pipe, Dataset[_T_co]):
    """Elements by index or key: subclasses define `__getitem__`, and `__len__` for samplers."""

    functions: ClassVar[dict[str, Callable]] = {}
    reduce_ex_hook = getstate_hook = str_hook = repr_hook = None


def length_of(pipe, source) -> int:
    """The number of elements of `source`. TypeError, which names `pipe`, where it has none."""
    if not hasattr(type(source), "__len__"):
        raise TypeError(f"{type(pipe).__name__} instance doesn't have valid length")
    return len(source)
