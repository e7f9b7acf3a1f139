"""JSON: a number, nested lists, or mappings of which keys pick a part."""

from __future__ import annotations

import json
from typing import Any

from losscli.errors import SourceError
from losscli.files.grammar import quoted
from losscli.files.loaded import Loaded
from losscli.files.raw import Raw
from losscli.files.tree import array_in, mapping


def read(raw: Raw, selector: str | None, *, words: bool) -> Loaded:
    """The whole value, or what lies at the keys of `selector`."""
    return array_in(parsed(raw.text(), raw.origin), selector, raw.origin, words)


def read_case(raw: Raw) -> dict[str, Any]:
    """The mapping of inputs and parameters by name."""
    return mapping(parsed(raw.text(), raw.origin), raw.origin)


def parsed(text: str, origin: str, line: int = 1) -> Any:
    """The value of a JSON text that begins on `line`; NaN and Infinity are numbers in it."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise SourceError(f"{origin}: the key {quoted(twice)} stands twice in one mapping.")
        return found

    if not text.strip():
        raise SourceError(f"{origin} is empty.")
    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        where = f"line {line + error.lineno - 1}, column {error.colno}"
        what = error.msg[:1].lower() + error.msg[1:]
        raise SourceError(f"{origin}, {where}: not JSON ({what}).") from None
    except ValueError:  # more digits than Python turns into an integer
        raise SourceError(f"{origin}: an integer has thousands of digits.") from None
