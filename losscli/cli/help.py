"""Help pages: plain text in sections, aligned in two columns, made to read well at 80 columns.

Typer would draw them with Rich, in boxes; that costs its import and is noise to a screen reader.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand, TyperGroup

NAMES_WIDTH = 26  # the left column; a longer name gets a line of its own


class PlainCommand(TyperCommand):
    """A command whose help page has its options in sections."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        write_sections(self, ctx, formatter)


class PlainGroup(TyperGroup):
    """A group whose help page is plain too, and is shown when the group is called with nothing."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            import typer

            typer.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        self.format_commands(ctx, formatter)
        write_sections(self, ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        write_section(
            formatter, "Commands", [(n, c.get_short_help_str(limit=200)) for n, c in commands if c]
        )


def write_sections(command: Any, ctx: Any, formatter: Any) -> None:
    """Every argument and option of `command` under the heading it was given, else "Options"."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None:
            heading = getattr(parameter, "rich_help_panel", None) or "Options"
            sections.setdefault(heading, []).append((record[0], _fragment(record[1])))
    for heading, records in sections.items():
        write_section(formatter, heading, records)


def write_section(formatter: Any, heading: str, rows: Iterable[tuple[str, str]]) -> None:
    """One heading and its rows, in columns that line up with those of the other sections."""
    with formatter.section(heading):
        formatter.write_dl(
            [(name.ljust(NAMES_WIDTH), text) for name, text in rows], col_max=NAMES_WIDTH
        )


def _fragment(text: str) -> str:
    """Typer's own helps are sentences; ours are not, and one page has one style."""
    return text[:1].lower() + text[1:-1] if text.endswith(".") and not text.endswith("..") else text
