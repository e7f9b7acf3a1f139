"""JSON: a number, nested lists, or mappings of which keys pick a part."""

from __future__ import annotations

import json
from collections.abc import Container
from typing import Any

from losscli.errors import SourceError
from losscli.files.decimals import Tokens
from losscli.files.flows import Flows, Grammar, read_with_lists
from losscli.files.grammar import quoted
from losscli.files.loaded import Loaded
from losscli.files.raw import Raw
from losscli.files.tree import array_in, mapping


def read(raw: Raw, selector: str | None, *, words: bool) -> Loaded:
    """The whole value, or what lies at the keys of `selector`."""

    def read_from(text: str, flows: Flows | None) -> Loaded:
        return array_in(parsed(text, raw.origin, flows=flows), selector, raw.origin, words)

    return read_with_lists(raw.text(), GRAMMAR, read_from)


def read_case(raw: Raw, numbers: Container[str] = ()) -> dict[str, Any]:
    """The mapping of inputs and parameters by name."""

    def read_from(text: str, flows: Flows | None) -> dict[str, Any]:
        return mapping(parsed(text, raw.origin, flows=flows), raw.origin)

    return read_with_lists(raw.text(), GRAMMAR, read_from)


def _allows(tokens: Tokens) -> bool:
    """Whether decimals are JSON's. -0, which is the integer 0 in it, is left to its parser."""
    zero = tokens.head == ord("0")
    return not (
        tokens.plus
        | (tokens.before < 1)
        | (tokens.dotted & (tokens.behind < 1))
        | (zero & (tokens.before > 1))
        | (zero & tokens.minus & tokens.integer)
    ).any()


GRAMMAR = Grammar(_allows, quote='"')


def parsed(text: str, origin: str, line: int = 1, flows: Flows | None = None) -> Any:
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
        value = json.loads(text, object_pairs_hook=unique)
        return value if flows is None else _with_lists(value, flows)
    except json.JSONDecodeError as error:
        where = f"line {line + error.lineno - 1}, column {error.colno}"
        what = error.msg[:1].lower() + error.msg[1:]
        raise SourceError(f"{origin}, {where}: not JSON ({what}).") from None
    except ValueError:  # more digits than Python turns into an integer
        raise SourceError(f"{origin}: an integer has thousands of digits.") from None


def _with_lists(value: Any, flows: Flows) -> Any:
    """A value with the lists in it that were taken out of its text."""
    if isinstance(value, dict):
        return {key: _with_lists(item, flows) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_lists(item, flows) for item in value]
    found = flows.put_back(value) if isinstance(value, str) else None
    return value if found is None else found
