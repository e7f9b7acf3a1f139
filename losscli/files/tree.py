"""What JSON and YAML share: a value of mappings and lists, of which a part is made an array."""

from __future__ import annotations

from typing import Any

from losscli.errors import SourceError
from losscli.files.grammar import quoted
from losscli.files.keys import listed, pick
from losscli.files.loaded import Loaded, described
from losscli.files.nested import indices, nested_array


def array_in(value: Any, selector: str | None, origin: str, words: bool) -> Loaded:
    """The array at `selector`, or the whole value."""
    part = value if selector is None else pick(value, selector, origin)
    name = origin if selector is None else f"{origin}#{selector}"
    if isinstance(part, dict):
        raise SourceError(
            f"{name} holds a mapping of {listed(list(part)) or 'nothing'}; {_advice(part, name)}."
        )

    def where(at: tuple[int, ...]) -> str:
        return f"{origin}: {(selector or '') + indices(at) or 'the value'}"

    array = nested_array(part, where, words)
    return Loaded(array, name, inferred=described(array, name))


def mapping(value: Any, origin: str) -> dict[str, Any]:
    """A case: a mapping by name, dashes in names made underscores."""
    if not isinstance(value, dict):
        raise SourceError(f"{origin} is not a mapping of inputs and parameters by name.")
    values: dict[str, Any] = {}
    for key, item in value.items():
        name = key.replace("-", "_")
        if name in values:
            raise SourceError(
                f"{origin} has {quoted(name)} twice, with a dash and with an underscore."
            )
        values[name] = item
    return values


def _advice(part: dict[str, Any], name: str) -> str:
    if not part:
        return "expected numbers"
    return f"pick one, as in {name}{'.' if '#' in name else '#'}{next(iter(part))}"
