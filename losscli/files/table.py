"""A table of numbers in text: its header, settled on opening, and its columns, read in blocks.

A block of lines is read as a whole. Where that is not certain to see what is written (quotation
marks, blank lines, rows of another width, anything that is not a number), the block is read again
field by field, which is slower and finds the line and the column of what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from losscli.errors import SourceError
from losscli.files.block_reader import BlockReader
from losscli.files.blocks import Blocks
from losscli.files.gathered import Gathered
from losscli.files.grammar import Number, is_missing_marker, number, quoted
from losscli.files.header import is_header, is_header_of_words
from losscli.files.nested import numeric_array
from losscli.files.raw import Raw
from losscli.files.rows import Row, csv_rows, rows_of


class NotANumber(SourceError):
    """A word among numbers."""


class Wanted:
    """Columns that are asked for, and what was found in them."""

    def __init__(self, picked: Sequence[int], *, words: bool, flat: bool = True) -> None:
        self.picked = picked
        self.words = words  # whether words are allowed
        self.item = () if flat and len(picked) == 1 else (len(picked),)
        self.numbers = Gathered()
        self.error: SourceError | None = None

    def takes(self, numbers: NDArray[Any] | None) -> bool:
        """Keep the numbers of a block, if there are any."""
        if numbers is not None:
            self.numbers.append(numbers)
        return numbers is not None

    @property
    def may_be_words(self) -> bool:
        """Whether it is words or, if not that, wrong."""
        return self.words and isinstance(self.error, NotANumber)


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

    def columns(self, *wanted: Wanted) -> list[Any]:
        """What is in each of the wanted columns, words where they are allowed and found.

        The text is read once, however many are wanted; for words once more.
        """
        self._gather(wanted)
        return [self._found(one) for one in wanted]

    def _found(self, one: Wanted) -> Any:
        if one.error is None:
            return one.numbers.array(one.item, self.origin)
        if one.may_be_words:
            return self._words(one.picked, one.error).reshape(-1, *one.item)
        raise one.error

    def _has_header(self, first: list[str], second: list[str] | None, words: bool) -> bool:
        all_words = number(first[0]) is None and (second is None or number(second[0]) is None)
        if words and self.width == 1 and all_words:
            return is_header_of_words(first[0].strip(), lambda: self.texts([0])[1:])
        return is_header(first, second, self.origin)

    def _gather(self, wanted: Sequence[Wanted]) -> None:
        """Read the text, block after block, to its end or until nothing can come of it."""
        with self._blocks() as blocks:
            picked = [one.picked for one in wanted]
            reader = BlockReader(blocks, self.separator, self.width, picked, self.raw.size)
            for block, numbers in reader:
                below = blocks.above + _lines(block, numbers[0])
                slow = _unsettled(wanted)
                if not self._may_hide_blanks(block, blocks):
                    slow = [one for one in slow if not one.takes(numbers[wanted.index(one)])]
                if slow:
                    reader.give_back()
                    self._field_by_field(block, blocks, slow)
                blocks.above = max(below, blocks.above)
                if not _unsettled(wanted):
                    return

    @contextmanager
    def _blocks(self) -> Iterator[Blocks]:
        with self.raw.open() as stream:
            yield Blocks(stream, self.skip)

    def _may_hide_blanks(self, block: bytes, blocks: Blocks) -> bool:
        """Whether there are blank lines in a single column, which may be missing values."""
        return self.width == 1 and bool(
            blocks.blank or block[len(block.rstrip(b" \n")) :].count(b"\n") > 1
        )

    def _field_by_field(self, block: bytes, blocks: Blocks, wanted: Sequence[Wanted]) -> None:
        """The numbers of a block; or what is wrong in it, the first of it for each of the wanted."""
        numbers: list[list[Number]] = [[] for _ in wanted]
        try:
            for row in self._rows(block, blocks):
                for one, found in zip(wanted, numbers, strict=True):
                    if one.error is None:
                        self._take(row, one, found)
        except SourceError as error:
            for one in wanted:
                one.error = one.error or error
        for one, found in zip(wanted, numbers, strict=True):
            if found and one.error is None:
                one.numbers.append(numeric_array(found))

    def _take(self, row: Row, one: Wanted, found: list[Number]) -> None:
        """The numbers of a row."""
        for column in one.picked:
            value = number(row.fields[column])
            if value is None:
                one.error = self._not_a_number(row, column)
                return
            found.append(value)

    def _rows(self, block: bytes, blocks: Blocks) -> Iterator[Row]:
        """Rows of the right width. A blank line is no row; in a single column, a missing value."""
        for row in rows_of(block, blocks, self.separator, self.origin):
            if row.is_blank:
                blocks.blank = blocks.blank or row.line
                continue
            if blocks.blank and self.width == 1:
                raise SourceError(
                    f"{self.origin}, line {blocks.blank} is empty; expected a number."
                )
            if len(row.fields) != self.width:
                raise SourceError(
                    f"{self.origin}, line {row.line} has {_fields(len(row.fields))}; "
                    f"expected {self.width}, as on line {self.first_line}."
                )
            yield row

    def _not_a_number(self, row: Row, column: int) -> SourceError:
        where = self._where(row.line, column)
        try:
            text = self._utf8(row.line, column, row.fields[column]).strip()
        except SourceError as error:
            return error
        if not text:
            return SourceError(f"{where} is empty; expected a number.")
        return NotANumber(f"{where}: {quoted(text)} is not a number.")

    def _words(self, picked: Sequence[int], error: SourceError) -> NDArray[Any]:
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
        with self._blocks() as blocks:
            while block := blocks.block():
                for row in self._rows(block, blocks):
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


def _lines(block: bytes, numbers: NDArray[Any] | None) -> int:
    """How many lines a block has; as many as rows where no line is blank."""
    if numbers is not None and block[-1:] == b"\n" and block[-2:-1] not in (b"\n", b" "):
        return len(numbers)
    return block.count(b"\n") + (not block.endswith(b"\n"))


def _unsettled(wanted: Sequence[Wanted]) -> list[Wanted]:
    """What can still be found: what stands behind something wrong would not be looked at."""
    found = []
    for one in wanted:
        if one.error is None:
            found.append(one)
        elif not one.may_be_words:
            break
    return found


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"
