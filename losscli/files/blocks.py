"""A text in blocks of whole lines, so that no more of it is held than a block."""

from __future__ import annotations

import io
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import BinaryIO

BLOCK = 256 << 10  # bytes
_NEAR = 4 << 10  # bytes before the end of a block, in which a line likely ends


class Blocks:
    """The blocks of a text, in which every line break is a `\\n`, and how far they have been read."""

    def __init__(self, stream: BinaryIO, skip: int) -> None:
        self.above = skip  # lines that were read: those above what comes next
        self.blank = 0  # the first blank line among them, which may be below the last row
        self.size = BLOCK
        self._found = self._whole_lines(stream)
        self._left = b""  # of what was read, what was not taken yet
        for _ in range(skip):
            self.line()

    def block(self) -> bytes:
        """The next block, whose lines the caller counts; nothing at the end."""
        block, self._left = self._left or next(self._found, b""), b""
        return block

    def put_back(self, text: bytes) -> None:
        """Give back what was taken from here on."""
        self._left = text + self._left

    def line(self) -> bytes:
        """The next line, which the caller counts; nothing at the end."""
        line, mark, self._left = self.block().partition(b"\n")
        return line + mark

    def _whole_lines(self, stream: BinaryIO) -> Iterator[bytes]:
        first = stream.read(len(BOM_UTF8)).removeprefix(BOM_UTF8)
        held: list[bytes | memoryview] = [first] if first else []
        while read := stream.read(_to_the_end_of_a_line(stream, self.size)):
            newline = read.rfind(b"\n")
            # A \r at the very end may be the first half of a \r\n.
            end = max(newline, read.rfind(b"\r", newline + 1, -1)) + 1
            held.append(memoryview(read)[:end] if 0 < end < len(read) else read)
            if end:
                yield _unified(b"".join(held))  # which copies nothing where there is one part
                held = [read[end:]] if end < len(read) else []
        if held:
            yield _unified(b"".join(held))


def _to_the_end_of_a_line(stream: BinaryIO, size: int) -> int:
    """How many bytes to read: up to the last end of a line in so many of a file, so that no part of a
    line has to be put before the next ones; or just so many."""
    if size <= _NEAR or not (isinstance(stream, io.BufferedReader) and stream.seekable()):
        return size
    start = stream.tell()
    stream.seek(start + size - _NEAR)
    end = stream.read(_NEAR).rfind(b"\n") + 1
    stream.seek(start)
    return size - _NEAR + end if end else size


def _unified(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in text else text
