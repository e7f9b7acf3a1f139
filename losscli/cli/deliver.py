"""A result to where it was asked for: standard output, or a file whose ending picks the format."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from losscli.cli.talk import answer, on_terminal
from losscli.errors import UsageError

if TYPE_CHECKING:
    from losscli.cli.options import Common
    from losscli.record import Record


def deliver_result(result: Any, form: str | None, common: Common) -> None:
    """A value or gradients, in the format asked for or that of the file's ending, else text."""
    from losscli.files.results import form_of, format_result, write

    if common.output is not None:
        form = form or form_of(common.output) or "text"
        write(common.output, format_result(result, form), force=common.force)
        return
    if form == "npy" and on_terminal(sys.stdout):
        raise UsageError("npy is not for a terminal; use --output FILE.npy or a pipe.")
    answer(format_result(result, form or "text"))


def deliver_record(record: Record, common: Common) -> None:
    """The record of a part, as a line."""
    deliver_page(record.line(), common)


def deliver_page(page: str, common: Common) -> None:
    """A page, or a line, of text."""
    data = f"{page.rstrip(chr(10))}\n"
    if common.output is not None:
        from losscli.files.results import write

        write(common.output, data.encode(), force=common.force)
        return
    encoding = getattr(sys.stdout, "encoding", None) if on_terminal(sys.stdout) else None
    answer(data.encode(encoding or "utf-8", errors="replace"))
