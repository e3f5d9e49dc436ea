"""Pipes that call a function of each element."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ..._utils.collate import default_collate
from .._decorator import functional_datapipe
from ..datapipe import IterDataPipe, length_of
from ..utils.common import check_function, validate_input_col

__all__ = ["CollatorIterDataPipe", "MapperIterDataPipe"]

_T_co = TypeVar("_T_co", covariant=True)


@functional_datapipe("map")
class MapperIterDataPipe(IterDataPipe[_T_co]):
    """`fn` of each element, or of columns of it.

    input_col: None gives `fn` the element; an index or key one of its columns; a list of them so many arguments.
    output_col: where the result goes, -1 to the end; None puts it into the (first) input column and takes the other
    input columns away. ValueError for an output column without an input column, or a function that takes another number
    of arguments.
    """

    def __init__(self, datapipe: IterDataPipe, fn: Callable, input_col: Any = None, output_col: Any = None) -> None:
        super().__init__()
        check_function(fn)
        self.datapipe = datapipe
        self.fn = fn
        self.input_col = input_col
        if input_col is None and output_col is not None:
            raise ValueError("`output_col` must be None when `input_col` is None.")
        if isinstance(output_col, (list, tuple)):
            if len(output_col) > 1:
                raise ValueError("`output_col` must be a single-element list or tuple")
            output_col = output_col[0]  # pyright: ignore[reportGeneralTypeIssues]
        self.output_col = output_col
        validate_input_col(fn, input_col)

    def _apply_fn(self, data) -> Any:
        if self.input_col is None:
            return self.fn(data)
        columns: list[Any] = [*self.input_col] if isinstance(self.input_col, (list, tuple)) else [self.input_col]
        result = self.fn(*(data[column] for column in columns))
        row: Any = list(data) if isinstance(data, tuple) else data
        if self.output_col is None:
            row[columns[0]] = result
            for column in sorted(columns[1:], reverse=True):
                del row[column]
        elif self.output_col == -1:
            row.append(result)
        else:
            row[self.output_col] = result
        return tuple(row) if isinstance(data, tuple) else row

    def __iter__(self) -> Iterator[_T_co]:
        for data in self.datapipe:
            yield self._apply_fn(data)

    def __len__(self) -> int:
        return length_of(self, self.datapipe)


@functional_datapipe("collate")
class CollatorIterDataPipe(MapperIterDataPipe):
    """Each element, a list of examples, made a batch by `collate_fn`, or `conversion` under its older name."""

    def __init__(
        self, datapipe: IterDataPipe, conversion: Any = default_collate, collate_fn: Callable | None = None
    ) -> None:
        chosen = conversion if collate_fn is None else collate_fn
        if isinstance(chosen, dict):
            raise NotImplementedError("collate: a function for each column is for data frames, of which there are none")
        super().__init__(datapipe, fn=chosen)
