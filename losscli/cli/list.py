"""`losscli list`: every loss by family, one line each."""

from __future__ import annotations

from losscli.cli.group import VERBS
from losscli.cli.help import PlainCommand
from losscli.cli.talk import answer
from losscli.losses import FAMILIES, NAMES, summary


def command() -> PlainCommand:
    """The verb."""
    return PlainCommand("list", callback=list_losses, help=VERBS["list"], rich_markup_mode=None)


def list_losses() -> None:
    """Every loss by family, one line each."""
    width = max(map(len, NAMES))
    blocks = (
        "\n".join([family, *(f"  {name:{width}}  {summary(name)}".rstrip() for name in names)])
        for family, names in FAMILIES.items()
    )
    answer(("\n\n".join(blocks) + "\n").encode())
