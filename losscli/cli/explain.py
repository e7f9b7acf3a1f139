"""`losscli explain LOSS`: every step of the value and the gradient, with the numbers put in."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

import typer

from losscli.cli import numbers
from losscli.cli.deliver import deliver_page
from losscli.cli.group import LossGroup
from losscli.cli.inputs import gather
from losscli.cli.options import Common, Request
from losscli.cli.progress import watched
from losscli.cli.talk import on_terminal
from losscli.errors import UsageError, brief

if TYPE_CHECKING:
    from losscli.explanation import Explanation

EXPLANATION = "Explanation"
FORMS = ("terminal", "text", "markdown", "latex", "html", "svg", "json")
DIGITS = 4


def command() -> LossGroup:
    """The verb with its losses."""
    return LossGroup(explain)


def explain(
    request: Request,
    *,
    rows: Annotated[
        str | None,
        typer.Option(
            metavar="ROW,ROW,...",
            help="the rows to show, from 0, or by their ids; 2:0 is row [2, 0] [default the first three]",
            rich_help_panel=EXPLANATION,
        ),
    ] = None,
    top: Annotated[
        str | None,
        typer.Option(
            metavar="K",
            help="the K rows with the largest loss",
            rich_help_panel=EXPLANATION,
        ),
    ] = None,
    gradient: Annotated[
        bool | None,
        typer.Option(
            "--grad/--no-grad",
            help="with the gradient or without it [default with]",
            rich_help_panel=EXPLANATION,
        ),
    ] = None,
    pictures: Annotated[
        bool | None,
        typer.Option(
            "--pictures/--no-pictures",
            help="with pictures or with numbers only [default with]",
            rich_help_panel=EXPLANATION,
        ),
    ] = None,
    digits: Annotated[
        str | None,
        typer.Option(
            metavar="D",
            help="significant digits shown, 2 to 17 [default 4]",
            rich_help_panel=EXPLANATION,
        ),
    ] = None,
    ascii: Annotated[
        bool | None,
        typer.Option(
            "--ascii",
            help="no signs but ASCII in text [default where the terminal is not UTF-8]",
            rich_help_panel=EXPLANATION,
        ),
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="the column, of the file that the numbers are from, that names the rows",
            rich_help_panel=EXPLANATION,
        ),
    ] = None,
    torch: Annotated[
        bool,
        typer.Option(
            "--torch",
            help="print only the same calculation as PyTorch code",
            rich_help_panel=EXPLANATION,
        ),
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="terminal, text, markdown, latex, html, svg or json [default terminal on a terminal, "
            "else text]",
            autocompletion=lambda: list(FORMS),
        ),
    ] = None,
) -> None:
    """Explain a loss step by step, with the numbers put in."""
    if torch:
        deliver_page(_torch_code(request, form, gradient is not False), request.common)
        return
    chosen = _form(form, request.common)
    if ascii and chosen not in ("terminal", "text"):
        raise UsageError(f"--ascii is for terminal and text; {chosen} has its own way with signs.")
    shown = _digits(digits)
    if rows is not None and top is not None:
        raise UsageError("--rows and --top exclude each other; give one of them.")
    best = numbers.positive("--top", top)
    from losscli.explanation import explain as explain_problem

    inputs = gather(request, id_column)
    which = None if rows is None else _rows(rows, inputs.ids, inputs.problem.rows)
    with watched(inputs.problem, request.common):
        explanation = explain_problem(
            inputs.problem,
            rows=which,
            top=best,
            gradient=gradient is not False,
            names=inputs.names,
            pictures=pictures is not False and chosen != "json",
        )
    seen = chosen != "json" and request.common.output is None and on_terminal(sys.stdout)
    for warning in inputs.problem.warnings:  # which a page says itself, to whoever sees it
        request.talk.warn(warning, aloud=not seen)
    page = _render(
        explanation, chosen, shown, request.common, ascii or _needs_ascii(request.common)
    )
    deliver_page(page, request.common)


def _torch_code(request: Request, form: str | None, gradient: bool) -> str:
    """The problem as PyTorch code."""
    if form is not None:
        raise UsageError("--torch and --format exclude each other; --torch prints Python.")
    from losscli import pytorch

    inputs = gather(request)
    wrt = inputs.problem.wrt(None) if gradient else ()
    return pytorch.code(inputs.problem, wrt, parts=inputs.parts, classes=inputs.classes)


def _form(given: str | None, common: Common) -> str:
    """The format asked for, or that of the file's ending, or what suits standard output."""
    if given is None and common.output is None:
        return "terminal" if on_terminal(sys.stdout) else "text"
    if given is None:
        from losscli.files.results import form_of

        return form_of(common.output or "", FORMS)
    if given not in FORMS:
        raise UsageError(f"explain cannot write {given!r}; it writes {', '.join(FORMS)}.")
    return given


def _digits(text: str | None) -> int:
    digits = numbers.positive("--digits", text, DIGITS)
    assert digits is not None
    if not 2 <= digits <= 17:
        raise UsageError(f"--digits is {digits}; it must be at least 2 and at most 17.")
    return digits


def _rows(
    text: str, ids: tuple[str, ...] = (), shape: tuple[int, ...] = ()
) -> list[tuple[int, ...] | int]:
    """`0,7` as [0, 7]; `0:3,1:2` as [(0, 3), (1, 2)]; an id as the rows that it names."""
    rows: list[tuple[int, ...] | int] = []
    for part in map(str.strip, text.split(",")):
        named = [i for i, one in enumerate(ids) if one == part]
        if len(named) > 1:
            raise UsageError(
                f"--rows has {part!r}, which is the id of {len(named)} rows, "
                f"{', '.join(map(str, named[:6]))}{', ...' * (len(named) > 6)}; give a row's number."
            )
        if named:
            rows += [(named[0], *at) for at in product(*map(range, shape[1:]))]
            continue
        index = [piece.strip() for piece in part.split(":")]
        if not all(piece.isdecimal() for piece in index):
            kind = "ids, or rows" if ids else "rows"
            raise UsageError(
                f"--rows has {part!r}; expected {kind} counted from 0, like 0,7 or 0:3,1:2."
            )
        if any(numbers.is_huge(piece, 18) for piece in index):
            raise UsageError(f"--rows has {brief(part)}; there are not so many rows.")
        row = tuple(map(int, index))
        rows.append(row if len(row) > 1 else row[0])
    return rows


def _render(explanation: Explanation, form: str, digits: int, common: Common, ascii: bool) -> str:
    renderer: Any = import_module(f"losscli.render.{form}")
    page: str
    if form == "json":
        page = renderer.render(explanation)
    elif form in ("markdown", "latex", "html", "svg"):
        page = renderer.render(explanation, digits=digits)
    elif form == "text":
        page = renderer.render(explanation, digits=digits, ascii=ascii)
    else:
        page = renderer.render(
            explanation, digits=digits, color=_color(common), width=_terminal_width(), ascii=ascii
        )
    return page


def _needs_ascii(common: Common) -> bool:
    """Whether the page goes to a terminal that cannot show more."""
    if common.output is not None or not on_terminal(sys.stdout):
        return False
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return encoding.lower().replace("-", "").replace("_", "") != "utf8"


def _color(common: Common) -> bool:
    """--color or --no-color; else colour on a terminal, unless NO_COLOR is set."""
    if common.color is not None:
        return common.color
    wanted = common.output is None and not os.environ.get("NO_COLOR")
    return wanted and on_terminal(sys.stdout) and os.environ.get("TERM") != "dumb"


def _terminal_width() -> int:
    import shutil

    return shutil.get_terminal_size().columns
