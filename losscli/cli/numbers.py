"""Numbers typed as text, where a word in their place gets one sentence."""

from __future__ import annotations

from typing import Any

from losscli.errors import UsageError


def from_text(text: Any, kind: type) -> Any:
    """`text` as an int or a float if it reads as one; else as it is, for the option to judge."""
    if not isinstance(text, str) or kind is str:
        return text
    found = _number(text)
    return text if found is None else found


def real(flag: str, text: str) -> float:
    """The number given to the option `flag`."""
    found = _number(text)
    if found is None or isinstance(found, complex):
        raise UsageError(f"{flag} is {text!r}; expected a number.")
    return float(found)


def positive(flag: str, text: str | None, default: int | None = None) -> int | None:
    """The positive whole number given to the option `flag`."""
    if text is None:
        return default
    if not text.strip().isdecimal() or int(text) == 0:
        raise UsageError(f"{flag} is {text!r}; expected a whole number, at least 1.")
    return int(text)


def _number(text: str) -> int | float | complex | None:
    """What the one grammar for numbers makes of `text`; a help page never gets here."""
    from losscli.files.grammar import number

    return number(text)
