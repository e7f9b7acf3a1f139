"""`losscli compute LOSS`: the value, and checks on it for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from losscli.cli.deliver import deliver_record, delivery
from losscli.cli.group import LossGroup
from losscli.cli.inputs import gather
from losscli.cli.limits import Expect, Max, Tolerance, read_limits, refuse_value_options
from losscli.cli.options import Request
from losscli.cli.progress import watched

if TYPE_CHECKING:
    from losscli.engine import Problem
    from losscli.record import Record

PARTS = "Many files, many machines"


def command() -> LossGroup:
    """The verb with its losses."""
    return LossGroup(compute)


def compute(
    request: Request,
    *,
    form: Annotated[
        Literal["text", "json", "yaml", "csv", "npy"] | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="text, json, yaml, csv or npy [default text, or by --output]",
        ),
    ] = None,
    max_: Max = None,
    expect: Expect = None,
    tolerance: Tolerance = None,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial",
            help="print a record of these rows, for losscli merge to add to others",
            rich_help_panel=PARTS,
        ),
    ] = False,
) -> None:
    """Compute a loss and print its value."""
    limits = read_limits(max_, expect, tolerance)
    if partial:
        refuse_value_options("--partial prints a record", form, limits)
    problem = gather(request).problem
    if partial:
        deliver_record(_record(problem, request), request.common)
        return
    with delivery(problem, form, request.common) as deliver:
        with watched(problem, request.common):
            value = problem.value()
        for warning in problem.warnings:
            request.talk.warn(warning)
        deliver(value)
    limits.check(request.loss.name, value)


def _record(problem: Problem, request: Request) -> Record:
    """The record of the rows; a row whose loss is not finite is warned about here, where it is known."""
    from losscli.record import record_of

    record = record_of(problem)
    if not record.is_finite:
        problem.value()
    for warning in problem.warnings:
        request.talk.warn(warning)
    return record
