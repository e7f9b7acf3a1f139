"""A table of numbers in text: its header, settled on opening, and its columns, read in blocks.

A block of lines goes to `np.loadtxt`. Where that is not certain to see what is written (quotation
marks, blank lines, rows of another width, anything that is not a number), the block is read again
field by field, which is slower and finds the line and the column of what is wrong.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from losscli.errors import SourceError
from losscli.files.grammar import Number, is_missing_marker, number, quoted
from losscli.files.header import is_header, is_header_of_words
from losscli.files.nested import numeric_array
from losscli.files.raw import Raw

BLOCK = 4096  # lines


class Row(NamedTuple):
    """A row of a CSV; a field in quotation marks may span lines."""

    line: int  # the line it begins on, counted from 1
    last_line: int
    fields: list[str]

    @property
    def is_blank(self) -> bool:
        """Whether nothing but blanks stands there; an empty text in quotation marks is a field."""
        return not self.fields or (len(self.fields) == 1 and self.fields[0].isspace())


class NotANumber(SourceError):
    """A word among numbers."""


class Table:
    """The text of a table, its names and its width."""

    def __init__(self, raw: Raw, separator: str, words: bool) -> None:
        self.raw = raw
        self.origin = raw.origin
        self.separator = separator
        self.names: tuple[str, ...] | None = None
        self.skip = 0  # lines above the data
        with raw.lines() as stream:
            rows = csv_rows(stream, separator, self.origin)
            head = list(islice((row for row in rows if not row.is_blank), 2))
        if not head:
            raise SourceError(f"{self.origin} is empty.")
        first = head[0]
        self.first_line = first.line
        self.width = len(first.fields)
        if self._has_header(first.fields, head[1].fields if len(head) > 1 else None, words):
            self.skip = first.last_line
            self.names = tuple(
                " ".join(self._utf8(first.line, i, name).split())
                for i, name in enumerate(first.fields)
            )

    def columns(self, picked: Sequence[int], words: bool) -> NDArray[Any]:
        """These columns: 1-D for a single one, else 2-D; words where they are allowed and found."""
        try:
            blocks = list(self._numbers(picked))
        except NotANumber as error:
            if not words:
                raise
            blocks = [self._words(picked, error)]
        array = np.concatenate(blocks) if blocks else np.zeros(0)
        return array if len(picked) == 1 else array.reshape(-1, len(picked))

    def _has_header(self, first: list[str], second: list[str] | None, words: bool) -> bool:
        all_words = number(first[0]) is None and (second is None or number(second[0]) is None)
        if words and self.width == 1 and all_words:
            return is_header_of_words(first[0].strip(), lambda: self.texts([0])[1:])
        return is_header(first, second, self.origin)

    def _numbers(self, picked: Sequence[int]) -> Iterator[NDArray[Any]]:
        """The numbers of these columns, row after row, in blocks."""
        for line, lines in self._blocks():
            loaded = self._load(lines, picked) if isinstance(lines, list) else None
            if loaded is not None:
                yield loaded
                continue
            rows = self._rows(line, lines)
            while some := list(islice(rows, BLOCK)):
                yield self._parse(some, picked)

    def _blocks(self) -> Iterator[tuple[int, Iterable[str]]]:
        """Lists of lines below the header, each with how many lines stand above it.

        Blank lines at the end are left out. From the first quotation mark on, all that follows is
        one iterable, since a field may then span lines.
        """
        with self.raw.lines() as stream:
            above = sum(1 for _ in islice(stream, self.skip))
            blank = 0  # blank lines held back: they may be the end
            while block := list(islice(stream, BLOCK)):
                filled = len(block)
                while filled and _is_blank(block[filled - 1]):
                    filled -= 1
                if filled:
                    lines = ["\n"] * blank + block[:filled]
                    if any('"' in text for text in lines):
                        yield above, chain(lines, block[filled:], stream)
                        return
                    yield above, lines
                    above += len(lines)
                    blank = 0
                blank += len(block) - filled

    def _load(self, lines: list[str], picked: Sequence[int]) -> NDArray[Any] | None:
        """The numbers of these columns read at once; None if every field must be looked at."""
        separators = self.width - 1
        if any(text.count(self.separator) != separators for text in lines):
            return None
        if not all(map(str.isascii, lines)):  # NumPy takes "ꁒ" for the integer 40994, or crashes
            return None
        for kind in (np.int64, np.float64):
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # "2.0" as an integer only warns
                try:
                    array = np.loadtxt(lines, kind, None, self.separator, usecols=picked, ndmin=2)
                except (ValueError, Warning):
                    continue
            if kind is np.int64 and any("-0" in text for text in lines):
                return None  # a zero with a sign is no integer
            return array.ravel() if array.shape == (len(lines), len(picked)) else None
        return None

    def _rows(self, above: int, lines: Iterable[str]) -> Iterator[Row]:
        """Rows of the right width. A blank line is no row; in a single column, a missing value."""
        blank = 0
        for row in csv_rows(lines, self.separator, self.origin, above):
            if row.is_blank:
                blank = blank or row.line
                continue
            if blank and self.width == 1:
                raise SourceError(f"{self.origin}, line {blank} is empty; expected a number.")
            if len(row.fields) != self.width:
                raise SourceError(
                    f"{self.origin}, line {row.line} has {_fields(len(row.fields))}; "
                    f"expected {self.width}, as on line {self.first_line}."
                )
            yield row

    def _parse(self, rows: list[Row], picked: Sequence[int]) -> NDArray[Any]:
        """The numbers of these columns, field by field."""
        numbers: list[Number] = []
        for row in rows:
            for column in picked:
                value = number(row.fields[column])
                if value is None:
                    raise self._not_a_number(row, column)
                numbers.append(value)
        return numeric_array(numbers)

    def _not_a_number(self, row: Row, column: int) -> SourceError:
        text = self._utf8(row.line, column, row.fields[column]).strip()
        where = self._where(row.line, column)
        if not text:
            return SourceError(f"{where} is empty; expected a number.")
        return NotANumber(f"{where}: {quoted(text)} is not a number.")

    def _words(self, picked: Sequence[int], error: NotANumber) -> NDArray[Any]:
        """The fields of these columns as words.

        Words may look like integers (the classes of EMNIST are 0 to 9 and A to Z), but a fraction
        or "n/a" says that the column is one of numbers with a mistake in it, which `error` names.
        """
        texts = self.texts(picked)
        numbers = [value for value in map(number, texts) if value is not None]
        if numbers and (
            not all(isinstance(value, int) for value in numbers)
            or any(map(is_missing_marker, texts))
        ):
            raise error
        return np.array(texts, dtype=np.str_)

    def texts(self, picked: Sequence[int]) -> list[str]:
        """The fields of these columns as they are written."""
        texts = []
        for above, lines in self._blocks():
            for row in self._rows(above, lines):
                for column in picked:
                    text = self._utf8(row.line, column, row.fields[column]).strip()
                    if not text:
                        raise self._not_a_number(row, column)
                    texts.append(text)
        return texts

    def _utf8(self, line: int, column: int, text: str) -> str:
        """`text`, if all of it could be read as UTF-8."""
        for character in text:
            if "\udc80" <= character <= "\udcff":
                raise SourceError(
                    f"{self._where(line, column)}: byte 0x{ord(character) - 0xDC00:02x} "
                    f"is not UTF-8; save the file as UTF-8."
                )
        return text

    def _where(self, line: int, column: int) -> str:
        name = f" ({quoted(self.names[column])})" if self.names else ""
        return f"{self.origin}, line {line}, column {column + 1}{name}"


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


def _is_blank(line: str) -> bool:
    return not line.strip(" \r\n")


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"
