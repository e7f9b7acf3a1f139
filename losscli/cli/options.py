"""Command-line options made from signatures: a loss's, a verb's, and those common to all verbs.

A loss command is one shared body with a made signature: CASE, an option per tensor, an option per
parameter, the verb's own keyword-only options, the common ones. Every default is None, so that "not
given" is known: an option overrides the case, the case overrides the default.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import typer

from losscli.cli.help import PlainCommand
from losscli.cli.talk import Talk
from losscli.parameters import Loss, OptionParameter, TensorParameter

Verb = Callable[..., None]  # takes a Request and the verb's own options, by name

SOURCES = """A SOURCE is numbers in place (0.5,2 or '[[1, 2], [3, 4]]'), a file (.csv .tsv .json
.jsonl .yaml .npy .npz, also .gz), part of one (pred.csv#logit_*, pred.csv#2:12, run.npz#logits),
several, joined in the order of their names ('shards/*.npy', 'shards/*.csv#logit_*'), or - for
standard input. CASE is one YAML, JSON or CSV file that holds inputs and parameters by name;
options override it."""

Form = Annotated[
    Literal["text", "json", "yaml", "csv", "npy"] | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="text, json, yaml, csv or npy [default text, or by --output]",
    ),
]
SHORT = {"input": "-i", "target": "-t"}
METAVARS = {float: "NUMBER", int: "INTEGER", str: "NAME"}
INPUTS, PARAMETERS, DEPRECATED = "Inputs", "Parameters", "Deprecated"


@dataclass(frozen=True, kw_only=True)
class Common:
    """The options that every verb has for every loss, as they were given."""

    reduction: str | None = None  # its choices and help depend on the loss
    dtype: Annotated[
        Literal["auto", "float64", "float32"] | None,
        typer.Option(
            metavar="auto|float64|float32",
            help="the precision to compute in; auto is that of the inputs [default auto]",
        ),
    ] = None
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME,...", help="names of the classes, for labels that are words"
        ),
    ] = None
    alphabet: Annotated[
        str | None,
        typer.Option(
            metavar="CHARACTERS",
            help="a character for each class, like -abc; targets may then be words",
        ),
    ] = None
    stdin_format: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FORMAT",
            help="how to read standard input, or a file of another ending: csv, json, yaml, ...",
        ),
    ] = None
    output: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="write to FILE; its ending picks the format"),
    ] = None
    force: Annotated[bool, typer.Option("--force", help="let --output overwrite")] = False
    threads: Annotated[
        str | None,
        typer.Option(metavar="N", help="how many threads to use [default LOSSCLI_THREADS, or all]"),
    ] = None
    strict: Annotated[bool, typer.Option("--strict", help="leave with 1 after a warning")] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="no notes and no warnings")] = False
    verbose: Annotated[
        bool, typer.Option("--verbose", help="say what was inferred about the inputs")
    ] = False
    color: Annotated[
        bool | None, typer.Option(help="colour or none, whatever NO_COLOR and the terminal say")
    ] = None
    size_average: Annotated[
        bool | None,
        typer.Option(rich_help_panel=DEPRECATED, help="as PyTorch has it; use --reduction"),
    ] = None
    reduce: Annotated[
        bool | None,
        typer.Option(rich_help_panel=DEPRECATED, help="as PyTorch has it; use --reduction"),
    ] = None


class Request(NamedTuple):
    """What one command line asks for, before anything is read."""

    loss: Loss
    case: str | None
    sources: dict[str, str]  # by tensor
    options: dict[str, Any]  # by option; numbers are still text
    common: Common
    talk: Talk


def loss_command(verb: Verb, loss: Loss) -> PlainCommand:
    """The command that does `verb` for `loss`."""
    own = _keyword_only(verb)
    common = _common_parameters(loss)

    def body(**given: Any) -> None:
        def taken(names: Any) -> dict[str, Any]:
            return {name: given[name] for name in names if given[name] is not None}

        settings = Common(**{parameter.name: given[parameter.name] for parameter in common})
        talk = Talk(settings.quiet, settings.verbose)
        request = Request(
            loss, given["case"], taken(loss.tensors), taken(loss.options), settings, talk
        )
        verb(request, **{parameter.name: given[parameter.name] for parameter in own})
        if settings.strict and talk.warned:
            raise typer.Exit(1)

    body.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            _case_parameter(),
            *map(_tensor_parameter, loss.tensors.values()),
            *map(_option_parameter, loss.options.values()),
            *own,
            *common,
        ]
    )
    return command_of(loss.name, body, loss.summary, SOURCES)


def command_of(name: str, body: Callable[..., None], help_: str, below: str = "") -> PlainCommand:
    """The command that calls `body` with what its signature says."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=PlainCommand, help=help_, epilog=below)(body)
    command = typer.main.get_command(app)
    assert isinstance(command, PlainCommand)
    return command


def _case_parameter() -> inspect.Parameter:
    return _parameter(
        "case",
        str,
        typer.Argument(
            metavar="[CASE]",
            help="a file with inputs and parameters by name",
            rich_help_panel=INPUTS,
        ),
    )


def _tensor_parameter(parameter: TensorParameter) -> inspect.Parameter:
    """An option that takes a SOURCE."""
    tensor = parameter.tensor
    optional = "" if parameter.required else "; optional"
    return _parameter(
        parameter.name,
        str,
        typer.Option(
            *_flags(parameter.name),
            metavar="SOURCE",
            help=f"{tensor.help} [shape {tensor.shape}{optional}]",
            rich_help_panel=INPUTS,
        ),
    )


def _option_parameter(parameter: OptionParameter) -> inspect.Parameter:
    """An option that takes text, which OptionParameter.check judges later; or a pair of flags."""
    option, default = parameter.option, parameter.default
    facts = "; ".join(filter(None, (option.range, f"default {_default_text(default)}")))
    flags = _flags(parameter.name)
    if parameter.type is bool:
        flags = (f"{flags[0]}/--no-{parameter.name.replace('_', '-')}",)
    choices = [str(choice) for choice in option.choices]
    return _parameter(
        parameter.name,
        bool if parameter.type is bool else str,
        typer.Option(
            *flags,
            metavar="|".join(choices) or METAVARS.get(parameter.type),
            help=f"{option.help} [{facts}]",
            autocompletion=(lambda: choices) if choices else None,
            rich_help_panel=PARAMETERS,
        ),
    )


def _default_text(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return f"{default:g}" if isinstance(default, float) else str(default)


def _common_parameters(loss: Loss) -> list[inspect.Parameter]:
    """The common options, with the reductions that this loss has; --classes, --alphabet if it has any."""
    has = {
        "classes": any("indices" in p.tensor.holds for p in loss.tensors.values()),
        "alphabet": "blank" in loss.options,
    }
    parameters = [p for p in _keyword_only(Common) if has.get(p.name, True)]
    reductions = loss.rows.reductions
    option = typer.Option(
        metavar="|".join(reductions),
        help="how terms become one value; a mean is found also where the sum overflows [default mean]",
    )
    of_this_loss = _parameter("reduction", Literal.__getitem__(reductions), option)
    return [of_this_loss if p.name == "reduction" else p for p in parameters]


def _keyword_only(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The keyword-only parameters of `function`, with their annotations evaluated."""
    hints = typing.get_type_hints(function, include_extras=True)
    return [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]


def _parameter(name: str, kind: Any, info: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, info],
    )


def _flags(name: str) -> Sequence[str]:
    """`--log-probs`; and `-i`, `-t` for the two that everybody types."""
    return tuple(filter(None, (f"--{name.replace('_', '-')}", SHORT.get(name))))
