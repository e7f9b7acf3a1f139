"""What a loss's signature says: its tensors with their shape letters, its options with their range.

A loss is a function. Tensors come first, options are keyword-only, and every one is `Annotated`:

    def huber(
        input: Annotated[Array, Tensor("predictions", "(*)", predicted=True)],
        target: Annotated[Array, Tensor("true values", "(*)")],
        *,
        delta: Annotated[float, Option("where the parabola turns into a line", above=0)] = 1.0,
        show: Show = quiet,
    ) -> Annotated[Terms, Rows("(*)")]:

`Loss` reads all of that once; help pages, checks, the command line, the engine and the tests take it
from there. Nothing here needs NumPy.
"""

from __future__ import annotations

import inspect
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from losscli.errors import KindError, RangeError, UsageError, brief

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from losscli.guesses import Guesses
    from losscli.layout import Laid

    Array = NDArray[Any]
else:
    Array = Any

Holds = Literal["numbers", "indices", "indices or numbers", "whole numbers"]


class Tensor(NamedTuple):
    """A tensor argument.

    `shape` is written in PyTorch's letters: "(N, C, *)", with alternatives after " or ". Letters that
    stand in the shape of the loss's terms (`Rows`) count rows, along which the engine may cut; the
    others (classes, features, frames) stay whole and come last in what the loss's body sees.
    """

    help: str
    shape: str
    holds: Holds = "numbers"
    predicted: bool = False  # its gradient is the one that is wanted unless --wrt says otherwise
    differentiable: bool | str = True  # a name: where that tensor holds numbers, not indices
    # Whether it may be broadcast: "both" ways, only "up" to the shape of the others, or "no".
    broadcasts: Literal["both", "up", "no"] = "both"
    at_least: float = -math.inf
    at_most: float = math.inf
    nan: bool = True  # whether NaN passes; it then shows in the result
    hint: str = ""  # what to do about a value outside the range
    complex: bool = False  # whether its numbers may be complex
    boolean: bool = False  # whether booleans are taken, as 0 and 1: where PyTorch does so
    behind: Literal["", "log_softmax"] = ""  # the gradient is that of the input of this function

    @property
    def bounded(self) -> bool:
        """Whether its numbers must lie in a range."""
        return self.holds == "numbers" and (self.at_least > -math.inf or self.at_most < math.inf)


class Option(NamedTuple):
    """An option: what it does, and the range that it must lie in."""

    help: str
    above: float = -math.inf
    at_least: float = -math.inf
    at_most: float = math.inf
    below: float = math.inf
    choices: tuple[Any, ...] = ()
    # Checks what is neither a number, a flag nor one of a few names; raises, or gives the value.
    read: Callable[[Any], Any] | None = None

    @property
    def range(self) -> str:
        """The range in words, or an empty text."""
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        low = f"above {self.above:g}" if self.above > -math.inf else ""
        if self.at_least > -math.inf:
            low = f"at least {self.at_least:g}"
        high = f"below {self.below:g}" if self.below < math.inf else ""
        if self.at_most < math.inf:
            high = f"at most {self.at_most:g}"
        return " and ".join(filter(None, (low, high)))

    def holds(self, value: Any) -> bool:
        """Whether `value` lies in the range; NaN never does where there is one."""
        if self.choices:
            return value in self.choices
        return (
            (self.above == -math.inf or value > self.above)
            and (self.below == math.inf or value < self.below)
            and (not self.range or self.at_least <= value <= self.at_most)
        )


class Rows(NamedTuple):
    """What a loss returns: one term a row, where `shape` says in letters what a row is.

    `layout` lays tensors out when the letters alone cannot say how (see losscli.layout); `told` is what
    the loss's body is told of the whole tensors, by keyword, as it sees no more than a block of them;
    `counts` is what each row counts for in a mean, for losses where that is not 1, from the loss's
    tensors and options.
    """

    shape: str
    row: str = "element"  # what a row is called: element, row, sample
    reductions: tuple[str, ...] = ("none", "mean", "sum")
    sparse: int = 1  # how much larger a block may be, for losses that look at few numbers of a row
    least: int = 1  # rows in a block at least, for losses whose cost is by step, not by element
    layout: Callable[..., Mapping[str, Laid]] | None = None
    told: Callable[..., Mapping[str, int]] | None = None
    counts: Callable[..., Array | None] | None = None
    counted: str = ""  # what the counts are, in words
    divided: str = ""  # what each term is divided by before it enters a mean, in words
    guesses: Guesses | None = None  # predictions to compare with (losscli.guesses)


class TensorParameter(NamedTuple):
    """One tensor of a loss, as its signature has it."""

    name: str
    tensor: Tensor
    required: bool


class OptionParameter(NamedTuple):
    """One option of a loss, as its signature has it."""

    name: str
    option: Option
    type: type
    default: Any

    def check(self, loss: str, value: Any) -> Any:
        """`value` as this option's type; RangeError or KindError when it is not one or out of range."""
        if self.option.read is not None:
            return self.option.read(value)
        expected = self.option.range
        if getattr(value, "size", None) == 1 and hasattr(value, "item"):
            value = value.item()  # a NumPy scalar
        if self.type is bool:
            if not isinstance(value, bool):
                raise KindError(f"{loss}: {self.name} is {brief(value)}; expected true or false.")
            return value
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            try:
                value = float(value)
            except OverflowError:
                raise RangeError(
                    f"{loss}: {self.name} is an integer too large for a float64."
                ) from None
        if self.type is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, self.type) or isinstance(value, bool):
            kind = {float: "a number", int: "a whole number", str: "a name"}[self.type]
            raise KindError(f"{loss}: {self.name} is {brief(value)}; expected {kind}.")
        if not self.option.holds(value):
            raise RangeError(f"{loss}: {self.name} is {brief(value)}; it must be {expected}.")
        return value


@dataclass(frozen=True)
class Loss:
    """A loss as data: its name, its signature and its card."""

    name: str
    function: Callable[..., Any]
    tensors: Mapping[str, TensorParameter] = field(repr=False)
    options: Mapping[str, OptionParameter] = field(repr=False)
    rows: Rows = field(repr=False)

    @cached_property
    def card(self) -> str:
        """The reference card: the docstring of the loss."""
        return inspect.cleandoc(self.function.__doc__ or "")

    @property
    def summary(self) -> str:
        """The card's first sentence."""
        return first_sentence(self.card)

    @property
    def predicted(self) -> tuple[str, ...]:
        """The tensors whose gradient is wanted unless told otherwise."""
        return tuple(n for n, p in self.tensors.items() if p.tensor.predicted)

    @property
    def differentiable(self) -> tuple[str, ...]:
        """The tensors that have a gradient."""
        return tuple(n for n, p in self.tensors.items() if p.tensor.differentiable)

    def checked_options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every option with its value: what was given, checked, else the default."""
        unknown = set(given) - set(self.options)
        if unknown:
            raise UsageError(
                f"{self.name}: there is no parameter {min(unknown)!r}; "
                f"it takes {', '.join([*self.tensors, *self.options])}."
            )
        return {
            name: parameter.check(self.name, given[name])
            if given.get(name) is not None
            else parameter.default
            for name, parameter in self.options.items()
        }


def read_signature(name: str, function: Callable[..., Any]) -> Loss:
    """The loss that `function` is, from its signature."""
    hints = typing.get_type_hints(function, include_extras=True)
    tensors: dict[str, TensorParameter] = {}
    options: dict[str, OptionParameter] = {}
    for parameter in inspect.signature(function).parameters.values():
        kind, *notes = _unwrap(hints[parameter.name])
        for note in notes:
            if isinstance(note, Tensor):
                required = parameter.default is parameter.empty
                tensors[parameter.name] = TensorParameter(parameter.name, note, required)
            elif isinstance(note, Option):
                options[parameter.name] = OptionParameter(
                    parameter.name, note, kind, parameter.default
                )
    (rows,) = (note for note in _unwrap(hints["return"]) if isinstance(note, Rows))
    return Loss(name, function, tensors, options, rows)


def plain(value: Any) -> Any:
    """An option's value as text has it: of a function, its name, module:function."""
    if not callable(value):
        return value
    name = getattr(value, "__qualname__", type(value).__qualname__)
    return f"{getattr(value, '__module__', '')}:{name}"


def first_sentence(text: str) -> str:
    """The first sentence of a card."""
    return re.split(r"(?<=[.])\s", " ".join(text.split("\n\n")[0].split()), maxsplit=1)[0]


def summary_of(source: str, function: str) -> str:
    """The summary of the loss `function` in the text of its file, which is not run."""
    _, _, rest = source.partition(f"def {function}(")
    return first_sentence(rest.split('"""')[1]) if '"""' in rest else ""


def _unwrap(hint: Any) -> list[Any]:
    """The plain type of a hint and what it is annotated with; `X | None` and `X | Y` count as X."""
    if typing.get_origin(hint) is typing.Annotated:
        kind, *notes = typing.get_args(hint)
        return [*_unwrap(kind), *notes]
    if isinstance(hint, types.UnionType):
        kind = next(k for k in typing.get_args(hint) if k is not type(None))
        return [kind]
    return [hint]
