"""CSV and TSV: columns of numbers, or of words that are class labels."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

from numpy.typing import NDArray

from losscli.errors import SourceError
from losscli.files.columns import pick_columns
from losscli.files.keys import listed
from losscli.files.loaded import Loaded, Part
from losscli.files.raw import Raw
from losscli.files.table import Table, Wanted
from losscli.stored import Stored

_ONE_OF_SEVERAL = re.compile(r"(.+)_(\d+)", re.ASCII)


def read(raw: Raw, selector: str | None, *, words: bool, separator: str = ",") -> Loaded:
    """The columns that `selector` picks, or all: 1-D for a single column, else 2-D."""
    table = Table(raw, separator, words)
    picked = list(range(table.width))
    if selector is not None:
        picked = pick_columns(selector, table.names, table.width, table.origin)
    [array] = table.columns(Wanted(picked, words=words))
    names = tuple(table.names[i] for i in picked) if table.names else ()
    origin = raw.origin if selector is None else f"{raw.origin}#{selector}"
    part = _part(table, picked, array)
    return Loaded(array, origin, names, _inferred(table, len(picked), names, len(array)), part)


def texts(raw: Raw, column: str, *, separator: str = ",") -> list[str]:
    """One column, as it is written."""
    table = Table(raw, separator, words=False)
    picked = pick_columns(column, table.names, table.width, table.origin)
    if len(picked) > 1:
        raise SourceError(f"{table.origin}: {column} is {len(picked)} columns; expected one.")
    return table.texts(picked)


def read_case(raw: Raw, numbers: Container[str], *, separator: str = ",") -> dict[str, Any]:
    """The inputs that the header names; several columns of one input are `input_0,input_1,...`.

    Those in `numbers` may not be words.
    """
    table = Table(raw, separator, words=False)
    if table.names is None:
        raise SourceError(
            f"{table.origin} has no header; as a case it needs one that names the inputs, "
            f"as in input,target."
        )
    inputs = _inputs(table.names, table.origin)
    wanted = [
        Wanted(
            picked,
            words=len(picked) == 1 and name not in numbers,
            flat=table.names[picked[0]] == name,
        )
        for name, picked in inputs.items()
    ]  # input_0 alone is a table of one column
    values = {}
    for (name, picked), array in zip(inputs.items(), table.columns(*wanted), strict=True):
        names = tuple(table.names[i] for i in picked)
        inferred = _inferred(table, len(picked), names, len(array))
        part = _part(table, picked, array)
        values[name] = Loaded(array, f"{table.origin}#{name}", names, inferred, part)
    return values


def _inputs(names: tuple[str, ...], origin: str) -> dict[str, list[int]]:
    """For each input its columns, in numeric order."""
    inputs: dict[str, dict[int, int]] = {}
    for column, name in enumerate(names):
        several = _ONE_OF_SEVERAL.fullmatch(name)
        key, place = (several[1], int(several[2][:9])) if several else (name, -1)
        places = inputs.setdefault(key.replace("-", "_"), {})
        if place in places or (places and (place < 0 or -1 in places)):
            raise SourceError(
                f'{origin}: column "{name}" stands for an input that is there already.'
            )
        places[place] = column
    for key, places in inputs.items():
        present = sorted(places)
        missing = set(range(present[0], present[-1] + 1)) - set(places)
        if missing:
            raise SourceError(
                f'{origin} has no column "{key}_{min(missing)}" among those of {key}.'
            )
    return {key: [places[place] for place in sorted(places)] for key, places in inputs.items()}


def _part(table: Table, picked: list[int], array: NDArray[Any] | Stored) -> Part:
    return Part(columns=tuple(picked), skip=table.skip, words=array.dtype.kind == "U")


def _inferred(table: Table, width: int, names: tuple[str, ...], rows: int) -> str:
    columns = f"{width} column{'s' * (width != 1)}"
    if names:
        columns += f" ({listed(list(names), 6)})"
    header = f"header on line {table.first_line}" if table.names else "no header"
    return f"{table.origin}: {columns}, {rows} row{'s' * (rows != 1)}, {header}"
