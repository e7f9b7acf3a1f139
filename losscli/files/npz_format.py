"""NPZ: NumPy arrays by name."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from losscli.errors import SourceError
from losscli.files.grammar import quoted
from losscli.files.keys import listed, near
from losscli.files.loaded import Loaded, Part, described
from losscli.files.npy_format import MAGIC, checked, numpy_reading
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
        return _loaded(archive, name, raw.origin, words)


def read_case(raw: Raw) -> dict[str, Any]:
    """All arrays by name."""
    with _opened(raw) as archive:
        names = _names(archive, raw.origin)
        return {
            name.replace("-", "_"): _loaded(archive, name, raw.origin, words=True) for name in names
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


def _loaded(archive: zipfile.ZipFile, name: str, origin: str, words: bool) -> Loaded:
    where = f"{origin}#{name}"
    array = checked(_member(archive, f"{name}.npy", where), where, words)
    return Loaded(array, where, (), described(array, where), Part(key=name))


def _member(archive: zipfile.ZipFile, member: str, where: str) -> NDArray[Any]:
    with numpy_reading(where):
        with archive.open(member) as stream:
            if stream.read(len(MAGIC)) != MAGIC:
                raise SourceError(f"{where} is not an array.")
        with archive.open(member) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)
