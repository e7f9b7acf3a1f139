"""NPZ: NumPy arrays by name."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from losscli.errors import SourceError
from losscli.files.grammar import quoted
from losscli.files.keys import listed, near
from losscli.files.loaded import Loaded, Part, described
from losscli.files.npy_format import MAGIC, array_in, checked, numpy_reading
from losscli.files.raw import Raw


def read(raw: Raw, selector: str | None, *, words: bool) -> Loaded:
    """The array of the name `selector`, which a file with a single array does not need."""
    with _opened(raw) as archive:
        names = _names(archive, raw.origin)
        if selector is None and len(names) > 1:
            raise SourceError(
                f"{raw.origin} holds {len(names)} arrays, {listed(names)}; "
                f"pick one, as in {raw.origin}#{names[0]}."
            )
        name = names[0] if selector is None else selector
        if name not in names:
            close = near(name, names)
            hint = f" {close[0].upper()}{close[1:]}" if close else ""
            raise SourceError(
                f"{raw.origin} has no array {quoted(name)}; it has {listed(names)}.{hint}"
            )
        return _loaded(archive, name, raw, words)


def read_case(raw: Raw, numbers: Container[str]) -> dict[str, Any]:
    """All arrays by name; those in `numbers` may not be words."""
    with _opened(raw) as archive:
        names = _names(archive, raw.origin)
        keys = {name: name.replace("-", "_") for name in names}
        return {
            key: _loaded(archive, name, raw, words=key not in numbers) for name, key in keys.items()
        }


@contextmanager
def _opened(raw: Raw) -> Iterator[zipfile.ZipFile]:
    with raw.open() as stream, numpy_reading(raw.origin), zipfile.ZipFile(stream) as archive:
        yield archive


def _names(archive: zipfile.ZipFile, origin: str) -> list[str]:
    names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    if not names:
        raise SourceError(f"{origin} holds no arrays.")
    return names


def _loaded(archive: zipfile.ZipFile, name: str, raw: Raw, words: bool) -> Loaded:
    where = f"{raw.origin}#{name}"
    array = checked(_member(archive, f"{name}.npy", raw, where), where, words)
    return Loaded(array, where, (), described(array, where), Part(key=name))


def _member(archive: zipfile.ZipFile, member: str, raw: Raw, where: str) -> Any:
    """The array that is a member, and no more than that.

    Of a large one that stays in the file the checksum is not looked at: it would be read twice.
    """
    info = archive.getinfo(member)
    with numpy_reading(where):
        with archive.open(member) as stream:
            if stream.read(len(MAGIC)) != MAGIC:
                raise SourceError(f"{where} is not an array.")
        plain = info.compress_type == zipfile.ZIP_STORED
        length = min(info.file_size, info.compress_size) if plain else info.file_size
        with archive.open(member) as stream:
            begin = _begin(raw.path, info) if plain and raw.path else 0
            path = raw.path if plain else None
            return array_in(stream, path, begin, where, length=length)  # type: ignore[arg-type]


def _begin(path: Path, info: zipfile.ZipInfo) -> int:
    """Where the bytes of a member begin, behind its name and what else stands before them."""
    with path.open("rb") as stream:
        stream.seek(info.header_offset + 26)
        name, extra = struct.unpack("<HH", stream.read(4))
    return int(info.header_offset + 30 + name + extra)
