"""`losscli merge`: the records of parts, added up, and their value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from losscli.cli.deliver import deliver_record, delivery
from losscli.cli.group import VERBS
from losscli.cli.help import PlainCommand
from losscli.cli.limits import Expect, Max, Tolerance, read_limits, refuse_value_options
from losscli.cli.options import Common, Form, command_of
from losscli.cli.talk import Talk
from losscli.errors import SourceError, UsageError, count_of
from losscli.losses import NAMES

if TYPE_CHECKING:
    from losscli.record import Record


def command() -> PlainCommand:
    """The verb."""
    return command_of("merge", merge, VERBS["merge"])


def merge(
    *,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE...",
            help="files of records, one or more a line each; - for standard input",
        ),
    ] = None,
    form: Form = None,
    max_: Max = None,
    expect: Expect = None,
    tolerance: Tolerance = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="print the record of all, to be merged again")
    ] = False,
    output: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="write to FILE; its ending picks the format"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="let --output overwrite")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="leave with 1 after a warning")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="no notes and no warnings")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="say what the records are of")] = False,
) -> None:
    """Add up the records of compute --partial, and print the value."""
    if not files:
        raise UsageError("merge: which FILE? losscli compute LOSS ... --partial makes them.")
    from losscli.record import merged

    limits = read_limits(max_, expect, tolerance)
    if partial:
        refuse_value_options("--partial prints a record", form, limits)
    records = [record for name in files for record in _records(name)]
    whole = merged(records)
    talk, common = Talk(quiet, verbose), Common(output=output, force=force)
    talk.infer([f"{count_of(len(records), 'record')} of {_described(whole)}"])
    if partial:
        deliver_record(whole, common)
    else:
        with delivery(None, form, common) as deliver:
            _warn(whole, records, talk)
            deliver(whole.value)
        limits.check(whole.loss, whole.value)
    if strict and talk.warned:
        raise typer.Exit(1)


def _records(name: str) -> Iterator[tuple[str, Record]]:
    """The records in a file, or in those that a glob matches, each with where it stands."""
    from losscli.files.raw import sentences
    from losscli.files.source import files_of, open_source
    from losscli.record import read_record

    for file in files_of(name, "merge", None):
        raw, _ = open_source(file, label="merge", form="jsonl", base=None, stdin=None)
        with sentences(raw.origin):
            lines = raw.text().splitlines()
        several = sum(map(bool, map(str.strip, lines))) > 1
        for number, line in enumerate(lines, 1):
            if line.strip():
                where = f"{raw.origin}, line {number}," if several else raw.origin
                record = read_record(line, where)
                if record.loss not in NAMES:
                    raise SourceError(f"{where} is of the loss {record.loss!r}, which is not one.")
                yield where, record
        if not any(map(str.strip, lines)):
            raise SourceError(f"{raw.origin} is empty; expected a record.")


def _described(record: Record) -> str:
    total = record.total
    rows = count_of(total.rows, "row")
    left_out = f", {total.left_out} left out" if total.left_out else ""
    return f"{record.loss}, {record.of['reduction']}, {record.of['dtype']}: {rows}{left_out}"


def _warn(whole: Record, records: list[tuple[str, Record]], talk: Talk) -> None:
    """Say why a value is not finite."""
    import math

    value = whole.value
    if math.isfinite(value):
        return
    head = f"{whole.loss}: the result is {value}"
    for origin, record in records:
        if not record.is_finite:
            talk.warn(
                f"{head}: {origin.rstrip(',')} is of rows whose sum is {float(record.total.sum)}."
            )
            return
    talk.warn(f"{head}: {whole.why_not_finite}.")
