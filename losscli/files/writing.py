"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from losscli.errors import OutputError


def write(path: str, data: bytes | Iterable[bytes], *, force: bool) -> None:
    """Writes `data` to a temporary file beside `path` and renames it.

    OutputError when `path` exists and `force` is not given, or when it cannot be written; nothing
    is left behind then. A device or a pipe is written to as it is.
    """
    with opened(path, force=force) as stream:
        stream.writelines([data] if isinstance(data, bytes) else data)


@contextmanager
def opened(path: str, *, force: bool) -> Iterator[BinaryIO]:
    """A stream to write to, which becomes `path` when all has gone well; OutputError as of `write`."""
    with _sentences(path):
        if is_device(path):
            with open(path, "wb") as stream:
                yield stream
            return
        if os.path.isdir(path):
            raise OutputError(f"{path} is a folder; give the name of a file.")
        if os.path.lexists(path) and not force:
            raise OutputError(f"{path} exists; give --force to overwrite it.")
        with _replacing(os.path.realpath(path)) as stream:
            yield stream


@contextmanager
def _sentences(path: str) -> Iterator[None]:
    """Turns what the system says about a file that is written into a sentence about it."""
    try:
        yield
    except BrokenPipeError:  # nobody reads it any more
        raise
    except FileNotFoundError:
        folder = os.path.dirname(path) or "."
        raise OutputError(f"{path} cannot be written: there is no folder {folder}.") from None
    except PermissionError:
        raise OutputError(f"{path} cannot be written: permission denied.") from None
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from None


@contextmanager
def _replacing(path: str) -> Iterator[BinaryIO]:
    """A temporary file in the same folder, which takes the place of `path` in the end."""
    import tempfile

    handle, temporary = tempfile.mkstemp(prefix=".losscli-", dir=os.path.dirname(path))
    try:
        with open(handle, "w+b") as stream:
            yield stream
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _mode(path: str) -> int:
    """The permissions of the file that is replaced, else those that a new file gets."""
    if os.path.exists(path):
        return stat.S_IMODE(os.stat(path).st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def is_device(path: str) -> bool:
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
