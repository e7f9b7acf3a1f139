"""`losscli grad LOSS`: the gradients, and a check of them by central differences."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from losscli.cli.deliver import delivery
from losscli.cli.exits import CheckFailed
from losscli.cli.group import LossGroup
from losscli.cli.inputs import gather, refuse_sharing
from losscli.cli.options import Form, Request
from losscli.cli.progress import watched

GRADIENT = "Gradient"


def command() -> LossGroup:
    """The verb with its losses."""
    return LossGroup(grad)


def grad(
    request: Request,
    *,
    wrt: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME,...",
            help="the inputs to differentiate by, or all [default the predictions]",
            rich_help_panel=GRADIENT,
        ),
    ] = None,
    grad_output: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="the gradient from above, in the shape of the result [default 1]",
            rich_help_panel=GRADIENT,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="compare with central differences; leave with 1 if they differ",
            rich_help_panel=GRADIENT,
        ),
    ] = False,
    form: Form = None,
) -> None:
    """Compute the gradients of a loss."""
    refuse_sharing(request, grad_output=grad_output)
    problem = gather(request).problem
    names = _wanted(wrt)
    above = _read_above(grad_output, request.common.stdin_format)
    shapes = {name: problem.tensors[name].shape for name in problem.wrt(names)}
    with delivery(problem, form, request.common, shapes) as deliver:
        with watched(problem, request.common):
            gradients = problem.gradient(names, above)
        for warning in problem.warnings:
            request.talk.warn(warning)
        for remark in sorted(problem.remarks):
            request.talk.note(remark)
        if problem.reduction == "none" and above is None:
            request.talk.note("with reduction none, the gradient is that of the sum.")
        deliver(gradients)
    if check:
        verdict = problem.check(names, above)
        if not verdict.ok:
            raise CheckFailed(verdict.sentence)
        request.talk.note(verdict.sentence)


def _wanted(wrt: str | None) -> list[str] | None:
    """The names in --wrt; the problem judges them."""
    if wrt is None:
        return None
    return [name.strip().replace("-", "_") for name in wrt.split(",")]


def _read_above(source: str | None, form: str | None) -> Any:
    if source is None:
        return None
    from losscli.files import read

    return read(source, label="--grad-output", form=form).array
