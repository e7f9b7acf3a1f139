"""Lists of numbers in JSON and YAML, read at once rather than number by number.

Long lists are taken out of the text, and a name that stands nowhere else is put in their place. The
parser then meets that name where it would have met the list. Only where it meets every name just
once, alone, as a value, was each of them a list; else, and where anything at all is wrong, the text
is read as it was, so that what is read and what is said about it are the same.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np

from losscli.errors import SourceError
from losscli.files import decimals
from losscli.files.decimals import Tokens
from losscli.files.gathered import Gathered

ENOUGH = 1 << 16  # characters of text, below which the parser is as quick
LONG = 1000  # characters of a list
_BLOCK = 256 << 10  # characters that are read at once
_DEEPEST = 8
_BLANK = b" \r\n"
_LIST = re.compile(r"\[[\[\]0-9eE+\-., \r\n]+")
_ITEM = r"(?:\[[0-9eE+\-., ]+\]|[0-9eE+\-.]+) *(?:\r?\n|\Z)"
_DASHES = re.compile(rf"^( *)- +{_ITEM}(?:\1- +{_ITEM})+", re.MULTILINE)
_KEY_ABOVE = re.compile(r"(?:^|\n)( *)[A-Za-z_][\w-]*: *\r?\n\Z")

Result = TypeVar("Result")


class Grammar(NamedTuple):
    """How a format writes what concerns lists of numbers."""

    allows: Callable[[Tokens], bool]  # whether decimals are numbers in it
    dashes: bool = False  # whether a list may be lines with dashes
    quote: str = ""  # around the name that is put in the place of a list


class Flows:
    """The lists that were taken out of a text, by name."""

    def __init__(self, text: str, grammar: Grammar) -> None:
        self.prefix = f"losscli{secrets.token_hex(12)}n"
        self.grammar = grammar
        self.arrays: dict[str, Any] = {}
        self.dashed: set[str] = set()
        self.count = 0
        if grammar.dashes:
            text = _DASHES.sub(self._without_dashes, text)
        self.text = _LIST.sub(self._without_list, text)

    def put_back(self, name: str, *, within_brackets: bool = False) -> Any:
        """The array of that name, if there is one. A list with dashes stands in no brackets."""
        if within_brackets and name in self.dashed:
            return None
        return self.arrays.pop(name, None)

    def _kept(self, array: Any) -> str:
        self.count += 1
        name = f"{self.prefix}{self.count}"
        self.arrays[name] = array
        return name

    def _without_list(self, match: re.Match[str]) -> str:
        text = match[0]
        if len(text) < LONG:
            return text
        end = _end(text)
        array = array_in(text[:end], self.grammar.allows)
        quote = self.grammar.quote
        return text if array is None else f"{quote}{self._kept(array)}{quote}{text[end:]}"

    def _without_dashes(self, match: re.Match[str]) -> str:
        text, indent = match[0], match[1]
        if len(text) < LONG:
            return text
        items = text[len(indent) + 2 :].rstrip("\r\n").replace(f"\n{indent}- ", ",")
        array = array_in(f"[{items}]", self.grammar.allows)
        if array is None:
            return text
        name = self._kept(array)
        self.dashed.add(name)
        above = _KEY_ABOVE.search(match.string, max(0, match.start() - 1000), match.start())
        # Below a key, dashes may stand as far left as the key itself; a name may not.
        farther = " " if above and above[1] == indent else ""
        return f"{indent}{farther}{name}\n"


def read_with_lists(
    text: str, grammar: Grammar, read: Callable[[str, Flows | None], Result]
) -> Result:
    """What `read` makes of a text, whose long lists of numbers are arrays if that is certain."""
    if len(text) >= ENOUGH:
        flows = Flows(text, grammar)
        if flows.arrays:
            try:
                found = read(flows.text, flows)
            except SourceError:  # which names places in the text without its lists
                pass
            else:
                if not flows.arrays:
                    return found
    return read(text, None)


def array_in(text: str, allows: Callable[[Tokens], bool]) -> Any:
    """A list, or lists in lists of equal lengths, as an array; None where that is not certain.

    A large one is a `Stored`.
    """
    packed = text.encode("ascii")
    data = packed.translate(None, _BLANK)
    if _numbers_in(packed) != _numbers_in(data):  # a blank stood within a number, or for a comma
        return None
    depth = len(data) - len(data.lstrip(b"["))
    if not 0 < depth <= _DEEPEST or not data.endswith(b"]" * depth):
        return None
    data = data[depth:-depth]
    for level in range(depth - 1, 0, -1):  # the ends of rows, of tables, and so on
        data = data.replace(b"]" * level + b"," + b"[" * level, bytes([level]))
    rows, shape = _shape(data, depth)
    width = rows.partition(b"\n")[0].count(b",") + 1
    if shape is None or decimals.ends_of_fields(rows, b",", width) is None:
        return None
    found = Gathered()
    for block in _fields(rows):
        numbers = decimals.numbers(block, b"\n", 1, allows)
        if numbers is None:
            return None
        found.append(numbers)
    item = (*shape, width)[1:]
    return found.array(item, "a list")


def _end(text: str) -> int:
    """Where a list ends of which the brackets around it may be seen as well, and a comma."""
    end = text.rfind("]") + 1
    for _ in range(text.count("]") - text.count("[")):
        end = text.rfind("]", 0, end - 1) + 1
    return end


def _numbers_in(data: bytes) -> int:
    """How many runs of characters of numbers there are."""
    characters = np.frombuffer(data, np.uint8)
    inside = (characters >= ord("+")) & (characters != ord(","))
    inside &= (characters != ord("[")) & (characters != ord("]"))
    return int(np.count_nonzero(inside[1:] & ~inside[:-1])) + bool(inside[:1].any())


def _shape(data: bytes, depth: int) -> tuple[bytes, tuple[int, ...] | None]:
    """The rows, one a line, and how many there are along each axis; None if they are ragged."""
    characters = np.frombuffer(data, np.uint8)
    levels = characters[np.flatnonzero(characters < _DEEPEST)].astype(np.int64)
    counts = [int(np.count_nonzero(levels >= level)) + 1 for level in range(depth - 1, 0, -1)]
    shape = tuple(count // outer for outer, count in zip([1, *counts], counts, strict=False))
    if math.prod(shape) != len(levels) + 1:
        return data, None
    expected = np.ones(len(levels), np.int64)
    places = np.arange(1, len(levels) + 1)
    for level in range(2, depth):
        size = math.prod(shape[depth - level :])
        expected[places % size == 0] = level
    rows = data.translate(bytes(10 if 0 < c < _DEEPEST else c for c in range(256))) + b"\n"
    return rows, shape if np.array_equal(levels, expected) else None


def _fields(rows: bytes) -> Iterator[bytes]:
    """The fields of all rows, one a line, in blocks."""
    start = 0
    while start < len(rows):
        comma, line = (rows.find(mark, start + _BLOCK) for mark in (b",", b"\n"))
        end = min((place for place in (comma, line) if place >= 0), default=len(rows) - 1) + 1
        yield rows[start:end].replace(b",", b"\n")
        start = end
