"""Polars' reader of decimals for large texts, where it is installed: the extra `losscli[fast]`.

It is given only what has been looked at, lines of as many fields each and no character in them that
stands in no decimal, and its numbers are taken only where it found one in every field. So it decides
nothing but how quickly they are there.
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from typing import Any

from numpy.typing import NDArray

_DECIMALS = b"0123456789+-.eE"
ENOUGH = 8 << 20  # bytes after which importing it has paid


@cache
def is_there() -> bool:
    """Whether Polars is installed."""
    return importlib.util.find_spec("polars") is not None


def numbers(data: bytes, separator: bytes, width: int) -> NDArray[Any] | None:
    """As `decimals.numbers`; None also where Polars is not sure."""
    polars: Any = importlib.import_module("polars")
    ends = data.translate(None, _DECIMALS)  # must be those of so many fields, line after line
    lines = len(ends) // width
    if ends != (separator * (width - 1) + b"\n") * lines:
        return None
    is_whole = not any(mark in data for mark in (b".", b"e", b"E"))
    if is_whole and b"-0" in data:
        return None  # a zero with a sign is no integer
    kind = polars.Int64 if is_whole else polars.Float64
    try:
        found = polars.read_csv(
            data.replace(b"\n", separator),  # one field under the other, as it were
            has_header=False,
            schema={"": kind},
            separator="\0",
            eol_char=separator.decode(),
            quote_char=None,
        ).to_series()
    except polars.exceptions.PolarsError:
        return None
    if len(found) != len(ends) or found.null_count():
        return None
    array: NDArray[Any] = found.to_numpy()
    return array.reshape(-1, width)
