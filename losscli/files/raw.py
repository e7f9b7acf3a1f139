"""The bytes of a source, from disk or from standard input, unpacked where they are gzipped."""

from __future__ import annotations

import io
import os
import select
import stat
import sys
import weakref
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np

from losscli import stored
from losscli.errors import MissingSource, SourceError
from losscli.stored import Scratch

Opener = Callable[[], BinaryIO]
# is told a file's name, how far it is read, how large it is
Watcher = Callable[[str, int, int], None]
watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)
_GZIP = b"\x1f\x8b"
_STEP = 1 << 20  # bytes
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Raw(NamedTuple):
    """Bytes that can be opened again and again."""

    origin: str  # what to call it: "pred.csv", "standard input"
    open: Opener
    path: Path | None = None  # where the bytes lie as they are, so that they can be mapped

    @property
    def size(self) -> int:
        """How many bytes there are, or 0 where that is not known."""
        return self.path.stat().st_size if self.path else 0

    def data(self) -> bytes:
        """All bytes."""
        with self.open() as stream:
            return stream.read()

    def text(self) -> str:
        """All text; SourceError with the line where it is not UTF-8."""
        data = self.data()
        self.refuse_utf16(data[:2])
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise SourceError(
                f"{self.origin}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8; "
                f"save the file as UTF-8."
            ) from None

    @contextmanager
    def lines(self) -> Iterator[Iterator[str]]:
        """Lines of text; bytes that are not UTF-8 come as surrogates, for the reader to report."""
        with self.open() as stream:
            start = stream.read(2)
        self.refuse_utf16(start)
        with (
            self.open() as stream,
            io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape") as text,
        ):
            yield text

    def refuse_utf16(self, start: bytes) -> None:
        """SourceError when the first two bytes say that it is UTF-16."""
        if start in _UTF16:
            raise SourceError(f"{self.origin} is UTF-16; save it as UTF-8.")


def raw_of_file(path: Path, origin: str, *, unpack: bool) -> Raw:
    """A file on disk; what can be read only once, as a pipe can, is read now."""
    with sentences(origin):
        if not stat.S_ISREG(os.stat(path).st_mode):
            with path.open("rb") as stream:
                return _raw_of(_kept(stream), origin)
    if unpack:
        return Raw(origin, lambda: _unpacked(_opened(path, origin)))
    return Raw(origin, lambda: _opened(path, origin), path)


class _Told(io.FileIO):
    """A file that says how far it has been read."""

    def __init__(self, path: Path, origin: str, tell: Watcher) -> None:
        super().__init__(path)
        self.origin, self.watcher = origin, tell
        self.size = os.fstat(self.fileno()).st_size

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        self.watcher(self.origin, super().tell(), self.size)
        return count or 0


def _opened(path: Path, origin: str) -> BinaryIO:
    tell = watcher.get()
    return path.open("rb") if tell is None else io.BufferedReader(_Told(path, origin, tell))


def raw_of_standard_input(stream: BinaryIO | None) -> Raw:
    """Standard input, read once, so that several options may each take a part of it."""
    stream = stream or sys.stdin.buffer
    origin = "standard input"
    if stream not in _seen:
        with sentences(origin):
            _seen[stream] = _kept(stream)
    return _raw_of(_seen[stream], origin)


_seen: weakref.WeakKeyDictionary[BinaryIO, Opener] = weakref.WeakKeyDictionary()


def _raw_of(opened: Opener, origin: str) -> Raw:
    """Bytes that were kept, unpacked if they are gzipped."""
    with opened() as start:
        is_packed = start.read(len(_GZIP)) == _GZIP
    return Raw(origin, (lambda: _unpacked(opened())) if is_packed else opened)


def _kept(stream: BinaryIO) -> Opener:
    """All that a stream has to give: in memory, or in a file of our own where that is much."""
    data = _read(stream, stored.LARGE)
    if len(data) < stored.LARGE:
        return lambda: io.BytesIO(data)
    scratch = Scratch()
    scratch.append(np.frombuffer(data, np.uint8))
    while more := _read(stream, _STEP):
        scratch.append(np.frombuffer(more, np.uint8))
    return scratch.opened


def _read(stream: BinaryIO, size: int) -> bytes:
    """So many bytes, or all up to the end; of a stream that does not block, more is waited for."""
    parts: list[bytes] = []
    while size:
        part: bytes | None = stream.read(size)
        if part is None:
            select.select([stream], [], [])
            continue
        parts.append(part)
        size -= len(part)
        if not part or _blocks(stream):
            break
    return b"".join(parts)


def _blocks(stream: BinaryIO) -> bool:
    try:
        return os.get_blocking(stream.fileno())
    except OSError:  # it is no file
        return True


@contextmanager
def sentences(origin: str) -> Iterator[None]:
    """Turns what the system says about a file into a sentence about it."""
    try:
        yield
    except FileNotFoundError:
        raise MissingSource(f"{origin}: there is no such file.") from None
    except PermissionError:
        raise MissingSource(f"{origin} may not be read: permission denied.") from None
    except IsADirectoryError:
        raise SourceError(f"{origin} is a folder, not a file.") from None
    except (EOFError, zlib.error) as error:
        raise SourceError(f"{origin} is damaged or cut short: {reason(error)}.") from None
    except OSError as error:  # gzip.BadGzipFile among them
        raise SourceError(f"{origin} cannot be read: {error.strerror or reason(error)}.") from None
    except MemoryError:
        raise SourceError(f"{origin} does not fit into memory.") from None
    except RecursionError:
        raise SourceError(f"{origin}: nested too deep.") from None


def _unpacked(packed: BinaryIO) -> BinaryIO:
    import gzip

    found: Any = gzip.open(packed, "rb")  # noqa: SIM115
    found.myfileobj = packed  # so that both are closed together
    return cast(BinaryIO, found)


def reason(error: BaseException) -> str:
    """What an error says, as a part of a sentence."""
    text = " ".join(str(error).split())[:200].rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
