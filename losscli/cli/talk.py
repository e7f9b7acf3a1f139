"""The two voices: the answer goes to stdout as bytes, talk goes to stderr a line at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import BinaryIO, TextIO

from losscli.errors import OutputError

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Talk:
    """What is said beside the answer, how much of it, and whether any of it was a warning."""

    def __init__(self, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.warned = False

    def infer(self, lines: Iterable[str]) -> None:
        """What was inferred about the input; for a person who looks, or who asks."""
        if not self.quiet and (self.verbose or on_terminal(sys.stderr)):
            for line in lines:
                say(line)

    def note(self, sentence: str) -> None:
        """Something true of the answer that may surprise."""
        if not self.quiet:
            say(f"note: {sentence}")

    def warn(self, sentence: str, aloud: bool = True) -> None:
        """Something that most likely was not meant; it counts with --strict, said or not."""
        self.warned = True
        if aloud and not self.quiet:
            say(f"warning: {sentence}")


def say(sentence: str) -> None:
    """One line on stderr; a stderr that is closed must not cost the answer.

    Names and values may hold what would break the line or command the terminal; it is shown escaped.
    """
    if sys.stderr is not None:
        line = _CONTROL.sub(lambda found: ascii(found[0])[1:-1], sentence)
        try:
            print(f"losscli: {line}", file=sys.stderr, flush=True)
        except OSError:
            silence(sys.stderr)


def answer(data: bytes | Iterable[bytes]) -> None:
    """`data` on stdout, exactly as it is."""
    if sys.stdout is None:
        raise OutputError("Standard output is closed; --output FILE writes to a file.")
    flush()
    for piece in [data] if isinstance(data, bytes) else data:
        with _named():
            _write_all(sys.stdout.buffer, piece)
    flush()


def flush() -> None:
    """Meet a closed pipe or a full device here rather than while Python shuts down."""
    if sys.stdout is not None:
        with _named():
            sys.stdout.flush()


@contextlib.contextmanager
def _named() -> Iterator[None]:
    """Name what could not be written, which the system does not."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or "standard output"
        raise


def _write_all(stream: BinaryIO, data: bytes) -> None:
    """Write all of `data`; a stream without a buffer, as PYTHONUNBUFFERED has it, may take less at once."""
    rest = memoryview(data)
    while rest:
        count = stream.write(rest)
        if count is None:  # it takes nothing now, and would not wait
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        rest = rest[count:]


def silence(stream: TextIO) -> None:
    """Let what is still buffered go nowhere, or Python complains about it when it shuts down."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or not a file
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


def on_terminal(stream: object) -> bool:
    """Whether a person looks at this stream."""
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty())
