"""Polars' reader of decimals for large texts, where it is installed: the extra `losscli[fast]`.

Its numbers are taken only where it found one in every field of lines that have as many each, and it
takes for a number only what the other readers do. So it decides nothing but how quickly they are there.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DECIMALS = b"0123456789+-.eE"
ENOUGH = 8 << 20  # bytes after which it is imported; that takes as long as reading them without it
LARGE = 32 << 20  # bytes of a text for which it is imported at the start
WIDE = 1000  # columns


@cache
def is_there() -> bool:
    """Whether Polars is installed."""
    return importlib.util.find_spec("polars") is not None


def numbers(
    data: bytes, separator: bytes, width: int, columns: Sequence[int] | None = None
) -> NDArray[Any] | None:
    """As `decimals.numbers`, of all columns or of some; None also where Polars is not sure."""
    polars: Any = importlib.import_module("polars")
    picked = range(width) if columns is None else columns
    is_all = len(picked) == width
    # of some columns the first fields; Polars then finds whether the others are alike
    sample = data if is_all else _first_fields(data, separator, picked)
    is_whole = not any(mark in sample for mark in (b".", b"e", b"E"))
    kind = polars.Int64 if is_whole else polars.Float64
    try:
        if width <= WIDE:
            found = _columns(polars, data, separator, width, kind, picked)
        else:
            found = _fields(polars, data, separator, width, kind) if is_all else None
    except polars.exceptions.PolarsError:
        return None
    if found is None or any(found.null_count().row(0)):
        return None
    array: NDArray[Any] = found.to_numpy(order="c")
    if is_whole and b"-0" in data and not array.all():
        return None  # a zero with a sign is no integer
    return array.reshape(-1, len(picked))


def _first_fields(data: bytes, separator: bytes, columns: Sequence[int]) -> bytes:
    fields = data[: data.index(b"\n")].split(separator)
    return b"".join(fields[i] for i in columns if i < len(fields))


def _columns(
    polars: Any, data: bytes, separator: bytes, width: int, kind: Any, columns: Sequence[int]
) -> Any:
    """Columns of a table. Where a line is shorter something is null in the last one, which is always
    read; a longer line is an error, but overlooked where not all are read: the separators tell then."""
    if data[:1].isspace():
        return None  # Polars does not count blank lines at the start
    is_all, last = len(columns) == width, width - 1
    kinds = dict.fromkeys(map(str, range(width)), polars.String)
    kinds |= dict.fromkeys(map(str, columns), kind)
    found = polars.read_csv(
        data,
        has_header=False,
        schema=kinds,
        columns=None if is_all else sorted({*columns, last}),
        separator=separator.decode(),
        quote_char=None,
    )
    if is_all:
        return found
    separators = np.count_nonzero(np.frombuffer(data, np.uint8) == ord(separator))
    if found[str(last)].null_count() or separators != len(found) * last:
        return None
    return found.select(map(str, columns))


def _fields(polars: Any, data: bytes, separator: bytes, width: int, kind: Any) -> Any:
    """A single column of all fields, as Polars takes its time for each column."""
    ends = data.translate(None, _DECIMALS)  # must be those of so many fields, line after line
    lines = len(ends) // width
    if ends != (separator * (width - 1) + b"\n") * lines:
        return None
    found = polars.read_csv(
        data.replace(b"\n", separator),
        has_header=False,
        schema={"": kind},
        separator="\0",
        eol_char=separator.decode(),
        quote_char=None,
    )
    return found if len(found) == len(ends) else None
