"""A block of lines read as a whole: by the reader of decimals, by Polars, or by NumPy's."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from losscli.files import decimals, fast
from losscli.files.blocks import Blocks
from losscli.files.decimals import ends_of_fields

if TYPE_CHECKING:
    from concurrent.futures import Future

Array = NDArray[Any]
_LARGE_BLOCK = 4 << 20  # bytes
_AT_A_TIME = 6  # blocks that are read while one is waited for


class BlockReader:
    """Reads some columns of the blocks of a text, by Polars where it is large, or once much has been read.

    While Polars reads a block, what lies below is made ready for it in other threads.
    """

    def __init__(
        self,
        found: Blocks,
        separator: str,
        width: int,
        wanted: Sequence[Sequence[int]],
        size: int,
    ) -> None:
        self.found = found
        self.separator = separator.encode()
        self.width = width
        self.wanted = wanted
        self.read = 0  # bytes
        self.is_large = size >= fast.LARGE
        self.begun: deque[tuple[bytes, Future[list[Array | None]]]] = deque()

    def __iter__(self) -> Iterator[tuple[bytes, list[Array | None]]]:
        """Each block and its numbers; None for columns of which every field must be looked at."""
        while not ((self.is_large or self.read >= fast.ENOUGH) and fast.is_there()):
            if not (block := self.found.block()):
                return
            self.read += len(block)
            yield block, self._numbers(block, is_fast=False)
        from concurrent.futures import ThreadPoolExecutor

        self.found.size = _LARGE_BLOCK
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            while True:
                while len(self.begun) < _AT_A_TIME and (block := self.found.block()):
                    future = pool.submit(self._numbers, block, is_fast=True)
                    self.begun.append((block, future))
                if not self.begun:
                    return
                block, future = self.begun.popleft()
                yield block, future.result()

    def give_back(self) -> None:
        """Make what was begun a part of the text again that is still to be read."""
        self.found.put_back(b"".join(block for block, _ in self.begun))
        self.begun.clear()

    def _numbers(self, block: bytes, *, is_fast: bool) -> list[Array | None]:
        return [self.numbers(block, picked, is_fast) for picked in self.wanted]

    def numbers(self, block: bytes, picked: Sequence[int], is_fast: bool) -> Array | None:
        """The numbers of these columns in a block, blank lines at its end left out."""
        if b'"' in block or not block.isascii():
            return None  # NumPy takes "ꁒ" for the integer 40994, or crashes
        is_whole = block[-1:] == b"\n" and block[-2:-1] not in (b"\n", b" ")
        lines = block if is_whole else block.rstrip(b" \n") + b"\n"
        columns = sorted(set(picked))
        found = self._of(lines, columns, is_fast)
        if found is None or list(picked) == columns:
            return found
        return found[:, [columns.index(column) for column in picked]]

    def _of(self, lines: bytes, columns: list[int], is_fast: bool) -> Array | None:
        """The numbers of these columns, which are in order."""
        if is_fast:
            found = fast.numbers(self._plain(lines), self.separator, self.width, columns)
            if found is not None:
                return found
        width = len(columns)
        is_all = width == self.width
        data = lines if is_all else _only(columns, lines, self.separator, self.width)
        if data is None:
            return None
        found = decimals.numbers(self._plain(data), self.separator, width)
        return _loaded(data, self.separator, width) if found is None else found

    def _plain(self, lines: bytes) -> bytes:
        """Lines without the blanks behind separators."""
        if b" " not in lines:
            return lines
        return lines.replace(self.separator + b" ", self.separator)


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
