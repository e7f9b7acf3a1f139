"""Numbers, or words, typed in place: `0.5`, `0.6,0.2,0.2`, `[[1, 2], [3, 4]]`, `cat,dog`."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from losscli.errors import SourceError
from losscli.files.grammar import number, number_in_quotes, quoted
from losscli.files.loaded import Loaded
from losscli.files.nested import DEEPEST, indices, nested_array

_TOKEN = re.compile(r"""\s*("[^"]*"|'[^']*'|[\[\],]|[^\[\],]+)""")


def read(text: str, *, label: str, words: bool) -> Loaded:
    """The numbers that `text` spells out."""
    tokens = _TOKEN.findall(text.strip())
    value: Any
    if "[" in tokens:
        value = _nested(tokens, label, words)
    elif "," in text:
        items = enumerate(text.split(","), start=1)
        value = [_item(item, label, str(place), words) for place, item in items]
    else:
        value = _item(text, label, "", words)
    array = nested_array(value, lambda at: f"{label}: {_name(at, '[' in tokens)}", words)
    return Loaded(array, "in place")


def read_words(text: str) -> Loaded:
    """Words with commas between them, one word for a single target."""
    items = [item.strip() for item in text.split(",")]
    return Loaded(np.array(items if len(items) > 1 else items[0], dtype=np.str_), "in place")


def _name(at: tuple[int, ...], brackets: bool) -> str:
    """What to call an item: by its indices inside brackets, else by its place counted from 1."""
    if not at:
        return "the list" if brackets else "the value"
    return f"item {indices(at)}" if brackets else f"item {at[0] + 1}"


def _item(text: str, label: str, place: str, words: bool) -> Any:
    """A number; or a word, where words are allowed."""
    text = text.strip()
    found = number(text)
    if found is not None:
        return found
    if text[:1] in ("'", '"') and text[:1] == text[-1:] and len(text) > 1:
        text = text[1:-1]
        found = number_in_quotes(text)
        if found is not None:
            return found
    if not text:
        raise SourceError(f"{label}: item {place} is empty; expected a number.")
    if words:
        return text
    who = f"item {place}, {quoted(text)}," if place else quoted(text)
    raise SourceError(f"{label}: {who} is not a number.{_hint(text)}")


def _hint(text: str) -> str:
    parts = text.split()
    between = len(parts) > 1 and all(number(part) is not None for part in parts)
    return " Numbers stand with commas between them." if between else ""


def _nested(tokens: list[str], label: str, words: bool) -> Any:
    """Lists in brackets. A comma may stand behind the last item, as in Python."""
    outermost: list[Any] = []
    open_lists = [outermost]
    item_expected = True
    for token in tokens:
        here = open_lists[-1]
        if token == "[" and item_expected:
            here.append([])
            open_lists.append(here[-1])
            if len(open_lists) > DEEPEST + 1:
                raise SourceError(f"{label} nests lists more than {DEEPEST} deep.")
        elif token == "]" and len(open_lists) > 1:
            open_lists.pop()
            item_expected = False
        elif token == "," and not item_expected and len(open_lists) > 1:
            item_expected = True
        elif token not in ("[", "]", ",") and item_expected:
            at = indices([len(level) - 1 for level in open_lists[1:-1]] + [len(here)])
            here.append(_item(token, label, at, words))
            item_expected = False
        else:
            raise SourceError(f"{label}: {_misplaced(token, len(open_lists) > 1)}.")
    if len(open_lists) > 1:
        missing = len(open_lists) - 1
        raise SourceError(f"{label}: {missing} closing bracket{'s' * (missing > 1)} ] missing.")
    return outermost[0]


def _misplaced(token: str, inside: bool) -> str:
    if not inside:
        return f"{quoted(token)} stands outside the brackets"
    if token == ",":
        return "an item is missing before a comma"
    return f"a comma is missing before {quoted(token)}"
