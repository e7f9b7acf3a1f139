"""NPY: one array of NumPy's, which stays in its file where it is large."""

from __future__ import annotations

import math
import warnings
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from losscli import stored
from losscli.errors import LosscliError, SourceError
from losscli.files.loaded import Loaded, Part, described
from losscli.files.nested import DEEPEST
from losscli.files.raw import Raw, reason
from losscli.stored import Piece, Scratch, Stored

MAGIC = b"\x93NUMPY"


def read(raw: Raw, selector: str | None, *, words: bool, large: int | None = None) -> Loaded:
    """The array; one of so many bytes or more stays in its file."""
    if selector is not None:
        raise SourceError(f'{raw.origin} holds a single array, of which "#{selector}" is no part.')
    with raw.open() as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            raise SourceError(f"{raw.origin} is not an NPY file.")
    with numpy_reading(raw.origin), raw.open() as stream:
        array = array_in(stream, raw.path, 0, raw.origin, large)
    array = checked(array, raw.origin, words)
    return Loaded(array, raw.origin, (), described(array, raw.origin), Part())


def read_shard(raw: Raw, selector: str | None, *, words: bool) -> Loaded:
    """The array, in its file however small it is: there may be thousands."""
    return read(raw, selector, words=words, large=None if raw.path is None else 1)


def array_in(
    stream: BinaryIO,
    path: Path | None,
    start: int,
    origin: str,
    large: int | None = None,
    length: int | None = None,
) -> Any:
    """The array in NPY format that a stream holds; it stays in the file `path` where it is large.

    There it begins at `start`. Without a path a large one goes to a scratch file. Where the stream's
    `length` is known, the array must be all of it.
    """
    shape, fortran, dtype = _header(stream)
    if len(shape) > DEEPEST:  # NumPy itself broadcasts no more
        raise SourceError(f"{origin} has {len(shape)} axes; expected at most {DEEPEST}.")
    size = math.prod(shape) * dtype.itemsize
    if length is not None and length - stream.tell() != size and not dtype.hasobject:
        raise _other_size(origin, length - stream.tell(), size)
    large = stored.LARGE if large is None else large
    if size < large or not shape or dtype.kind not in "iufc":
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)
    offset = stream.tell()
    if fortran and len(shape) > 1 and path is not None:
        return np.asarray(np.memmap(path, dtype, "r", start + offset, shape, "F"))
    if path is not None:
        there = path.stat().st_size - start - offset
        if there < size:
            raise _other_size(origin, there, size)
        return Stored([Piece(path, start + offset, shape, dtype, origin)])
    scratch, left = Scratch(), size
    while left and (data := stream.read(min(left, stored.STEP * dtype.itemsize))):
        left -= len(data)
        scratch.append(np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype))
    if left:
        raise _other_size(origin, size - left, size)
    if fortran and len(shape) > 1:
        return np.asarray(scratch.stored(shape[::-1], origin)).T
    return scratch.stored(shape, origin)


def _header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    if np.lib.format.read_magic(stream) == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    else:
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    if any(length < 0 for length in shape):  # older releases of NumPy read on
        raise ValueError(f"its header names the shape {shape}")
    return shape, fortran, dtype


def _other_size(origin: str, there: int, size: int) -> SourceError:
    what = "is cut short" if there < size else "is damaged"
    return SourceError(f"{origin} {what}: {there} bytes of numbers; its header says {size}.")


def read_case(raw: Raw, numbers: Container[str] = ()) -> dict[str, Any]:
    """An NPY file cannot be a case."""
    raise SourceError(f"{raw.origin} holds a single array; a case holds inputs by name.")


def checked(array: Any, origin: str, words: bool) -> Any:
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
        if "Header info length" in str(error):
            raise SourceError(
                f"{origin} has a header that is too long to be that of an array."
            ) from None
        raise SourceError(f"{origin} is damaged or cut short: {what}.") from None
