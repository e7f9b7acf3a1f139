"""A case: one file that holds every input and parameter of a loss by name."""

from __future__ import annotations

import re
from collections.abc import Container
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from losscli.errors import SourceError
from losscli.files.grammar import number_in_quotes, quoted
from losscli.files.loaded import Loaded, single
from losscli.files.raw import Raw, sentences
from losscli.files.source import format_of, open_source, placed


class Case(NamedTuple):
    """The values of a case.

    From CSV and NPZ they are `Loaded`; from YAML, JSON and JSONL what is written there: lists,
    numbers, texts, of which a text may be a source relative to `base`.
    """

    values: dict[str, Any]
    loss: str | None  # the loss that the case is for, if it says so
    expect: float | None  # the value that it should have, if it says so
    base: Path  # the folder of the case
    origin: str


def read_case(
    path: str,
    *,
    form: str | None = None,
    numbers: Container[str] = (),
    stdin: BinaryIO | None = None,
) -> Case:
    """The case in a file or on standard input ("-"), in the format `form` if it cannot be told.

    `numbers` are the inputs that hold no words, which CSV and NPZ have to know as they are read.
    """
    raw, told = open_source(path, label="case", form=form, base=None, stdin=stdin)
    if form is None and told == "csv" and path == "-" and _looks_like_yaml(raw):
        told = "yaml"
    with sentences(raw.origin):
        values: dict[str, Any] = format_of(told).read_case(raw, numbers)
    for name, value in values.items() if path != "-" else ():
        if isinstance(value, Loaded):
            values[name] = placed(value, path, told)
    loss = single(values.pop("loss", None), "loss", "the name of a loss")
    expect = single(values.pop("expect", None), "expect", "one number")
    if not (loss is None or isinstance(loss, str)):
        raise SourceError(f"{raw.origin}: loss is {_shown(loss)}; expected the name of a loss.")
    return Case(values, loss, _number(expect, raw.origin), Path(path).parent, raw.origin)


def _number(expect: Any, origin: str) -> float | None:
    if expect is None:
        return None
    found = number_in_quotes(expect) if isinstance(expect, str) else expect
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise SourceError(f"{origin}: expect is {_shown(expect)}; expected a number.")
    try:
        return float(found)
    except OverflowError:
        raise SourceError(f"{origin}: expect is an integer too large for a float64.") from None


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, (int, float, complex)):
        return str(value)
    return "a list" if hasattr(value, "dtype") else f"a {type(value).__name__}"


def _looks_like_yaml(raw: Raw) -> bool:
    """Whether the first line that says something is `name:` rather than a header."""
    with raw.lines() as lines:
        said = (line for line in lines if line.strip() and not line.startswith("#"))
        return re.match(r"---|[\w-]+\s*:(\s|$)", next(said, "")) is not None
