"""JSONL: one row a line, a value, a list, or a mapping of which a key picks the value."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Any

import numpy as np

from losscli.errors import SourceError
from losscli.files.flows import array_in
from losscli.files.gathered import Gathered
from losscli.files.grammar import quoted
from losscli.files.json_format import GRAMMAR, parsed
from losscli.files.keys import listed, pick
from losscli.files.loaded import Loaded, described
from losscli.files.nested import indices, nested_array
from losscli.files.raw import Raw
from losscli.files.tree import mapping

_BLOCK = 1 << 18  # bytes of lines that are read at once


def read(raw: Raw, selector: str | None, *, words: bool) -> Loaded:
    """The lines stacked, or what lies at the keys of `selector` in each."""
    origin = raw.origin if selector is None else f"{raw.origin}#{selector}"
    columns = _in_blocks(raw, lambda rows: {"": _picked(rows, selector)})
    if columns is not None:
        return Loaded(columns[""], origin, inferred=described(columns[""], origin))
    lines, rows = [], []
    for line, row in _rows(raw):
        where = f"{raw.origin}, line {line}"
        part = row if selector is None else pick(row, selector, where)
        if isinstance(part, dict):
            first = next(iter(part), "key")
            raise SourceError(
                f"{where} holds a mapping of {listed(list(part)) or 'nothing'}; "
                f"pick one, as in {raw.origin}#{f'{selector}.' if selector else ''}{first}."
            )
        lines.append(line)
        rows.append(part)

    def name(at: tuple[int, ...]) -> str:
        if not at:
            return origin
        item = (selector or "") + indices(at[1:])
        return f"{raw.origin}, line {lines[at[0]]}: {item or 'the value'}"

    array = nested_array(rows, name, words)
    return Loaded(array, origin, inferred=described(array, origin))


def read_case(raw: Raw, numbers: Container[str] = ()) -> dict[str, Any]:
    """Lines of mappings with the same names: each name's values, one line after another."""
    if (columns := _in_blocks(raw, _by_name)) is not None:
        return columns
    values: dict[str, list[Any]] = {}
    for place, (line, row) in enumerate(_rows(raw)):
        found = mapping(row, f"{raw.origin}, line {line}")
        if place == 0:
            values = {name: [] for name in found}
        if set(found) != set(values):
            name = min(set(found) ^ set(values))
            missing = "lacks" if name in values else "has"
            raise SourceError(
                f"{raw.origin}, line {line} {missing} {quoted(name)}, unlike the first line."
            )
        for name, value in found.items():
            values[name].append(value)
    return dict(values)


def _in_blocks(raw: Raw, numbers: Callable[[list[str]], dict[str, Any]]) -> dict[str, Any] | None:
    """Arrays of more lines than should be held at once.

    None where there are few lines, and where it is not certain that all of it is numbers in rows
    that are alike; then all lines are read, one by one, to tell what is wrong.
    """
    found: dict[str, Gathered] = {}
    items: dict[str, tuple[int, ...]] = {}
    with raw.open() as stream:
        while block := stream.readlines(_BLOCK):
            try:
                rows = _texts(block, is_first=not found)
                arrays = numbers(rows) if rows else {}
            except (SourceError, UnicodeDecodeError, RecursionError):
                return None
            if not all(array.size for array in arrays.values()):
                return None
            if not found:
                if not arrays or sum(map(len, block)) < _BLOCK:
                    return None
                found = {name: Gathered() for name in arrays}
                items = {name: array.shape[1:] for name, array in arrays.items()}
            if arrays and items != {name: array.shape[1:] for name, array in arrays.items()}:
                return None
            for name, array in arrays.items():
                found[name].append(np.asarray(array))
    return {name: one.array(items[name], raw.origin) for name, one in found.items()} or None


def _texts(block: list[bytes], *, is_first: bool) -> list[str]:
    """The lines that say something."""
    text = b"".join(block).decode("utf-8-sig" if is_first else "utf-8")
    return [line for line in map(str.strip, text.split("\n")) if line]


def _picked(rows: list[str], selector: str | None) -> Any:
    """What lies at the keys of `selector` in each line; of lists of numbers, what they are."""
    if selector is None and all(_is_flat(row) for row in rows):
        array = array_in(f"[{','.join(rows)}]", GRAMMAR.allows)
        if array is not None:
            return array
    values = [parsed(row, "") for row in rows]
    return _array([pick(value, selector, "") if selector else value for value in values])


def _by_name(rows: list[str]) -> dict[str, Any]:
    """The values of each name."""
    mappings = [mapping(parsed(row, ""), "") for row in rows]
    if any(one.keys() != mappings[0].keys() for one in mappings):
        raise SourceError("names differ")
    return {name: _array([one[name] for one in mappings]) for name in mappings[0]}


def _array(values: list[Any]) -> Any:
    return nested_array(values, indices, words=False)


def _is_flat(row: str) -> bool:
    """Whether a line may be a list without lists in it."""
    return row[0] == "[" and row.rfind("[") == 0 and row.find("]") == len(row) - 1


def _rows(raw: Raw) -> Iterator[tuple[int, Any]]:
    """The values with their lines, blank lines left out."""
    empty = True
    for line, text in enumerate(raw.text().split("\n"), start=1):
        if text.strip():
            empty = False
            yield line, parsed(text, raw.origin, line)
    if empty:
        raise SourceError(f"{raw.origin} is empty.")
