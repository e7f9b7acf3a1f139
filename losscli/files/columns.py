"""Columns picked by name, zero-based index, half-open range or glob: `logit_a,3,5:8,logit_*`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from losscli.errors import SourceError
from losscli.files.grammar import quoted
from losscli.files.keys import listed, near

_RANGE = re.compile(r"(\d*):(\d*)", re.ASCII)


def pick_columns(selector: str, names: Sequence[str] | None, width: int, origin: str) -> list[int]:
    """The indices of the columns that `selector` asks for, in its order."""
    if names is not None and selector in names:
        return [_named(selector, names, origin)]
    picked: list[int] = []
    for item in selector.split(","):
        picked += _pick(item.strip(), names, width, origin)
    return picked


def _pick(item: str, names: Sequence[str] | None, width: int, origin: str) -> list[int]:
    """The columns of one item of a selector; a name comes before an index or a glob."""
    if names is not None and item in names:
        return [_named(item, names, origin)]
    if item.isascii() and item.isdigit():
        return [_within(item, width - 1, width, origin)]
    if ends := _RANGE.fullmatch(item):
        first = _within(ends[1] or "0", width, width, origin)
        behind = _within(ends[2] or str(width), width, width, origin)
        if first >= behind:
            raise SourceError(f"{origin}: the range {item} holds no column.")
        return list(range(first, behind))
    if names is None:
        raise SourceError(
            f"{origin} has no header, so there is no column {quoted(item)}; "
            f"its columns are 0 to {width - 1}."
        )
    matching = [i for i, name in enumerate(names) if fnmatchcase(name, item)]
    if not matching:
        raise SourceError(_unknown(item, list(names), origin))
    return matching


def _named(name: str, names: Sequence[str], origin: str) -> int:
    if list(names).count(name) > 1:
        raise SourceError(f"{origin} has several columns {quoted(name)}; pick one by its index.")
    return list(names).index(name)


def _within(index: str, most: int, width: int, origin: str) -> int:
    if int(index[:9]) > most:
        raise SourceError(f"{origin} has no column {index}; it has {width}, 0 to {width - 1}.")
    return int(index[:9])


def _unknown(item: str, names: list[str], origin: str) -> str:
    close = near(item, names)
    suggestion = f" {close[0].upper()}{close[1:]}" if close else ""
    return f"{origin} has no column {quoted(item)}; its columns are {listed(names)}.{suggestion}"
