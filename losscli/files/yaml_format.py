"""YAML: as JSON, with a grammar for plain texts in which nothing is read by surprise.

The values are built here from PyYAML's events rather than by one of its loaders, because those make
`1e-5` a text, `1:30` the number 90, `010` the number 8 and `no` false, keep the last of two equal
keys, expand aliases without end, and (the C loader) crash on deep nesting.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import Any

from losscli.errors import SourceError
from losscli.files.decimals import Tokens
from losscli.files.flows import Flows, Grammar, read_with_lists
from losscli.files.grammar import quoted
from losscli.files.loaded import Loaded
from losscli.files.raw import Raw
from losscli.files.tree import array_in, mapping

_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d*)", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"([+-]?)\.?(nan|inf|infinity)", re.IGNORECASE)
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_TAG = "tag:yaml.org,2002:"
_DEEPEST = 100
_EXPANDED = 1_000_000  # values that aliases may make of a small file


def read(raw: Raw, selector: str | None, *, words: bool) -> Loaded:
    """The whole value, or what lies at the keys of `selector`."""

    def read_from(text: str, flows: Flows | None) -> Loaded:
        return array_in(parsed(text, raw.origin, flows), selector, raw.origin, words)

    return read_with_lists(raw.text(), GRAMMAR, read_from)


def read_case(raw: Raw, numbers: Container[str] = ()) -> dict[str, Any]:
    """The mapping of inputs and parameters by name."""

    def read_from(text: str, flows: Flows | None) -> dict[str, Any]:
        return mapping(parsed(text, raw.origin, flows), raw.origin)

    return read_with_lists(raw.text(), GRAMMAR, read_from)


def _allows(tokens: Tokens) -> bool:
    """Whether decimals are numbers here. -0, which is the integer 0, is left to `plain`."""
    zero = tokens.integer & (tokens.head == ord("0"))
    return not (zero & ((tokens.before > 1) | tokens.minus)).any()


GRAMMAR = Grammar(_allows, dashes=True)


def parsed(text: str, origin: str, flows: Flows | None = None) -> Any:
    """The value of a YAML text."""
    import yaml

    if not text.strip():
        raise SourceError(f"{origin} is empty.")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(yaml.parse(text, Loader=loader), origin, flows).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = error.problem or error.context or "cannot be read"
        raise SourceError(f"{origin}{where}: not YAML ({what}).") from None
    except yaml.YAMLError as error:
        raise SourceError(f"{origin}: not YAML ({' '.join(str(error).split())}).") from None


class _Builder:
    """Builds a value from PyYAML's events, and keeps count of it."""

    def __init__(self, events: Iterator[Any], origin: str, flows: Flows | None) -> None:
        self.events = events
        self.origin = origin
        self.flows = flows
        self.within_brackets = [False]  # of the collections that are open, the innermost last
        self.anchors: dict[str, tuple[Any, int]] = {}  # value, how many values it holds
        self.written = 0

    def document(self) -> Any:
        """The value of the only document."""
        next(self.events)  # the stream begins
        if type(next(self.events)).__name__ == "StreamEndEvent":
            raise SourceError(f"{self.origin} is empty.")
        value, _ = self.value(next(self.events), 0)
        next(self.events)  # the document ends
        event = next(self.events)
        if type(event).__name__ != "StreamEndEvent":
            raise self.error(event, "a second document begins; expected one")
        return value

    def value(self, event: Any, depth: int) -> tuple[Any, int]:
        """The value that `event` begins, and how many values are in it with aliases written out."""
        kind = type(event).__name__
        if kind == "AliasEvent":
            if self.flows is not None:  # lists that were taken out are not counted
                raise self.error(event, "an alias")
            if event.anchor not in self.anchors:
                raise self.error(
                    event, f"there is no anchor &{event.anchor} before *{event.anchor}"
                )
            return self.anchors[event.anchor]
        if depth > _DEEPEST:
            raise self.error(event, f"nested more than {_DEEPEST} deep")
        self.written += 1
        if kind == "ScalarEvent":
            built = self.taken_out(event) or (self.scalar(event), 1)
        else:
            self.within_brackets.append(event.flow_style)
            is_list = kind == "SequenceStartEvent"
            built = self.sequence(event, depth) if is_list else self.mapping(event, depth)
            self.within_brackets.pop()
        if built[1] > _EXPANDED and built[1] > 10 * self.written:
            raise self.error(event, f"its aliases expand to more than {_EXPANDED:,} values")
        if event.anchor:
            self.anchors[event.anchor] = built
        return built

    def sequence(self, start: Any, depth: int) -> tuple[list[Any], int]:
        """A list."""
        self.refuse_tag(start, "seq")
        items, size = [], 1
        for event in self.until("SequenceEndEvent"):
            item, inside = self.value(event, depth + 1)
            items.append(item)
            size += inside
        return items, size

    def mapping(self, start: Any, depth: int) -> tuple[dict[str, Any], int]:
        """A mapping. Keys are the texts that are written."""
        self.refuse_tag(start, "map")
        found: dict[str, Any] = {}
        size = 1
        for event in self.until("MappingEndEvent"):
            if type(event).__name__ != "ScalarEvent":
                raise self.error(event, "a key must be a plain name")
            if event.value in found:
                raise self.error(
                    event, f"the key {quoted(event.value)} stands twice in one mapping"
                )
            item, inside = self.value(next(self.events), depth + 1)
            found[event.value] = item
            size += inside
        return found, size

    def until(self, end: str) -> Iterator[Any]:
        """Events up to the one that ends a collection."""
        while type(event := next(self.events)).__name__ != end:
            yield event

    def taken_out(self, event: Any) -> tuple[Any, int] | None:
        """The list in whose place a plain text stands alone."""
        if self.flows is None or event.tag or event.anchor or not event.implicit[0]:
            return None
        found = self.flows.put_back(event.value, within_brackets=self.within_brackets[-1])
        return None if found is None else (found, 1)

    def scalar(self, event: Any) -> Any:
        """A text; or, if it is plain, what it says."""
        tag = (event.tag or "").removeprefix(_TAG)
        if tag in ("str", "!") or (not tag and not event.implicit[0]):
            return event.value
        value = plain(event.value)
        if not tag:
            return value
        kinds: dict[str, Any] = {
            "int": int,
            "float": (int, float),
            "bool": bool,
            "null": type(None),
        }
        if tag not in kinds:
            raise self.tag_error(event)
        if not isinstance(value, kinds[tag]) or (isinstance(value, bool) and tag != "bool"):
            raise self.error(event, f"{quoted(event.value)} is not of the kind {quoted(tag)}")
        return float(value) if tag == "float" else value

    def refuse_tag(self, event: Any, allowed: str) -> None:
        """SourceError on a tag that would make something else of a list or mapping."""
        if event.tag not in (None, "!", _TAG + allowed):
            raise self.tag_error(event)

    def tag_error(self, event: Any) -> SourceError:
        """A tag other than those of JSON's kinds."""
        return self.error(event, f"the tag {event.tag.replace(_TAG, '!!')} is not allowed")

    def error(self, event: Any, what: str) -> SourceError:
        """An error at an event."""
        mark = event.start_mark
        return SourceError(
            f"{self.origin}, line {mark.line + 1}, column {mark.column + 1}: {what}."
        )


def plain(text: str) -> Any:
    """What a plain text says: null, true, false, a number, else itself."""
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) < 1000 else float(text)
    if text in _CONSTANTS or text in ("Null", "NULL", "True", "TRUE", "False", "FALSE"):
        return _CONSTANTS[text.lower()]
    if special := _NOT_FINITE.fullmatch(text):
        return float(special[1] + special[2])
    return text
