"""Pipes of what is no pipe."""

import copy
import warnings
from collections.abc import Iterable, Iterator
from typing import TypeVar

from ..datapipe import IterDataPipe, length_of

__all__ = ["IterableWrapperIterDataPipe"]

_T = TypeVar("_T")


class IterableWrapperIterDataPipe(IterDataPipe[_T]):
    """The elements of an iterable; with `deepcopy` each pass reads a copy, made before its first element."""

    def __init__(self, iterable: Iterable[_T], deepcopy: bool = True) -> None:
        self.iterable = iterable
        self.deepcopy = deepcopy

    def __iter__(self) -> Iterator[_T]:
        elements = self.iterable
        if self.deepcopy:
            try:
                elements = copy.deepcopy(self.iterable)
            except TypeError:
                warnings.warn(
                    "The input iterable can not be deepcopied, please be aware of in-place modification would affect "
                    "source data.",
                    stacklevel=2,
                )
        yield from elements

    def __len__(self) -> int:
        return length_of(self, self.iterable)
