"""The bytes of a source, from disk or from standard input, unpacked where they are gzipped."""

from __future__ import annotations

import io
import os
import stat
import sys
import weakref
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from losscli.errors import MissingSource, SourceError

_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Raw(NamedTuple):
    """Bytes that can be opened again and again."""

    origin: str  # what to call it: "pred.csv", "standard input"
    open: Callable[[], BinaryIO]
    path: Path | None = None  # where the bytes lie as they are, so that they can be mapped

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
            return raw_of_bytes(path.read_bytes(), origin)
    if unpack:
        return Raw(origin, lambda: _unpacked(path))
    return Raw(origin, lambda: path.open("rb"), path)


def raw_of_bytes(data: bytes, origin: str) -> Raw:
    """Bytes in memory, unpacked if they are gzipped."""
    if data.startswith(_GZIP):
        return Raw(origin, lambda: _unpacked(io.BytesIO(data)))
    return Raw(origin, lambda: io.BytesIO(data))


_seen: weakref.WeakKeyDictionary[BinaryIO, bytes] = weakref.WeakKeyDictionary()


def standard_input(stream: BinaryIO | None) -> bytes:
    """All of standard input, read once, so that several options may each take a part of it."""
    stream = stream or sys.stdin.buffer
    if stream not in _seen:
        _seen[stream] = stream.read()
    return _seen[stream]


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


def _unpacked(file: Path | BinaryIO) -> BinaryIO:
    import gzip

    return cast(BinaryIO, gzip.open(file, "rb"))


def reason(error: BaseException) -> str:
    """What an error says, as a part of a sentence."""
    text = " ".join(str(error).split())[:200].rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
