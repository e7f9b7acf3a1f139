"""JSONL: one row a line, a value, a list, or a mapping of which a key picks the value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from losscli.errors import SourceError
from losscli.files.grammar import quoted
from losscli.files.json_format import parsed
from losscli.files.keys import listed, pick
from losscli.files.loaded import Loaded, described
from losscli.files.nested import indices, nested_array
from losscli.files.raw import Raw
from losscli.files.tree import mapping


def read(raw: Raw, selector: str | None, *, words: bool) -> Loaded:
    """The lines stacked, or what lies at the keys of `selector` in each."""
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
    origin = raw.origin if selector is None else f"{raw.origin}#{selector}"

    def name(at: tuple[int, ...]) -> str:
        if not at:
            return origin
        item = (selector or "") + indices(at[1:])
        return f"{raw.origin}, line {lines[at[0]]}: {item or 'the value'}"

    array = nested_array(rows, name, words)
    return Loaded(array, origin, inferred=described(array, origin))


def read_case(raw: Raw) -> dict[str, Any]:
    """Lines of mappings with the same names: each name's values, one line after another."""
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


def _rows(raw: Raw) -> Iterator[tuple[int, Any]]:
    """The values with their lines, blank lines left out."""
    empty = True
    for line, text in enumerate(raw.text().split("\n"), start=1):
        if text.strip():
            empty = False
            yield line, parsed(text, raw.origin, line)
    if empty:
        raise SourceError(f"{raw.origin} is empty.")
