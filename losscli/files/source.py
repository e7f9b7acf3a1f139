"""A source: numbers in place, a file, part of a file, several files, or standard input.

Decided by the text alone where it can be. A known ending makes it a file. Else what starts like
numbers is numbers; what does not is a file of another ending, or, where words are allowed, words.
"""

from __future__ import annotations

import importlib
import json
import os
from codecs import BOM_UTF8
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from losscli.errors import MissingSource, SourceError, UsageError
from losscli.files import in_place
from losscli.files.grammar import quoted, starts_like_numbers
from losscli.files.keys import near
from losscli.files.loaded import Loaded
from losscli.files.raw import Raw, raw_of_file, raw_of_standard_input, sentences

GLOB = {*"*?["}  # what makes a name stand for many files
FORMS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".npy": "npy",
    ".npz": "npz",
}


def read(
    source: str,
    *,
    label: str,
    form: str | None = None,
    base: Path | None = None,
    words: bool = False,
    stdin: BinaryIO | None = None,
) -> Loaded:
    """The array that `source` stands for.

    `label` is who asks, for messages ("--input"); `form` the format of standard input and of files
    with other endings; `base` the folder that relative paths start from; `words` whether class
    labels in words are welcome. Errors: SourceError, MissingSource.
    """
    if not source.strip():
        raise SourceError(f"{label} is empty; expected numbers or a file.")
    name, selector = split_selector(source, base)
    if not is_file_name(name):
        if starts_like_numbers(source):
            try:
                return in_place.read(source, label=label, words=words)
            except SourceError:
                if not _exists(name, base):
                    raise
        elif words and "/" not in source and not _exists(name, base):
            return in_place.read_words(source)
    if selector == "":
        raise SourceError(f"{label}: {quoted(source)} names no part behind the #.")
    names = files_of(name, label, base)
    if len(names) > 1:
        parts = (
            _read_file(one, selector, label, form, base, None, words, shard=True) for one in names
        )
        from losscli.files.globs import joined

        return joined(parts, source, names)
    return _read_file(names[0], selector, label, form, base, stdin, words)


def _read_file(
    name: str,
    selector: str | None,
    label: str,
    form: str | None,
    base: Path | None,
    stdin: BinaryIO | None,
    words: bool,
    shard: bool = False,
) -> Loaded:
    """A file, part of it or standard input; of a shard no more than must be is held in memory."""
    raw, form = open_source(name, label=label, form=form, base=base, stdin=stdin)
    with sentences(raw.origin):
        reader = format_of(form)
        read_it = getattr(reader, "read_shard", reader.read) if shard else reader.read
        loaded: Loaded = read_it(raw, selector, words=words)
    return loaded if name == "-" else placed(loaded, str((base or Path()) / name), form)


class Located(NamedTuple):
    """A file that a source names, by its absolute path, and which part of it."""

    path: str
    selector: str | None

    @property
    def text(self) -> str:
        """It as a source."""
        return self.path if self.selector is None else f"{self.path}#{self.selector}"


def located(source: str, label: str, base: Path | None) -> tuple[list[Located], str]:
    """The files that a source names, and the source itself under an absolute path.

    None where the numbers or words stand in the source itself.
    """
    name, selector = split_selector(source, base)
    if name == "-":
        raise UsageError(f"{label}: standard input is read here only; give a file.")
    here = is_file_name(name) or _exists(name, base) or {*name} & GLOB
    if not here or (starts_like_numbers(source) and not is_file_name(name)):
        return [], source
    folder = os.path.abspath(base or ".")
    names = files_of(name, label, base)
    files = [Located(os.path.join(folder, one), selector) for one in names]
    if len(files) == 1:
        return files, files[0].text
    from glob import escape

    return files, os.path.join(escape(folder), source)


def files_of(name: str, label: str, base: Path | None) -> list[str]:
    """The names that a name stands for: those that it matches where it is a glob, else itself."""
    if not {*name} & GLOB or _exists(name, base):
        return [name]
    from losscli.files.globs import matching

    return matching(name, base, label)


def read_texts(
    source: str,
    key: str,
    *,
    label: str,
    form: str | None = None,
    base: Path | None = None,
    stdin: BinaryIO | None = None,
) -> tuple[str, ...]:
    """What stands at `key` in the file of a source, as texts: a column, or what a key picks.

    Of a table the texts are as they are written, 007 too. Errors: SourceError, MissingSource.
    """
    name, _ = split_selector(source, base)
    names = files_of(name, label, base)
    if len(names) > 1:
        read_one = partial(read_texts, key=key, label=label, form=form, base=base)
        return tuple(chain.from_iterable(map(read_one, names)))
    raw, form = open_source(names[0], label=label, form=form, base=base, stdin=stdin)
    with sentences(raw.origin):
        reader = format_of(form)
        if hasattr(reader, "texts"):
            found: list[str] = reader.texts(raw, key)
            return tuple(found)
        array = reader.read(raw, key, words=True).array
    if array.ndim != 1:
        raise SourceError(f"{raw.origin}#{key} has {array.ndim} axes; expected one name a row.")
    return tuple(map(str, array.tolist()))


def placed(loaded: Loaded, path: str, form: str) -> Loaded:
    """What was loaded, with where the file is."""
    if loaded.part is None:
        return loaded
    return loaded._replace(part=loaded.part._replace(path=path, form=form))


def open_source(
    name: str, *, label: str, form: str | None, base: Path | None, stdin: BinaryIO | None
) -> tuple[Raw, str]:
    """The bytes of a file or of standard input ("-"), and their format."""
    if form is not None and form not in FORMS.values():
        known = ", ".join(dict.fromkeys(FORMS.values()))
        raise UsageError(f"--from: there is no format {quoted(form)}; there are {known}.")
    if name == "-":
        raw = raw_of_standard_input(stdin)
        return raw, form or form_by_content(raw, label)
    path = (base or Path()) / name
    if not _exists(name, base):
        raise MissingSource(_missing(name, path, label))
    if path.is_dir():
        raise SourceError(f"{label}: {quoted(name)} is a folder, not a file.")
    form = form_by_ending(name) or form
    raw = raw_of_file(path, name, unpack=name.lower().endswith(".gz"))
    if form is None and raw.path is None:  # a pipe
        form = form_by_content(raw, label)
    if form is None:
        raise SourceError(
            f"{label}: {quoted(name)} has none of the endings {' '.join(FORMS)} (.gz may follow); "
            f"say with --from what it is."
        )
    return raw, form


def form_by_ending(name: str) -> str | None:
    """The format of a file by its ending; None when it is not one that is read."""
    return FORMS.get(os.path.splitext(name.lower().removesuffix(".gz"))[1])


def form_by_content(raw: Raw, label: str) -> str:
    """The format of bytes that have no name, by the first of them."""
    with sentences(raw.origin):
        with raw.open() as stream:
            start = stream.read(6)
        if start == b"\x93NUMPY":
            return "npy"
        if start.startswith(b"PK"):
            return "npz"
        with raw.open() as stream:
            lines = (line for line in stream if line.removeprefix(BOM_UTF8).strip())
            first = next(lines, b"").removeprefix(BOM_UTF8).strip()
            if not first:
                raise SourceError(f"{label}: {raw.origin} is empty.")
            if first.startswith((b"[", b"{")):
                return "jsonl" if next(lines, b"") and _is_json(first) else "json"
    return "csv"


def format_of(form: str) -> Any:
    """The module that reads a format, imported when it is needed."""
    return importlib.import_module(f"losscli.files.{form}_format")


def is_file_name(name: str) -> bool:
    """Whether a text can only mean a file."""
    return name == "-" or form_by_ending(name) is not None


def split_selector(source: str, base: Path | None) -> tuple[str, str | None]:
    """The name of the file and the selector behind the last `#`, which a name may also contain."""
    if "#" not in source or _exists(source, base):
        return source, None
    name, _, selector = source.rpartition("#")
    return name, selector


def _exists(name: str, base: Path | None) -> bool:
    return bool(name) and os.path.exists((base or Path()) / name)


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _missing(name: str, path: Path, label: str) -> str:
    """That there is no such file, and which one is near."""
    if os.path.islink(path):
        return f"{label}: {quoted(name)} is a link that leads to no file."
    try:
        there = os.listdir(path.parent)
    except (OSError, ValueError):
        folder = os.path.dirname(name)
        return f"{label}: there is no file {quoted(name)}, nor a folder {quoted(folder)}."
    close = near(path.name, [file for file in there if form_by_ending(file) and file != path.name])
    suggestion = f" {close[0].upper()}{close[1:]}" if close else ""
    return f"{label}: there is no file {quoted(name, 200)}.{suggestion}"
