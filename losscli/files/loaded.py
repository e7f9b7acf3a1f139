"""What reading a source gives."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from losscli.errors import SourceError
from losscli.stored import Stored


class Part(NamedTuple):
    """Where in a file an array stands, for whoever wants to read it again."""

    path: str = ""
    form: str = ""  # csv, tsv, npy, npz, ...
    columns: tuple[int, ...] = ()  # of a table
    skip: int = 0  # lines above its numbers
    words: bool = False  # whether it holds words
    key: str = ""  # of an archive


class Loaded(NamedTuple):
    """An array, and where it came from.

    Text sources give int64 where every number is an integer literal, else float64, complex128 where
    one is complex, and strings where words were allowed and found. NPY and NPZ give what they hold.
    """

    array: Any  # numbers or words; a large one is a Stored, which stays in its file
    origin: str  # "pred.csv", "in place", "standard input", "run.npz#logits"
    columns: tuple[str, ...] = ()  # the names of the columns read, where the source has a header
    inferred: str = ""  # one line on what was inferred, for stderr
    part: Part | None = None  # None where it is from no file, several, or one of another kind
    files: int = 1  # how many files it was joined from, along the first axis


def single(value: Any, name: str, expected: str = "one value") -> Any:
    """What is no tensor, as a plain value, whatever kind of file it is from."""
    if not isinstance(value, Loaded):
        return value
    if value.array.size != 1:
        raise SourceError(
            f"{value.origin}: {name} holds {value.array.size} values; expected {expected}."
        )
    return value.array.item()


def described(array: NDArray[Any] | Stored, origin: str) -> str:
    """One line on an array's shape and kind."""
    kinds = {
        "i": "integers",
        "u": "integers",
        "f": "numbers",
        "c": "complex numbers",
        "b": "booleans",
    }
    kind = kinds.get(array.dtype.kind, "words")
    if array.dtype not in (np.int64, np.float64, np.complex128) and array.dtype.kind in "iufc":
        kind += f" ({array.dtype.name})"
    shape = " x ".join(map(str, array.shape)) if array.ndim else "a single value,"
    return f"{origin}: {shape} {kind}"
