"""Groups whose commands are made only when they are asked for: the verbs, and the losses of a verb.

A help page or a completion needs names and summaries; neither imports a verb's or a loss's module.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from typer.core import TyperCommand, TyperGroup

from losscli.cli.help import PlainCommand, PlainGroup, write_section
from losscli.errors import UnknownLoss, UsageError

VERBS = {
    "compute": "Compute a loss and print its value.",
    "grad": "Compute the gradients of a loss.",
    "merge": "Add up the records of compute --partial, and print the value.",
    "explain": "Explain a loss step by step, with the numbers put in.",
    "list": "List every loss by family, one line each.",
}


class LazyGroup(PlainGroup):
    """A group that knows names and summaries, and makes a command when it is asked for."""

    @abstractmethod
    def sections(self) -> Mapping[str, Mapping[str, str]]:
        """Summaries by name, under the headings of the help page."""

    @abstractmethod
    def canonical(self, name: str) -> str:
        """The name of the command that is meant; UsageError, saying which are near, if none is."""

    @abstractmethod
    def load(self, name: str) -> TyperCommand | TyperGroup:
        """The command of this canonical name."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for section in self.sections().values() for name in section]

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | TyperGroup | None:
        """The command, under any of its names; for a completion, one that has only its summary."""
        try:
            name = self.canonical(cmd_name)
        except UsageError:
            return None
        if ctx.resilient_parsing:
            summaries = {n: s for section in self.sections().values() for n, s in section.items()}
            return PlainCommand(name, help=summaries[name])
        return self.load(name)

    def resolve_command(
        self, ctx: Any, args: list[str]
    ) -> tuple[str | None, TyperCommand | TyperGroup | None, list[str]]:
        """The command that the first argument names; a wrong name keeps its "did you mean"."""
        try:
            name = self.canonical(args[0])
        except UsageError:
            if ctx.resilient_parsing:
                return None, None, args[1:]
            raise
        return name, self.load(name), args[1:]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for heading, summaries in self.sections().items():
            write_section(formatter, heading, summaries.items())


class VerbGroup(LazyGroup):
    """The verbs, each a module of this package with a function `command`."""

    def sections(self) -> Mapping[str, Mapping[str, str]]:
        return {"Verbs": VERBS}

    def canonical(self, name: str) -> str:
        if name in VERBS:
            return name
        from difflib import get_close_matches

        near = get_close_matches(name, VERBS, n=2)
        if near:
            raise UsageError(f"{name!r} is not a verb. Did you mean {' or '.join(near)}?")
        raise UsageError(f"{name!r} is not a verb. {_what_to_do_with(name)}")

    def load(self, name: str) -> TyperCommand | TyperGroup:
        command: TyperCommand | TyperGroup
        command = import_module(f"losscli.cli.{name}").command()
        return command


class LossGroup(LazyGroup):
    """The losses, as the commands of one verb."""

    def __init__(self, verb: Callable[..., None]) -> None:
        self.verb = verb
        name = verb.__name__
        super().__init__(
            name=name,
            help=VERBS[name],
            subcommand_metavar="LOSS [CASE] [OPTIONS]",
            options_metavar="",
            rich_markup_mode=None,
            epilog=f"losscli {name} LOSS --help shows the inputs and parameters of that loss.",
        )

    def sections(self) -> Mapping[str, Mapping[str, str]]:
        from losscli.losses import FAMILIES, summary

        return {
            f"Losses, {family}": {name: summary(name) for name in names}
            for family, names in FAMILIES.items()
        }

    def list_commands(self, ctx: Any) -> list[str]:
        from losscli.losses import NAMES

        return [*NAMES]

    def canonical(self, name: str) -> str:
        from losscli.losses import resolve

        return resolve(name)

    def load(self, name: str) -> TyperCommand:
        from losscli.cli.options import loss_command
        from losscli.losses import load

        return loss_command(self.verb, load(name))


def _what_to_do_with(name: str) -> str:
    """How to go on after a word that is no verb; it may be a loss."""
    from losscli.losses import resolve

    try:
        return f"For the loss, name a verb first: losscli compute {resolve(name)}."
    except UnknownLoss:
        return f"The verbs are {', '.join(VERBS)}."
