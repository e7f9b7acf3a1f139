"""`losscli compute LOSS`: the value, and checks on it for scripts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from losscli.cli import numbers
from losscli.cli.deliver import deliver_record, delivery, result_form
from losscli.cli.group import LossGroup
from losscli.cli.inputs import gather
from losscli.cli.limits import Expect, Limits, Max, Tolerance, read_limits, refuse_value_options
from losscli.cli.options import Form, Request
from losscli.cli.progress import bar, watched

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
    form: Form = None,
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
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="the scheduler whose workers compute, like tcp://10.0.0.1:8786, or local to start some "
            "here; they read files under the same absolute paths",
            rich_help_panel=PARTS,
        ),
    ] = None,
) -> None:
    """Compute a loss and print its value."""
    limits = read_limits(max_, expect, tolerance)
    if partial:
        refuse_value_options("--partial prints a record", form, limits)
    output = Output(form, partial, limits)
    if dask is None:
        _print(gather(request).problem, request, output)
    else:
        _compute_far(request, dask, output)


class Output(NamedTuple):
    """What is to be printed, and what it must be."""

    form: str | None
    partial: bool
    limits: Limits


def _print(problem: Problem, request: Request, output: Output) -> None:
    """The value of a problem, or its record."""
    if output.partial:
        deliver_record(_record(problem, request), request.common)
        return
    with delivery(problem, output.form, request.common, problem.shape) as deliver:
        with watched(problem, request.common):
            value = problem.value()
        for warning in problem.warnings:
            request.talk.warn(warning)
        deliver(value)
    output.limits.check(request.loss.name, value)


def _record(problem: Problem, request: Request) -> Record:
    """The record of the rows; a row whose loss is not finite is warned about here, where it is known."""
    from losscli.record import record_of

    with watched(problem, request.common):
        record = record_of(problem)
    if not record.is_finite:
        problem.value()
    for warning in problem.warnings:
        request.talk.warn(warning)
    return record


def _compute_far(request: Request, address: str, output: Output) -> None:
    """The same from what Dask's workers have added up."""
    from losscli.cli import cluster

    threads = numbers.positive("--threads", request.common.threads)
    if not output.partial:
        result_form(output.form, request.common)
    plan = cluster.plan(request)
    with bar(request.loss.name, plan.size, request.common) as shown:
        done = cluster.compute(plan, address, threads, shown.reach if shown else None)
    if plan.problem is not None:
        plan.problem.total = done.record.total
        _print(plan.problem, request, output)
        return
    for warning in done.said:
        request.talk.warn(warning)
    if output.partial:
        deliver_record(done.record, request.common)
        return
    value = done.record.value
    if done.record.is_finite and not math.isfinite(value):
        why = done.record.why_not_finite
        request.talk.warn(f"{request.loss.name}: the result is {value}: {why}.")
    with delivery(None, output.form, request.common) as deliver:
        deliver(value)
    output.limits.check(request.loss.name, value)
