"""The command line, made with Typer: verbs, one a file, most of them a group of losses.

A verb's module is imported when the verb is used, a loss's when the loss is; NumPy, yaml and Rich
when something is read, computed or drawn with them.
"""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from losscli.cli.exits import exit_code
from losscli.cli.group import VerbGroup

app = typer.Typer(
    name="losscli",
    cls=VerbGroup,
    help="Compute, differentiate and explain the losses of torch.nn.",
    subcommand_metavar="VERB [LOSS] [CASE] [OPTIONS]",
    options_metavar="",
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def show_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        from losscli import __version__

        typer.echo(f"losscli {__version__}")
        raise typer.Exit


@app.callback()
def before_the_verb(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=show_version, is_eager=True, help="show the version and exit"
        ),
    ] = False,
) -> None:
    """What stands before the verb."""


def run(args: Sequence[str]) -> int:
    """Run the command line on `args`, in this process, and give its exit code."""

    def action() -> None:
        command = typer.main.get_command(app)
        with command.make_context("losscli", [*args]) as context:
            command.invoke(context)

    return exit_code(action)


def _leave_on_signals() -> None:
    """On SIGTERM and SIGHUP leave as on an interrupt, so that no half-written file is left behind."""
    numbers = [getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")]
    heard = [n for n in numbers if n is not None and signal.getsignal(n) is signal.SIG_DFL]

    def leave(number: int, _: object) -> None:
        for one in heard:  # it may come twice, but what it has begun to tidy up is to be finished
            signal.signal(one, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in heard:
        signal.signal(number, leave)


def main() -> None:
    """Run the command line on the arguments of the process and leave with the exit code."""
    if os.environ.get("_LOSSCLI_COMPLETE"):  # a shell asks what may come next
        app(prog_name="losscli")
    _leave_on_signals()
    if sys.stdin is None:  # closed; reading it then finds nothing
        sys.stdin = io.TextIOWrapper(io.BytesIO())
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # saves starting threads nobody uses
    # the blocks that Polars is given keep no more threads busy, and each thread takes memory
    os.environ.setdefault("POLARS_MAX_THREADS", str(min(4, os.cpu_count() or 1)))
    code = run(sys.argv[1:])
    gc.freeze()  # an exit that looks for garbage takes longer than many an answer
    sys.exit(code)
