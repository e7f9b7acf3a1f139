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
    """As `decimals.numbers`, of some columns or of all; None also where Polars is not sure."""
    polars: Any = importlib.import_module("polars")
    sample = _sample(data, separator, columns)
    is_whole = not any(mark in sample for mark in (b".", b"e", b"E"))
    kind = polars.Int64 if is_whole else polars.Float64
    try:
        if columns is not None:
            found = _some(polars, data, separator, width, kind, columns)
        else:
            read = _columns if width <= WIDE else _fields
            found = read(polars, data, separator, width, kind)
    except polars.exceptions.PolarsError:
        return None
    if found is None or any(found.null_count().row(0)):
        return None
    array: NDArray[Any] = found.to_numpy(order="c")
    if is_whole and b"-0" in data and not array.all():
        return None  # a zero with a sign is no integer
    return array.reshape(-1, width if columns is None else len(columns))


def _sample(data: bytes, separator: bytes, columns: Sequence[int] | None) -> bytes:
    """What tells whether there are only integers: everything; of some columns the first fields, as
    Polars then finds whether the others are alike."""
    if columns is None:
        return data
    first = data[: data.index(b"\n")].split(separator)
    return b"".join(first[i] for i in columns if i < len(first))


def _columns(polars: Any, data: bytes, separator: bytes, width: int, kind: Any) -> Any:
    """A table of so many columns. Where a line is shorter something is null, a longer one is an error."""
    return _table(polars, data, separator, dict.fromkeys(map(str, range(width)), kind))


def _some(
    polars: Any, data: bytes, separator: bytes, width: int, kind: Any, columns: Sequence[int]
) -> Any:
    """Some of the columns. In the last one, which is read with them, nothing is null where no line is
    shorter; then separators tell whether one is longer, which Polars overlooks."""
    if width > WIDE:
        return None
    last = width - 1
    kinds = dict.fromkeys(map(str, range(width)), polars.String)
    kinds.update(dict.fromkeys(map(str, columns), kind))
    found = _table(polars, data, separator, kinds, sorted({*columns, last}))
    separators = np.count_nonzero(np.frombuffer(data, np.uint8) == ord(separator))
    if found is None or found[str(last)].null_count() or separators != len(found) * last:
        return None
    return found.select(map(str, columns))


def _table(
    polars: Any,
    data: bytes,
    separator: bytes,
    kinds: dict[str, Any],
    columns: Sequence[int] | None = None,
) -> Any:
    if data[:1].isspace():
        return None  # Polars does not count blank lines at the start
    return polars.read_csv(
        data,
        has_header=False,
        schema=kinds,
        columns=columns,
        separator=separator.decode(),
        quote_char=None,
    )


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
