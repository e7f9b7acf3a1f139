"""Part of a JSON or YAML value, picked by keys with dots between: `eval.logits`, `runs.0.loss`."""

from __future__ import annotations

from typing import Any

from losscli.errors import SourceError
from losscli.files.grammar import quoted

_NOTHING = object()


def pick(value: Any, selector: str, origin: str) -> Any:
    """What lies at `selector`; a key that itself has dots in it is found as well."""
    found = _find(value, selector.split("."))
    if found is not _NOTHING:
        return found
    parts = selector.split(".")
    good = max(i for i in range(len(parts)) if i == 0 or _find(value, parts[:i]) is not _NOTHING)
    inner = _find(value, parts[:good]) if good else value
    where = f"{origin}#{'.'.join(parts[:good])}" if good else origin
    raise SourceError(f"{where} has no {quoted(parts[good])}; {_contents(inner, parts[good])}.")


def name_keys(value: dict[str, Any], most: int = 12) -> str:
    """The keys of a mapping, for a sentence."""
    return listed(list(value), most)


def listed(names: list[str], most: int = 12) -> str:
    """Names with commas between them, not too many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def near(name: str, names: list[str]) -> str:
    """`did you mean "a"?` or nothing."""
    import difflib

    close = difflib.get_close_matches(name, names[:10_000], n=1)
    return f"did you mean {quoted(close[0])}?" if close else ""


def _find(value: Any, parts: list[str]) -> Any:
    """What lies at the parts of a selector, or _NOTHING."""
    if not parts:
        return value
    if isinstance(value, list) and parts[0].isascii() and parts[0].isdigit():
        index = int(parts[0][:9])
        return _find(value[index], parts[1:]) if index < len(value) else _NOTHING
    if isinstance(value, dict):
        for end in range(1, len(parts) + 1):
            key = ".".join(parts[:end])
            if key in value:
                found = _find(value[key], parts[end:])
                if found is not _NOTHING:
                    return found
    return _NOTHING


def _contents(value: Any, wanted: str) -> str:
    if isinstance(value, dict):
        close = near(wanted, list(value))
        return f"it has {name_keys(value) or 'no keys'}" + (
            f"; {close.rstrip('?')}" if close else ""
        )
    if isinstance(value, list):
        return f"it is a list of {len(value)}, whose items are 0 to {len(value) - 1}"
    return "it is a single value"
