"""The rows of a CSV, field by field."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from losscli.errors import SourceError
from losscli.files.blocks import Blocks


class Row(NamedTuple):
    """A row of a CSV; a field in quotation marks may span lines."""

    line: int  # the line it begins on, counted from 1
    last_line: int
    fields: list[str]

    @property
    def is_blank(self) -> bool:
        """Whether nothing but blanks stands there; an empty text in quotation marks is a field."""
        return not self.fields or (len(self.fields) == 1 and self.fields[0].isspace())


def csv_rows(lines: Iterable[str], separator: str, origin: str, above: int = 0) -> Iterator[Row]:
    """The rows of a CSV, with their lines counted from 1."""
    reader = csv.reader(lines, delimiter=separator)
    line = above
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise SourceError(f"{origin}, line {line + 1}: {error}.") from None
        if fields is None:
            return
        last_line = above + reader.line_num
        yield Row(line + 1, last_line, fields)
        line = last_line


def rows_of(block: bytes, blocks: Blocks, separator: str, origin: str) -> Iterator[Row]:
    """The rows that begin in a block; the last one may go on in the lines below the block."""
    lines = _Lines(block, blocks)
    for row in csv_rows(lines, separator, origin, blocks.above):
        lines.within_row = False
        yield row
    blocks.above += lines.taken


class _Lines:
    """The lines of a block, and of those below it the ones that its last row goes on in."""

    def __init__(self, block: bytes, blocks: Blocks) -> None:
        self.blocks = blocks
        self.inside = iter(io.StringIO(_decoded(block), newline="\n"))
        self.within_row = False
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self.inside, "")
        if not line and self.within_row:
            line = _decoded(self.blocks.line())
        if not line:
            raise StopIteration
        self.within_row = True
        self.taken += 1
        return line


def _decoded(text: bytes) -> str:
    """Bytes that are not UTF-8 come as surrogates, for the reader to report."""
    return text.decode("utf-8", "surrogateescape")
