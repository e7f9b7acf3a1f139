"""What a number is in a text: one grammar for the command line, CSV, JSON and YAML."""

from __future__ import annotations

import json
import math
import re

Number = int | float | complex

_DIGITS = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_REAL = rf"(?:{_DIGITS}|[nN][aA][nN]|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)"
_IMAGINARY = rf"(?:[+-]?{_REAL}(?=[+-]))?[+-]?{_REAL}[jJ]"
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_FLOAT = re.compile(rf"[+-]?{_REAL}", re.ASCII)
_COMPLEX = rf"{_IMAGINARY}|\({_IMAGINARY}\)"  # compiled when there may be one
_START = re.compile(rf"\s*(?:\[|\(?[+-]?\.?\d|[+-]?{_REAL}\s*(?:,|$))", re.ASCII)

# What people write where a number is missing.
_MISSING = {"n/a", "na", "#n/a", "null", "none", "nil", "missing", "?", "-", "--", ".", "<na>"}


def number(text: str) -> Number | None:
    """The number that `text` is, blanks around it allowed; None when it is not one.

    Stricter than `float`: no underscores, no digits of other scripts.
    """
    text = text.strip()
    if _INTEGER.fullmatch(text):
        try:
            return int(text) or (-0.0 if text[0] == "-" else 0)  # C prints -0.0 as -0
        except ValueError:  # longer than Python turns into an integer
            return float(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if re.fullmatch(_COMPLEX, text, re.ASCII):
        return complex(text)
    return None


def number_in_quotes(text: str) -> Number | None:
    """The number in a quoted text, for those that JSON has no number for: "NaN", "1+2j"."""
    found = number(text)
    if isinstance(found, float) and math.isfinite(found):
        return None
    return None if isinstance(found, int) else found


def starts_like_numbers(text: str) -> bool:
    """Whether `text` is meant as numbers in place rather than as the name of a file."""
    return bool(_START.match(text)) or (
        "," in text and any(number(item) is not None for item in text.split(","))
    )


def is_missing_marker(text: str) -> bool:
    """Whether `text` stands for a missing value, as "n/a" does."""
    return text.strip().lower() in _MISSING


def quoted(text: str, longest: int = 40) -> str:
    """`text` in quotation marks, on one line and not too long."""
    shown = text if len(text) <= longest else text[: longest - 3] + "..."
    return json.dumps(shown, ensure_ascii=not shown.isprintable())
