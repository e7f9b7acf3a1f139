"""Polars' reader of decimals for large texts, where it is installed: the extra `losscli[fast]`.

Its numbers are taken only where it found one in every field of lines that have as many each, and it
takes for a number only what the other readers do. So it decides nothing but how quickly they are there.
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from typing import Any

from numpy.typing import NDArray

_DECIMALS = b"0123456789+-.eE"
ENOUGH = 8 << 20  # bytes after which it is imported; that takes as long as reading them without it
LARGE = 32 << 20  # bytes of a text for which it is imported at the start
WIDE = 1000  # columns


@cache
def is_there() -> bool:
    """Whether Polars is installed."""
    return importlib.util.find_spec("polars") is not None


def numbers(data: bytes, separator: bytes, width: int) -> NDArray[Any] | None:
    """As `decimals.numbers`; None also where Polars is not sure."""
    polars: Any = importlib.import_module("polars")
    is_whole = not any(mark in data for mark in (b".", b"e", b"E"))
    if is_whole and b"-0" in data:
        return None  # a zero with a sign is no integer
    kind = polars.Int64 if is_whole else polars.Float64
    read = _columns if width <= WIDE else _fields
    try:
        found = read(polars, data, separator, width, kind)
    except polars.exceptions.PolarsError:
        return None
    if found is None or any(found.null_count().row(0)):
        return None
    array: NDArray[Any] = found.to_numpy(order="c")
    return array.reshape(-1, width)


def _columns(polars: Any, data: bytes, separator: bytes, width: int, kind: Any) -> Any:
    """A table of so many columns. Where a line is shorter something is null, a longer one is an error."""
    if data.startswith(b"\n"):
        return None  # Polars does not count blank lines at the start
    return polars.read_csv(
        data,
        has_header=False,
        schema=dict.fromkeys(map(str, range(width)), kind),
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
