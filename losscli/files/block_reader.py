"""A block of lines read as a whole: by the reader of decimals, by Polars, or by NumPy's."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from losscli.files import blocks, decimals, fast
from losscli.files.decimals import ends_of_fields

Array = NDArray[Any]
_LARGE_BLOCK = 4 << 20  # bytes


class BlockReader:
    """Reads the blocks of one text, and counts how much it has read."""

    def __init__(self, separator: str, width: int) -> None:
        self.separator = separator.encode()
        self.width = width
        self.read = 0  # bytes
        self.is_fast = False

    @property
    def size(self) -> int:
        """How large the next block should be."""
        return _LARGE_BLOCK if self.is_fast else blocks.BLOCK

    def passed(self, block: bytes) -> None:
        """Count a block."""
        self.read += len(block)
        self.is_fast = self.read >= fast.ENOUGH and fast.is_there()

    def numbers(self, lines: bytes, picked: Sequence[int]) -> Array | None:
        """The numbers of these columns in lines; None if every field must be looked at."""
        if b'"' in lines:
            return None
        data: bytes | None = lines + b"\n"
        columns = sorted(set(picked))
        if len(columns) < self.width:
            data = _only(columns, lines + b"\n", self.separator, self.width)
        if data is None or not data.isascii():  # NumPy takes "ꁒ" for the integer 40994, or crashes
            return None
        found = self._decimals(data, len(columns))
        if found is None or list(picked) == columns:
            return found
        return found[:, [columns.index(column) for column in picked]]

    def _decimals(self, data: bytes, width: int) -> Array | None:
        plain = data.replace(self.separator + b" ", self.separator) if b" " in data else data
        found = fast.numbers(plain, self.separator, width) if self.is_fast else None
        if found is None:
            found = decimals.numbers(plain, self.separator, width)
        return _loaded(data, self.separator, width) if found is None else found


def _only(columns: list[int], data: bytes, separator: bytes, width: int) -> bytes | None:
    """Some of the columns of lines; None where lines are of another width."""
    ends = ends_of_fields(data, separator, width)
    if ends is None:
        return None
    sizes = np.diff(ends, prepend=-1).reshape(-1, width)
    is_kept = np.zeros(width, np.bool_)
    is_kept[columns] = True
    kept = np.repeat(np.tile(is_kept, len(sizes)), sizes.ravel())
    found = np.frombuffer(data, np.uint8)[kept]
    found[sizes[:, is_kept].sum(axis=1).cumsum() - 1] = ord("\n")
    return found.tobytes()


def _loaded(data: bytes, separator: bytes, width: int) -> Array | None:
    """What NumPy reads, which is more than decimals: nan and inf, blanks around a number."""
    if ends_of_fields(data, separator, width) is None:
        return None
    lines = data.decode("ascii").split("\n")[:-1]
    for kind in (np.int64, np.float64):
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # "2.0" as an integer only warns
            try:
                array = np.loadtxt(lines, kind, None, separator.decode(), ndmin=2)
            except (ValueError, Warning):
                continue
        if kind is np.int64 and b"-0" in data:
            return None  # a zero with a sign is no integer
        return array if array.shape == (len(lines), width) else None
    return None
