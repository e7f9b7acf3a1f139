"""Names for rows: a column of the file, or of the case, that the numbers are from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from losscli.errors import SourceError, UsageError

if TYPE_CHECKING:
    from losscli.cli.options import Request
    from losscli.files import Case


def wanted(given: str | None, case: Case | None) -> str | None:
    """The name of the column: the option's, or the case's `id_column`."""
    if given is None and case is not None:
        from losscli.files.loaded import single

        given = single(case.values.get("id_column"), "id_column", "the name of a column")
    return None if given is None else str(given)


def ids(
    request: Request, column: str, case: Case | None, values: Mapping[str, Any]
) -> tuple[str, ...]:
    """What the column holds, as texts: that of the case, or else of the first file that has it."""
    if case is not None and (inside := case.values.get(key(column))) is not None:
        if request.case != "-" and getattr(inside, "part", None) and inside.part.form in TABLES:
            return _texts(request.case or "", column, request, None)
        found = getattr(inside, "array", inside)
        return tuple(map(str, found if isinstance(found, list) else found.ravel().tolist()))
    sources: dict[str, tuple[str, Any]] = {}
    if case is not None:
        sources = {n: (v, case.base) for n, v in values.items() if isinstance(v, str)}
    sources |= {name: (source, None) for name, source in request.sources.items()}
    problems = []
    for name in request.loss.tensors:
        source, base = sources.get(name, ("", None))
        if not _is_file(source, base):
            continue
        try:
            return _texts(source, column, request, base)
        except SourceError as error:
            problems.append(error)
    if problems:
        raise UsageError(f"--id-column: {problems[0]}")
    raise UsageError(
        f"--id-column {column} names a column of a file, but {request.loss.name} has its numbers from "
        "none here that has columns."
    )


def key(column: str) -> str:
    """What a column is called in a case."""
    return column.replace("-", "_")


TABLES = ("csv", "tsv")


def _is_file(source: str, base: Any) -> bool:
    from losscli.files.source import is_file_name, split_selector

    return is_file_name(split_selector(source, base)[0])


def _texts(source: str, column: str, request: Request, base: Any) -> tuple[str, ...]:
    from losscli.files import read_texts

    form = request.common.stdin_format
    return read_texts(source, column, label="--id-column", form=form, base=base)
