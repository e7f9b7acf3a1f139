"""Numbers typed as text, where a word in their place gets one sentence."""

from __future__ import annotations

from typing import Any

from losscli.errors import UsageError, brief


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
        raise UsageError(f"{flag} is {brief(text)}; expected a number.")
    try:
        return float(found)
    except OverflowError:
        raise UsageError(f"{flag} is {brief(text)}; a float64 holds no number so large.") from None


def positive(flag: str, text: str | None, default: int | None = None) -> int | None:
    """The positive whole number given to the option `flag`."""
    if text is None:
        return default
    if is_huge(text):
        raise UsageError(f"{flag} is {brief(text)}; expected a whole number below a billion.")
    if not text.strip().isdecimal() or int(text) == 0:
        raise UsageError(f"{flag} is {brief(text)}; expected a whole number, at least 1.")
    return int(text)


def is_huge(text: str, digits: int = 9) -> bool:
    """Whether `text` is a whole number of more than so many digits."""
    return text.strip().isdecimal() and len(text.strip().lstrip("0")) > digits


def _number(text: str) -> int | float | complex | None:
    """What the one grammar for numbers makes of `text`; a help page never gets here."""
    from losscli.files.grammar import number

    return number(text)
