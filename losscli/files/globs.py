"""Many files as one array: `shards/logits-*.npy`, joined along the first axis.

They are read in the order of their names, in which numbers count by their value: `part-2` stands before
`part-10`, as it does where all are written with as many digits.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from losscli import stored
from losscli.errors import MissingSource, SourceError
from losscli.files.grammar import quoted
from losscli.files.keys import listed
from losscli.files.loaded import Loaded, described
from losscli.stored import Piece, Scratch, Stored, Unnamed


def matching(name: str, base: Path | None, label: str) -> list[str]:
    """The files that a glob matches, in their order; MissingSource where there is none."""
    try:
        found = glob.glob(name, root_dir=base, recursive=True)
    except ValueError:  # a name that no file can have
        found = []
    files = [one for one in found if not os.path.isdir((base or Path()) / one)]
    if not files:
        raise MissingSource(f"{label}: no file matches {quoted(name, 200)}.{_hint(name, base)}")
    return sorted(files, key=_by_value)


def joined(parts: Iterable[Loaded], source: str, names: Sequence[str]) -> Loaded:
    """What is read from each of several files, as one; SourceError where two do not fit together."""
    scratch: Scratch | None = None
    held = 0
    kept: list[Loaded] = []
    for part in parts:
        _refuse_other(kept[0] if kept else part, part, source)
        array = part.array
        if not isinstance(array, Stored) and array.dtype.kind != "U":
            held += array.nbytes
            array = np.ascontiguousarray(array)
            if held > stored.LARGE:
                scratch = scratch or Scratch()
                array = scratch.keep(array, part.origin)
        elif _is_in_scratch(array):
            # one file for all of them: a process may have only so many open
            scratch = scratch or Scratch()
            array = scratch.keep(array, part.origin)
        kept.append(part._replace(array=array))
    arrays = [part.array for part in kept]
    words = arrays[0].dtype.kind == "U"
    array = np.concatenate(arrays) if words else Stored([*_pieces(arrays)], _kind(arrays))
    inferred = f"{described(array, source)} in {len(arrays)} files, {_order(names)}"
    return Loaded(array, source, kept[0].columns, inferred, files=len(arrays))


def _is_in_scratch(array: Any) -> bool:
    pieces = array.pieces if isinstance(array, Stored) else ()
    return any(isinstance(piece, Piece) and isinstance(piece.file, Unnamed) for piece in pieces)


def _by_value(name: str) -> tuple[list[str | int], str]:
    """What to sort names by: texts and numbers in turn; 02 stands beside 2."""
    texts = re.split(r"([0-9]+)", name)
    return [int(text) if i % 2 else text for i, text in enumerate(texts)], name


def _order(names: Sequence[str]) -> str:
    """From which to which, and how they are sorted where that may surprise."""
    text = f"{names[0]} to {names[-1]}"
    if list(names) == sorted(names):
        return text
    first = next(
        i for i, pair in enumerate(zip(names, names[1:], strict=False)) if pair[0] > pair[1]
    )
    return f"{text}, by the numbers in their names ({names[first]} before {names[first + 1]})"


def _refuse_other(first: Loaded, part: Loaded, source: str) -> None:
    """SourceError unless two arrays can be joined along the first axis."""

    def problem(one: object, other: object) -> SourceError:
        return SourceError(
            f"{source}: {first.origin} has {one}, but {part.origin} has {other}; "
            "files that are read as one must fit together."
        )

    if not part.array.ndim:
        raise SourceError(
            f"{source}: {part.origin} holds a single number without an axis; "
            "files are joined along the first axis of each."
        )
    if first.columns != part.columns:
        raise problem(_columns(first), _columns(part))
    if first.array.shape[1:] != part.array.shape[1:]:
        raise problem(f"shape {first.array.shape}", part.array.shape)
    kinds = [
        {"U": "words", "b": "booleans"}.get(p.array.dtype.kind, "numbers") for p in (first, part)
    ]
    if kinds[0] != kinds[1]:
        raise problem(*kinds)


def _columns(part: Loaded) -> str:
    return f"the columns {listed([*part.columns])}" if part.columns else "no header"


def _kind(arrays: Sequence[Any]) -> np.dtype[Any]:
    """The type that holds all of them; an empty array, which has no numbers, says nothing."""
    kinds = [array.dtype for array in arrays if len(array)] or [arrays[0].dtype]
    return np.result_type(*kinds)


def _pieces(arrays: Sequence[Any]) -> Iterator[Piece | NDArray[Any]]:
    for array in arrays:
        yield from array.pieces if isinstance(array, Stored) else [array]


def _hint(name: str, base: Path | None) -> str:
    """What is there instead."""
    folder = os.path.dirname(name)
    if glob.has_magic(folder):
        return ""
    try:
        there = sorted(os.listdir((base or Path()) / folder))
    except (OSError, ValueError):
        return f" There is no folder {quoted(folder)}."
    where = folder or "This folder"
    return f" {where} holds {listed(there, 4)}." if there else f" {where} is empty."
