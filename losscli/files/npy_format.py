"""NPY: one array of NumPy's, mapped rather than read where it lies on disk."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from losscli.errors import LosscliError, SourceError
from losscli.files.loaded import Loaded, Part, described
from losscli.files.raw import Raw, reason

MAGIC = b"\x93NUMPY"


def read(raw: Raw, selector: str | None, *, words: bool) -> Loaded:
    """The array."""
    if selector is not None:
        raise SourceError(f'{raw.origin} holds a single array, of which "#{selector}" is no part.')
    with raw.open() as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            raise SourceError(f"{raw.origin} is not an NPY file.")
    with numpy_reading(raw.origin):
        if raw.path is not None:
            array = np.load(raw.path, mmap_mode="r", allow_pickle=False)
        else:
            with raw.open() as stream:
                array = np.lib.format.read_array(stream, allow_pickle=False)
    array = checked(np.asarray(array), raw.origin, words)
    return Loaded(array, raw.origin, (), described(array, raw.origin), Part())


def read_case(raw: Raw) -> dict[str, Any]:
    """An NPY file cannot be a case."""
    raise SourceError(f"{raw.origin} holds a single array; a case holds inputs by name.")


def checked(array: NDArray[Any], origin: str, words: bool) -> NDArray[Any]:
    """`array` if it holds numbers or booleans, or words where they are allowed."""
    if array.dtype.kind in "biufc" or (array.dtype.kind == "U" and words):
        return array
    if array.dtype.kind == "U":
        raise SourceError(f"{origin} holds texts; expected numbers.")
    raise SourceError(f"{origin} holds values of type {array.dtype}; expected numbers.")


@contextmanager
def numpy_reading(origin: str) -> Iterator[None]:
    """Turns what NumPy says about a file that it cannot read into a sentence about it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a header written by Python 2
            yield
    except (LosscliError, OSError, EOFError, MemoryError):
        raise
    except Exception as error:  # a damaged header raises whatever its parser stumbles over
        what = reason(error)
        if "Object arrays" in str(error) or "Python objects" in str(error):
            raise SourceError(
                f"{origin} holds pickled Python objects, which are not read; expected numbers."
            ) from None
        raise SourceError(f"{origin} is damaged or cut short: {what}.") from None
