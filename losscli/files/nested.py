"""Nested lists, as JSON, YAML and Python have them, to arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from losscli.errors import SourceError
from losscli.files.grammar import Number, number, number_in_quotes, quoted
from losscli.files.loaded import Loaded, described
from losscli.stored import Stored

Where = Callable[[tuple[int, ...]], str]  # what to call the item at a position
DEEPEST = 32


def array_of(value: Any, *, label: str, words: bool = False) -> Loaded:
    """A number, or nested lists of numbers, as an array; `label` is what to call it in messages."""
    array = nested_array(value, lambda at: label + indices(at), words)
    return Loaded(array, label, inferred=described(array, label))


def nested_array(value: Any, where: Where, words: bool) -> NDArray[Any] | Stored:
    """Nested lists as an array: int64 if all are integers, else float64, complex128 or words."""
    if isinstance(value, Stored) or (isinstance(value, np.ndarray) and value.dtype.kind in "iufc"):
        return value
    items, shape = _flatten(value, where)

    def name(index: int) -> str:
        return where(tuple(map(int, np.unravel_index(index, shape))) if shape else ())

    return _leaves(items, name, words).reshape(shape)


def indices(at: Sequence[int]) -> str:
    """A position as it is written behind a name: [2][1]."""
    return "".join(f"[{i}]" for i in at)


def numeric_array(numbers: Sequence[Number]) -> NDArray[Any]:
    """Numbers as int64, float64 or complex128, the first of these that holds them all."""
    kinds = set(map(type, numbers))
    if kinds == {int}:
        try:
            return np.array(numbers, dtype=np.int64)
        except OverflowError:
            kinds = {float}
    if complex in kinds:
        return np.array(numbers, dtype=np.complex128)
    try:
        return np.array(numbers, dtype=np.float64)
    except OverflowError:  # an integer beyond the largest float; reads as 1e400 does
        return np.array([_as_float(n) for n in numbers], dtype=np.float64)


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _flatten(value: Any, where: Where) -> tuple[list[Any], tuple[int, ...]]:
    """The leaves of nested lists in order, and the shape; SourceError when they are ragged."""
    items, shape = [value], ()  # type: tuple[list[Any], tuple[int, ...]]
    while items and any(map(_is_list, items)):
        size = len(items[0]) if _is_list(items[0]) else None
        for index, item in enumerate(items):
            if (len(item) if _is_list(item) else None) != size:
                at = tuple(map(int, np.unravel_index(index, shape)))
                raise SourceError(
                    f"{where(at)} {_extent(item)}, but the first {_extent(items[0])}; "
                    f"all must be alike."
                )
        shape = (*shape, len(items[0]))
        if len(shape) > DEEPEST:
            raise SourceError(f"{where(())} nests lists more than {DEEPEST} deep.")
        items = list(chain.from_iterable(items))
    return items, shape


def _is_list(item: Any) -> bool:
    return isinstance(item, (list, tuple)) or (isinstance(item, np.ndarray) and item.ndim > 0)


def _extent(item: Any) -> str:
    if not _is_list(item):
        return f"is {_shown(item)}"
    return f"has {len(item)} item{'s' * (len(item) != 1)}"


def _leaves(items: list[Any], name: Callable[[int], str], words: bool) -> NDArray[Any]:
    """Leaves as a 1-D array."""
    if not items:
        return np.zeros(0)
    if set(map(type, items)) <= {int, float}:
        return numeric_array(items)
    numbers = [_number(item) for item in items]
    wrong = next((i for i, n in enumerate(numbers) if n is None), None)
    if wrong is None:
        return numeric_array([n for n in numbers if n is not None])
    if not (words and isinstance(items[wrong], str)):
        raise SourceError(
            f"{name(wrong)} is {_shown(items[wrong])}, not a number.{_hint(items[wrong])}"
        )
    for index, item in enumerate(items):
        if not isinstance(item, str):
            raise SourceError(
                f"{name(index)} is {_shown(item)} among words such as {_shown(items[wrong])}; "
                f"give either numbers or words."
            )
    return np.array(items, dtype=np.str_)


def _number(item: Any) -> Number | None:
    """A leaf as a number. Of texts, only those that JSON has no number for: "NaN", "1+2j"."""
    if isinstance(item, (np.generic, np.ndarray)):
        item = item.item()
    if isinstance(item, bool):
        return None
    if isinstance(item, (int, float, complex)):
        return item
    return number_in_quotes(item) if isinstance(item, str) else None


def _shown(item: Any) -> str:
    """A leaf as JSON writes it, as far as it can be shown in a sentence."""
    if isinstance(item, np.generic):
        item = item.item()
    if item is None:
        return "null"
    if isinstance(item, bool):
        return str(item).lower()
    if isinstance(item, str):
        return quoted(item)
    if isinstance(item, (int, float, complex)):
        return str(item)
    return "a mapping" if isinstance(item, dict) else f"of type {type(item).__name__}"


def _hint(item: Any) -> str:
    numeric = isinstance(item, str) and number(item) is not None
    return " Numbers stand without quotation marks and leading zeros." if numeric else ""
