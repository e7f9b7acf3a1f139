"""Arrays that stay in their files: read some rows at a time, so that memory does not grow with them.

A `Stored` is what an array looks like to the engine, shape and type, without its numbers. It is made of
pieces that lie one after the other along the first axis: one for a file, several for shards. A `Scratch`
is a file of our own without a name, for numbers that are too many to be held.
"""

from __future__ import annotations

import io
import math
import os
import weakref
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from losscli.errors import SourceError

Array = NDArray[Any]
LARGE = 16 << 20  # bytes; an array below that is simply read
STEP = 1 << 20  # numbers that are copied at once


class Piece(NamedTuple):
    """Numbers that lie one after the other in a file, from `offset` on, in C order."""

    file: Path | Unnamed
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    origin: str  # what to call the file

    def flat(self, start: int, stop: int) -> Array:
        """The numbers from `start` to `stop`, as they are counted in C order."""
        found = np.empty(stop - start, self.dtype)
        begin = self.offset + start * self.dtype.itemsize
        if isinstance(self.file, Path):
            with self.file.open("rb", buffering=0) as stream:
                self._fill(stream, found, begin)
        else:
            self._fill(self.file.stream, found, begin)
        return found

    def mapped(self) -> Array:
        """All of it, mapped into memory."""
        if not math.prod(self.shape):
            return np.empty(self.shape, self.dtype)
        file = self.file if isinstance(self.file, Path) else self.file.stream
        return np.asarray(np.memmap(file, self.dtype, "r", self.offset, self.shape))

    def _fill(self, stream: Any, found: Array, begin: int) -> None:
        left = found.view(np.uint8).data
        while left:
            count = _read_at(stream, left, begin)
            if not count:
                raise SourceError(f"{self.origin} became shorter while it was read.")
            left, begin = left[count:], begin + count


class Stored:
    """An array that lies in one or more pieces, joined along the first axis.

    It is cast to `dtype`, the type that holds all of the pieces, as it is read.
    """

    def __init__(self, pieces: Sequence[Piece | Array], dtype: Any = None) -> None:
        self.pieces = tuple(pieces)
        kind = np.result_type(*(piece.dtype for piece in pieces)) if dtype is None else dtype
        self.dtype = np.dtype(kind).newbyteorder("=")
        first = self.pieces[0].shape
        self.starts = tuple(accumulate((length_of(piece) for piece in pieces), initial=0))
        self.shape = (self.starts[-1], *first[1:])
        self.ndim, self.size = len(self.shape), math.prod(self.shape)

    def __len__(self) -> int:
        return self.starts[-1]

    def astype(self, dtype: Any) -> Stored:
        """The same numbers in another type."""
        return Stored(self.pieces, dtype)

    def flat(self, start: int, stop: int) -> Array:
        """The numbers from `start` to `stop`, as they are counted in C order."""
        width = math.prod(self.shape[1:])
        parts = []
        for piece, begin in self._touched(start // max(1, width), -(-stop // max(1, width))):
            size = length_of(piece) * width
            low, high = max(0, start - begin * width), min(size, stop - begin * width)
            part = piece.flat(low, high) if isinstance(piece, Piece) else piece.ravel()[low:high]
            parts.append(np.asarray(part, self.dtype))
        return parts[0] if len(parts) == 1 else np.concatenate(parts or [np.empty(0, self.dtype)])

    def items(self, start: int, stop: int) -> Array:
        """The items `start` to `stop` of the first axis."""
        width = math.prod(self.shape[1:])
        return self.flat(start * width, stop * width).reshape(stop - start, *self.shape[1:])

    def item(self, index: int) -> Array:
        """One item of the first axis, mapped rather than read."""
        which = bisect_right(self.starts, index) - 1
        return np.asarray(self._mapped[which][index - self.starts[which]], self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """All of it: mapped where it is one piece of its own type; else a large one in a scratch file."""
        return np.asarray(self._whole, dtype)

    @cached_property
    def _mapped(self) -> list[Array]:
        return [p.mapped() if isinstance(p, Piece) else p for p in self.pieces]

    @cached_property
    def _whole(self) -> Array:
        if not self.size:
            return np.empty(self.shape, self.dtype)
        if len(self.pieces) == 1 and self.pieces[0].dtype == self.dtype:
            return self._mapped[0]
        if self.size * self.dtype.itemsize < LARGE:
            return self.flat(0, self.size).reshape(self.shape)
        return np.asarray(Scratch().keep(self, "a scratch file"))

    def _touched(self, start: int, stop: int) -> Iterator[tuple[Piece | Array, int]]:
        """The pieces that hold some of the items `start` to `stop`, and where they begin."""
        first = max(0, bisect_right(self.starts, start) - 1)
        for piece, (begin, end) in zip(
            self.pieces[first:], pairwise(self.starts[first:]), strict=True
        ):
            if begin >= stop:
                return
            if end > start:
                yield piece, begin


class Unnamed:
    """A file without a name, which is gone when nobody holds it any more.

    It lies in the folder that TMPDIR names, else in /var/tmp: /tmp may be memory.
    """

    def __init__(self) -> None:
        import tempfile

        with _room():
            self.stream: BinaryIO = tempfile.TemporaryFile(dir=_folder())  # noqa: SIM115
        weakref.finalize(self, self.stream.close)


class Scratch:
    """An unnamed file that numbers are appended to."""

    def __init__(self) -> None:
        self.file = Unnamed()
        self.kinds: list[tuple[np.dtype[Any], int]] = []  # what was appended, how many numbers

    def append(self, array: Array) -> None:
        """Write numbers behind those that are there."""
        with _room():
            self.file.stream.write(np.ascontiguousarray(array).data)
        if self.kinds and self.kinds[-1][0] == array.dtype:
            self.kinds[-1] = array.dtype, self.kinds[-1][1] + array.size
        else:
            self.kinds.append((array.dtype, array.size))

    def keep(self, array: Array | Stored, origin: str) -> Stored:
        """An array written behind what is there, as it can be read from there."""
        begin = self.file.stream.tell()
        if isinstance(array, Stored):
            for start in range(0, array.size, STEP):
                self.append(array.flat(start, min(array.size, start + STEP)))
        else:
            self.append(array)
        with _room():
            self.file.stream.flush()
        return Stored([Piece(self.file, begin, array.shape, array.dtype, origin)])

    def opened(self) -> BinaryIO:
        """The bytes that were appended, to be read from their beginning."""
        with _room():
            self.file.stream.flush()
        return io.BufferedReader(_Bytes(self.file))

    def stored(self, shape: tuple[int, ...], origin: str) -> Stored:
        """What was appended, whole items at a time, as an array of that shape."""
        with _room():
            self.file.stream.flush()
        if not math.prod(shape):
            return Stored([np.empty(shape, self.kinds[0][0] if self.kinds else np.float64)])
        width = math.prod(shape[1:])
        pieces, offset = [], 0
        for dtype, count in self.kinds:
            pieces.append(Piece(self.file, offset, (count // width, *shape[1:]), dtype, origin))
            offset += count * dtype.itemsize
        return Stored(pieces)


class _Bytes(io.RawIOBase):
    """The bytes of a file without a name, with a place of its own in it."""

    def __init__(self, file: Unnamed) -> None:
        self.file = file
        self.place = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        size = os.fstat(self.file.stream.fileno()).st_size
        self.place = place + (0, self.place, size)[whence]
        return self.place

    def readinto(self, buffer: Any) -> int:
        """Read what stands here."""
        count = _read_at(self.file.stream, memoryview(buffer), self.place)
        self.place += count
        return count


_turn = Lock()


def _read_at(stream: Any, left: memoryview, begin: int) -> int:
    """Read into `left` what stands at `begin`; how many bytes that were."""
    if hasattr(os, "preadv"):
        return os.preadv(stream.fileno(), [left], begin)
    with _turn:  # only Windows needs turns
        stream.seek(begin)
        return int(stream.readinto(left))


def _folder() -> str:
    named = "TMPDIR" in os.environ or not os.access("/var/tmp", os.W_OK)
    import tempfile

    return tempfile.gettempdir() if named else "/var/tmp"


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(
            f"the folder for temporary files, {_folder()}, cannot hold what is read or made here: "
            f"{(error.strerror or str(error)).lower()}. TMPDIR can name another folder."
        ) from None


def writable(stream: BinaryIO, offset: int, shape: tuple[int, ...], dtype: Any) -> Array:
    """An array of zeros that lies in a file from `offset` on, at its end; OSError where it is full."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if hasattr(os, "posix_fallocate"):  # else the process would be killed where the disk is full
        os.posix_fallocate(stream.fileno(), offset, size)
    return np.asarray(np.memmap(stream, dtype, "r+", offset, shape))


def zeros(shape: tuple[int, ...], dtype: Any) -> Array:
    """An array of zeros; a large one lies in a scratch file."""
    if math.prod(shape) * np.dtype(dtype).itemsize < LARGE:
        return np.zeros(shape, dtype)
    file = Unnamed()
    with _room():
        return writable(file.stream, 0, shape, dtype)


def length_of(piece: Piece | Array) -> int:
    """The length of the first axis."""
    return piece.shape[0]


def addresses(shape: tuple[int, ...]) -> Array:
    """An array of this shape that has no numbers in it, only places: never look at what it holds.

    Views and slices of it tell, by where they begin, which number of the array in C order they are of.
    """
    strides = np.cumprod((1, *shape[:0:-1]))[::-1] if shape else ()
    return np.lib.stride_tricks.as_strided(
        np.zeros(1, np.uint8), shape, tuple(map(int, strides)), writeable=False
    )


def place_of(part: Array, whole: Array) -> int:
    """Which number of `whole`, as they are counted in C order, a part of its addresses begins with."""
    return int(part.__array_interface__["data"][0] - whole.__array_interface__["data"][0])
