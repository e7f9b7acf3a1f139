"""A result to where it was asked for: standard output, or a file whose ending picks the format."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from losscli.cli.progress import writing
from losscli.cli.talk import answer, on_terminal
from losscli.errors import UsageError

if TYPE_CHECKING:
    from losscli.cli.options import Common
    from losscli.engine import Problem
    from losscli.files.results import Shape
    from losscli.record import Record


@contextmanager
def delivery(
    problem: Problem | None,
    form: str | None,
    common: Common,
    shape: Shape | Mapping[str, Shape] = (),
) -> Iterator[Callable[[Any], None]]:
    """What takes a result, a value or the gradients of a problem, to where it was asked for.

    It is there before anything is computed, so that a file that may not be written, or not hold a result
    of that shape, costs no time, and a large array is made where it is to lie. Without `form` the format
    is that of the file's ending.
    """
    from losscli.files.results import refuse_shape

    form = result_form(form, common)
    refuse_shape(shape, form)
    with _destination(problem, form, common) as write:

        def deliver(result: Any) -> None:
            with writing(result, common):
                write(result)

        yield deliver


@contextmanager
def _destination(
    problem: Problem | None, form: str, common: Common
) -> Iterator[Callable[[Any], None]]:
    """What writes a result."""
    from losscli import stored
    from losscli.files.results import InPlace, is_device, opened, pieces

    path = _path(common)
    if problem is not None:
        problem.zeros = stored.zeros
    if path is None:
        if form == "npy" and on_terminal(sys.stdout):
            raise UsageError("npy is not for a terminal; use --output FILE.npy or a pipe.")
        yield lambda result: answer(pieces(result, form))
        return
    with opened(path, force=common.force) as stream:
        if form == "npy" and not is_device(path):
            file = InPlace(stream)
            if problem is not None:
                problem.zeros = file.zeros
            yield file.write
        else:
            yield lambda result: stream.writelines(pieces(result, form))


def result_form(form: str | None, common: Common) -> str:
    """The format of a result: that asked for, or that of the file's ending; UsageError if it has none."""
    if form is not None or common.output is None:
        return form or "text"
    from losscli.files.results import WRITTEN, form_of

    return form_of(common.output, WRITTEN)


def deliver_record(record: Record, common: Common) -> None:
    """The record of a part, as a line."""
    deliver_page(record.line(), common)


def deliver_page(page: str, common: Common) -> None:
    """A page, or a line, of text; what UTF-8 does not hold, as in the name of a file, is escaped."""
    data = f"{page.rstrip(chr(10))}\n"
    if (path := _path(common)) is not None:
        from losscli.files.results import write

        write(path, data.encode(errors="backslashreplace"), force=common.force)
        return
    if on_terminal(sys.stdout):
        answer(data.encode(getattr(sys.stdout, "encoding", None) or "utf-8", errors="replace"))
    else:
        answer(data.encode(errors="backslashreplace"))


def _path(common: Common) -> str | None:
    """The file to write to, if one is named."""
    if common.output == "":
        raise UsageError("--output is empty; give the name of a file.")
    return common.output
